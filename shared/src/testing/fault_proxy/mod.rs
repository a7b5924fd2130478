//! A TCP proxy that fails on command, to stand between the product and Postgres or Redis.
//!
//! It runs on a thread of its own, so that neither a test's paused clock nor its blocked runtime changes what it does. A
//! command has taken effect when the call returns.

mod connection;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc as acknowledgements,
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
};

use connection::Connection;

/// Makes an answer from a chunk, or `None`.
type Answerer = Arc<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// What the proxy does with connections and with what they carry.
#[derive(Clone)]
pub enum ProxyMode {
    /// Passes everything on at once.
    Pass,
    /// Passes everything on, each chunk of either direction this much later.
    Delay(Duration),
    /// Accepts connections and bytes and passes nothing on, not even the end of a connection. A connection that lost
    /// something in it stays lost whatever the mode is later, as one does whose network address translation was forgotten.
    BlackHole,
    /// Refuses new connections. What is established passes; [`FaultProxy::cut`] ends it.
    Refuse,
    /// Answers a chunk from the client with what this makes of it, instead of the server; with `None` it passes on.
    Answer(Answerer),
}

/// What went through the proxy so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyTraffic {
    /// Connections accepted.
    pub accepted: u64,
    /// Of them, those that the proxy still holds.
    pub open: u64,
    /// Bytes passed on to the server.
    pub to_server: u64,
    /// Bytes passed on, or made up, to clients.
    pub to_client: u64,
    /// Bytes that went nowhere.
    pub swallowed: u64,
}

/// One proxy in front of one server. Ends with this value, and with it every connection through it.
pub struct FaultProxy {
    address: SocketAddr,
    commands: Option<mpsc::UnboundedSender<(Command, acknowledgements::Sender<()>)>>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

enum Command {
    Mode(ProxyMode),
    Lose,
    Cut,
}

#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    ended: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    swallowed: AtomicU64,
}

/// What the connections follow.
#[derive(Clone)]
struct Orders {
    mode: ProxyMode,
    losses: u64,
    cuts: u64,
}

impl FaultProxy {
    /// A passing proxy in front of the server that the URL names.
    #[must_use]
    pub fn before(url: &str) -> Self {
        let (start, end) = address_in(url);
        let server = url[start..end].to_owned();
        let (commands, received) = mpsc::unbounded_channel();
        let (tell_address, told_address) = acknowledgements::channel();
        let counters = Arc::<Counters>::default();
        let counted = Arc::clone(&counters);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(serve(server, received, counted, &tell_address));
        });
        Self {
            address: told_address.recv().expect("the proxy listens"),
            commands: Some(commands),
            counters,
            thread: Some(thread),
        }
    }

    /// The same URL, through this proxy.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        let (start, end) = address_in(url);
        format!("{}{}{}", &url[..start], self.address, &url[end..])
    }

    /// Changes what happens from now on, to established connections too.
    pub fn set(&self, mode: ProxyMode) {
        self.command(Command::Mode(mode));
    }

    /// Puts every established connection into the black hole for good; new ones are treated as the mode says. So it is when
    /// a firewall or an address translation forgets what idled for too long.
    pub fn lose(&self) {
        self.command(Command::Lose);
    }

    /// Resets every established connection. The server sees its side of them end.
    pub fn cut(&self) {
        self.command(Command::Cut);
    }

    /// As if the server's process were killed: connections are reset, new ones refused.
    pub fn stop(&self) {
        self.set(ProxyMode::Refuse);
        self.cut();
    }

    /// What went through so far.
    #[must_use]
    pub fn traffic(&self) -> ProxyTraffic {
        let read = |counter: &AtomicU64| counter.load(SeqCst);
        // The ends first: a connection that ends in between may be counted as open, never the other way round.
        let ended = read(&self.counters.ended);
        let accepted = read(&self.counters.accepted);
        ProxyTraffic {
            accepted,
            open: accepted - ended,
            to_server: read(&self.counters.to_server),
            to_client: read(&self.counters.to_client),
            swallowed: read(&self.counters.swallowed),
        }
    }

    fn command(&self, command: Command) {
        let (acknowledge, acknowledged) = acknowledgements::channel();
        self.commands
            .as_ref()
            .and_then(|commands| commands.send((command, acknowledge)).ok())
            .expect("the proxy runs");
        acknowledged.recv().expect("the proxy runs");
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.commands = None;
        // A proxy that panicked has failed its test already.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Where in the URL `host:port` stands.
fn address_in(url: &str) -> (usize, usize) {
    let authority = url.find("://").expect("a URL with a scheme") + 3;
    let end = url[authority..]
        .find(['/', '?'])
        .map_or(url.len(), |length| authority + length);
    let start = url[authority..end]
        .rfind('@')
        .map_or(authority, |at| authority + at + 1);
    assert!(url[start..end].contains(':'), "a URL that names its port");
    (start, end)
}

/// Binds to the proxy's address. With `SO_REUSEADDR` several sockets may, as long as one at most listens.
fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("a free port");
    socket
}

async fn serve(
    server: String,
    mut commands: mpsc::UnboundedReceiver<(Command, acknowledgements::Sender<()>)>,
    counters: Arc<Counters>,
    tell_address: &acknowledgements::Sender<SocketAddr>,
) {
    // Never listens: it keeps the port ours while connections are refused.
    let holder = bind((Ipv4Addr::LOCALHOST, 0).into());
    let address = holder.local_addr().expect("bound");
    let listen = || bind(address).listen(1_024).expect("nobody else listens");
    let mut listener = Some(listen());
    tell_address.send(address).expect("the test waits");

    let (orders, _) = watch::channel(Orders {
        mode: ProxyMode::Pass,
        losses: 0,
        cuts: 0,
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => {
                let Some((command, acknowledge)) = command else { return };
                match command {
                    Command::Mode(mode) => {
                        listener = match (listener, &mode) {
                            (_, ProxyMode::Refuse) => None,
                            (None, _) => Some(listen()),
                            (listening, _) => listening,
                        };
                        orders.send_modify(|orders| orders.mode = mode);
                    }
                    Command::Lose => orders.send_modify(|orders| orders.losses += 1),
                    Command::Cut => {
                        orders.send_modify(|orders| orders.cuts += 1);
                        while connections.join_next().await.is_some() {}
                    }
                }
                // The caller may have been dropped with its test.
                let _ = acknowledge.send(());
            }
            client = accept(listener.as_ref()) => {
                let connection = Connection::accepted(Arc::clone(&counters), orders.subscribe());
                connections.spawn(connection.run(client, server.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    loop {
        match listener {
            Some(listener) => {
                if let Ok((client, _)) = listener.accept().await {
                    return client;
                }
            }
            None => std::future::pending().await,
        }
    }
}
