//! A TCP proxy that counts round trips and, in front of Postgres, hears the statements that the server says it executes.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use regex::Regex;

/// What the server tells as `LOG` messages when `client_min_messages` is `log` and `log_statement` is `all`.
pub const TELL_STATEMENTS: &str = "SET client_min_messages = 'log'; SET log_statement = 'all'";

/// One statement as Postgres executed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text, with `$1` for the first parameter.
    pub text: String,
    /// The parameters in Postgres' text form.
    pub parameters: Vec<Option<String>>,
}

/// What passed since the last [`Wire::take`].
#[derive(Debug, Default)]
pub struct Traffic {
    /// How often a client sent something after it had heard something (or nothing yet): how often it waited.
    pub round_trips: usize,
    /// What Postgres executed, if it was made to tell ([`TELL_STATEMENTS`], without TLS).
    pub statements: Vec<Statement>,
}

/// A proxy in front of one server. It lives as long as the process.
pub struct Wire {
    address: SocketAddr,
    traffic: Arc<Mutex<Traffic>>,
}

impl Wire {
    /// A proxy in front of `host:port`.
    #[must_use]
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let wire = Self {
            address: listener.local_addr().expect("bound"),
            traffic: Arc::default(),
        };
        let (server, traffic) = (server.to_owned(), Arc::clone(&wire.traffic));
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("accepted");
                let upstream = TcpStream::connect(&server).expect("the server answers");
                pass(&client, &upstream, &traffic);
            }
        });
        wire
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What passed until now, and starts anew.
    #[must_use]
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut *lock(&self.traffic))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes both directions of one connection on, each on a thread.
fn pass(client: &TcpStream, upstream: &TcpStream, traffic: &Arc<Mutex<Traffic>>) {
    let client_waits = Arc::new(Mutex::new(false));
    let clone = |stream: &TcpStream| stream.try_clone().expect("cloned");
    for stream in [client, upstream] {
        stream.set_nodelay(true).expect("a socket");
    }
    {
        let (client, upstream) = (clone(client), clone(upstream));
        let (traffic, waits) = (Arc::clone(traffic), Arc::clone(&client_waits));
        thread::spawn(move || {
            copy(client, upstream, |_| {
                if !std::mem::replace(&mut *lock(&waits), true) {
                    lock(&traffic).round_trips += 1;
                }
            });
        });
    }
    let (client, upstream, traffic) = (clone(client), clone(upstream), Arc::clone(traffic));
    thread::spawn(move || {
        let mut unread = Vec::new();
        copy(upstream, client, |chunk| {
            *lock(&client_waits) = false;
            unread.extend_from_slice(chunk);
            let heard = statements(&mut unread);
            lock(&traffic).statements.extend(heard);
        });
    });
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        see(&buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Takes whole messages of a Postgres server from the front, and returns the statements told in its notices.
///
/// Bytes of another protocol only pile up, or are dropped as messages that are no notice.
fn statements(unread: &mut Vec<u8>) -> Vec<Statement> {
    let mut heard = Vec::new();
    while let Some((&[kind, a, b, c, d], _)) = unread.split_first_chunk() {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if unread.len() <= length {
            break;
        }
        let message: Vec<u8> = unread.drain(..=length).collect();
        if kind == b'N' {
            heard.extend(statement(&message[5..]));
        }
    }
    heard
}

/// The statement that a notice tells, by the fields `M` and `D` (PostgreSQL, "Error and Notice Message Fields").
fn statement(fields: &[u8]) -> Option<Statement> {
    let field = |name: u8| {
        fields
            .split(|byte| *byte == 0)
            .find_map(|field| field.strip_prefix(&[name]))
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let message = field(b'M')?;
    let (how, text) = message.split_once(": ")?;
    if how != "statement" && !how.starts_with("execute ") {
        return None;
    }
    Some(Statement {
        text: text.to_owned(),
        parameters: field(b'D').as_deref().map(parameters).unwrap_or_default(),
    })
}

/// Reads `parameters: $1 = 'it''s', $2 = NULL`.
fn parameters(detail: &str) -> Vec<Option<String>> {
    let one = Regex::new(r"(?s)\$\d+ = (?:NULL|'((?:[^']|'')*)')").expect("a pattern");
    one.captures_iter(detail)
        .map(|found| found.get(1).map(|text| text.as_str().replace("''", "'")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(message: &str, detail: &str) -> Vec<u8> {
        let body = format!("SLOG\0M{message}\0D{detail}\0\0");
        let length = u32::try_from(body.len() + 4).expect("short");
        [&b"N"[..], &length.to_be_bytes(), body.as_bytes()].concat()
    }

    #[test]
    fn statements_are_heard_however_the_bytes_are_cut() {
        let ready = [b'Z', 0, 0, 0, 5, b'I'];
        let told = notice(
            "execute sqlx_s_3: SELECT $1, $2, $3",
            "parameters: $1 = 'it''s $2 = ''x''', $2 = NULL, $3 = '{\"a\": 1}'",
        );
        let stream = [&ready[..], &told, &notice("statement: COMMIT", ""), &ready].concat();
        let expected = [
            Statement {
                text: "SELECT $1, $2, $3".to_owned(),
                parameters: vec![Some("it's $2 = 'x'".to_owned()), None, Some("{\"a\": 1}".to_owned())],
            },
            Statement {
                text: "COMMIT".to_owned(),
                parameters: Vec::new(),
            },
        ];
        for size in 1..stream.len() {
            let mut unread = Vec::new();
            let mut heard = Vec::new();
            for chunk in stream.chunks(size) {
                unread.extend_from_slice(chunk);
                heard.extend(statements(&mut unread));
            }
            assert_eq!(heard, expected, "chunks of {size}");
            assert!(unread.is_empty());
        }
    }

    #[test]
    fn other_notices_are_no_statements() {
        for message in [
            "duration: 3 ms",
            "relation \"x\" already exists",
            "parse sqlx_s_1: SELECT 1",
        ] {
            assert!(statements(&mut notice(message, "")).is_empty(), "{message}");
        }
    }
}
