//! One connection through the proxy, and what becomes of its bytes.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::{net::TcpStream, sync::watch};

use super::{Counters, Orders, ProxyMode};

/// The most that is passed on at once, in bytes.
const CHUNK: usize = 16 * 1_024;

/// One connection through the proxy.
pub(super) struct Connection {
    counters: Arc<Counters>,
    orders: watch::Receiver<Orders>,
    /// How many losses and cuts there had been when it was accepted.
    losses: u64,
    cuts: u64,
    /// Something of it was swallowed.
    lost: AtomicBool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counters.ended.fetch_add(1, SeqCst);
    }
}

impl Connection {
    pub(super) fn accepted(counters: Arc<Counters>, orders: watch::Receiver<Orders>) -> Self {
        counters.accepted.fetch_add(1, SeqCst);
        let (losses, cuts) = (orders.borrow().losses, orders.borrow().cuts);
        Self {
            counters,
            orders,
            losses,
            cuts,
            lost: AtomicBool::new(false),
        }
    }

    /// Exchanges until one side ends it, or until it is cut.
    pub(super) async fn run(self, client: TcpStream, server: String) {
        let mut orders = self.orders.clone();
        let cut = orders.wait_for(|orders| orders.cuts != self.cuts);
        let was_cut = tokio::select! {
            biased;
            _ = cut => true,
            reached = self.exchange(&client, &server) => !reached,
        };
        if was_cut {
            // A reset instead of an orderly end.
            let _ = client.set_zero_linger();
        }
    }

    /// Exchanges until one side ends it. Says whether there was a server.
    async fn exchange(&self, client: &TcpStream, server: &str) -> bool {
        if self.is_lost() {
            self.pass(client, None).await;
        }
        let Ok(server) = TcpStream::connect(server).await else {
            return false;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        tokio::select! {
            () = self.pass(client, Some(&server)) => {}
            () = self.pass_back(&server, client) => {}
        }
        true
    }

    /// Passes on what the client sends.
    async fn pass(&self, client: &TcpStream, server: Option<&TcpStream>) {
        let mut chunk = vec![0; CHUNK];
        while let Some(sent) = self.next(client, &mut chunk).await {
            let answer = match &self.orders.borrow().mode {
                ProxyMode::Answer(answer) => answer(sent),
                _ => None,
            };
            let (to, bytes, counter) = match (&answer, server) {
                (Some(answer), _) => (client, answer.as_slice(), &self.counters.to_client),
                (None, Some(server)) => (server, sent, &self.counters.to_server),
                (None, None) => return,
            };
            if !write(to, bytes).await {
                return;
            }
            counter.fetch_add(bytes.len() as u64, SeqCst);
        }
    }

    /// Passes on what the server sends.
    async fn pass_back(&self, server: &TcpStream, client: &TcpStream) {
        let mut chunk = vec![0; CHUNK];
        while let Some(sent) = self.next(server, &mut chunk).await {
            if !write(client, sent).await {
                return;
            }
            self.counters.to_client.fetch_add(sent.len() as u64, SeqCst);
        }
    }

    /// The next chunk that is to be passed on, once it is time; `None` at the end of the connection.
    async fn next<'chunk>(&self, from: &TcpStream, chunk: &'chunk mut [u8]) -> Option<&'chunk [u8]> {
        loop {
            let length = read(from, chunk).await;
            if self.is_lost() {
                self.counters.swallowed.fetch_add(length as u64, SeqCst);
                if length == 0 {
                    // The end is swallowed too.
                    std::future::pending::<()>().await;
                }
                continue;
            }
            let delay = match self.orders.borrow().mode {
                ProxyMode::Delay(delay) => Some(delay),
                _ => None,
            };
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
            }
            return (length > 0).then_some(&chunk[..length]);
        }
    }

    fn is_lost(&self) -> bool {
        let orders = self.orders.borrow();
        if matches!(orders.mode, ProxyMode::BlackHole) || orders.losses != self.losses {
            self.lost.store(true, SeqCst);
        }
        self.lost.load(SeqCst)
    }
}

/// How many bytes came; 0 at the end of the connection, orderly or not.
async fn read(from: &TcpStream, chunk: &mut [u8]) -> usize {
    while from.readable().await.is_ok() {
        match from.try_read(chunk) {
            Ok(length) => return length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return 0,
        }
    }
    0
}

/// Writes all of it; `false` when the connection is at its end.
async fn write(to: &TcpStream, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        if to.writable().await.is_err() {
            return false;
        }
        match to.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
    true
}
