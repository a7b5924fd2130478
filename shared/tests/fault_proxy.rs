//! The proxy that other tests rely on, in front of a server that echoes.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use shared::testing::{FaultProxy, ProxyMode};

/// Longer than anything here takes, so that what should not hang fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that echoes each chunk, and a passing proxy before it.
fn proxied_echo() -> FaultProxy {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut chunk = [0; 1_024];
                while let Ok(length @ 1..) = client.read(&mut chunk) {
                    if client.write_all(&chunk[..length]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    FaultProxy::before(&format!("echo://{address}"))
}

fn address(proxy: &FaultProxy) -> String {
    proxy.url("echo://127.0.0.1:1").split_off("echo://".len())
}

fn connect(proxy: &FaultProxy) -> TcpStream {
    let stream = TcpStream::connect(address(proxy)).expect("accepted");
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    stream
}

fn echo(stream: &mut TcpStream, text: &[u8]) -> Vec<u8> {
    stream.write_all(text).expect("sent");
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).expect("answered");
    answer
}

fn is_silent(stream: &mut TcpStream) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("an option");
    let silent = stream
        .read(&mut [0])
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    silent
}

#[test]
fn only_the_address_in_a_url_is_replaced() {
    let proxy = proxied_echo();
    let through = address(&proxy);
    assert_eq!(
        proxy.url("postgres://app:p%40ss@127.0.0.1:5432/db?sslmode=disable"),
        format!("postgres://app:p%40ss@{through}/db?sslmode=disable")
    );
    assert_eq!(proxy.url("redis://127.0.0.1:6379"), format!("redis://{through}"));
}

#[test]
fn it_passes_and_counts() {
    let proxy = proxied_echo();
    let mut first = connect(&proxy);
    assert_eq!(echo(&mut first, b"hello"), b"hello");
    let second = connect(&proxy);
    drop(second);
    let deadline = Instant::now() + PATIENCE;
    while proxy.traffic().open != 1 || proxy.traffic().accepted != 2 {
        assert!(Instant::now() < deadline, "{:?}", proxy.traffic());
        std::thread::yield_now();
    }
    let traffic = proxy.traffic();
    assert_eq!((traffic.to_server, traffic.to_client, traffic.swallowed), (5, 5, 0));
}

#[test]
fn a_delay_holds_each_chunk_in_each_direction() {
    let proxy = proxied_echo();
    let mut stream = connect(&proxy);
    proxy.set(ProxyMode::Delay(Duration::from_millis(100)));
    let started = Instant::now();
    assert_eq!(echo(&mut stream, b"slow"), b"slow");
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[test]
fn what_was_in_a_black_hole_stays_lost_and_new_connections_do_not() {
    let proxy = proxied_echo();
    let mut established = connect(&proxy);
    let mut untouched = connect(&proxy);
    assert_eq!(echo(&mut established, b"before"), b"before");
    assert_eq!(echo(&mut untouched, b"before"), b"before");
    proxy.set(ProxyMode::BlackHole);
    established.write_all(b"lost").expect("accepted");
    let mut within = connect(&proxy);
    within.write_all(b"lost too").expect("accepted");
    assert!(is_silent(&mut established) && is_silent(&mut within));
    assert_eq!(proxy.traffic().swallowed, 12);

    proxy.set(ProxyMode::Pass);
    established.write_all(b"still lost").expect("accepted");
    assert!(is_silent(&mut established) && is_silent(&mut within));
    assert_eq!(echo(&mut untouched, b"after"), b"after", "it lost nothing");
    assert_eq!(echo(&mut connect(&proxy), b"after"), b"after");
}

#[test]
fn a_cut_resets_and_lets_new_connections_in() {
    let proxy = proxied_echo();
    let mut stream = connect(&proxy);
    assert_eq!(echo(&mut stream, b"before"), b"before");
    proxy.cut();
    assert_eq!(proxy.traffic().open, 0);
    assert_eq!(
        stream.read(&mut [0]).map_err(|error| error.kind()),
        Err(ErrorKind::ConnectionReset)
    );
    assert_eq!(echo(&mut connect(&proxy), b"after"), b"after");
}

#[test]
fn refusing_keeps_what_is_established_and_ends_on_command() {
    let proxy = proxied_echo();
    let mut stream = connect(&proxy);
    assert_eq!(echo(&mut stream, b"before"), b"before");
    for _ in 0..3 {
        proxy.set(ProxyMode::Refuse);
        let refused = TcpStream::connect(address(&proxy)).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
        assert_eq!(echo(&mut stream, b"during"), b"during");
        proxy.set(ProxyMode::Pass);
        assert_eq!(echo(&mut connect(&proxy), b"after"), b"after");
    }
    proxy.stop();
    assert!(stream.read(&mut [0]).is_err());
    assert!(TcpStream::connect(address(&proxy)).is_err());
}

#[test]
fn it_answers_in_place_of_the_server() {
    let proxy = proxied_echo();
    let mut stream = connect(&proxy);
    proxy.set(ProxyMode::Answer(Arc::new(|sent| {
        sent.starts_with(b"?").then(|| b"made up".to_vec())
    })));
    assert_eq!(echo(&mut stream, b"passed on"), b"passed on");
    stream.write_all(b"?").expect("sent");
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"made up");
}

#[test]
fn what_is_lost_is_established_and_nothing_else() {
    let proxy = proxied_echo();
    let mut established = connect(&proxy);
    assert_eq!(echo(&mut established, b"before"), b"before");
    proxy.lose();
    established.write_all(b"lost").expect("accepted");
    assert!(is_silent(&mut established));
    assert_eq!(echo(&mut connect(&proxy), b"after"), b"after");
}
