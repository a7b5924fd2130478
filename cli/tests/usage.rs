//! Mistakes on the command line, and servers that are not there or not Countersign.

mod support;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::Value;
use shared::{
    auth::{ApiKey, Environment},
    context::Random,
};
use support::run;
use uuid::Uuid;

const ID: &str = "019a9f00-0000-7000-8000-000000000001";

fn connection(url: &str) -> support::Environment {
    use secrecy::ExposeSecret as _;
    let key = ApiKey::mint(Environment::Dev, Uuid::nil(), &Random::from_seed(1));
    [
        ("COUNTERSIGN_URL", url.to_owned()),
        ("COUNTERSIGN_TENANT", ID.to_owned()),
        ("COUNTERSIGN_API_KEY", key.text.expose_secret().to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Answers one request with `answer` and returns the request's head.
fn answer_once(answer: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let head = read_head(&stream);
        stream.write_all(answer.as_bytes()).expect("written");
        head
    });
    (url, server)
}

fn read_head(stream: &TcpStream) -> String {
    BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn mistakes_on_the_command_line_exit_with_2() {
    let environment = connection("http://127.0.0.1:1");
    let table: [&[&str]; 10] = [
        &[],
        &["frobnicate"],
        &["wait"],
        &["wait", "not-a-uuid"],
        &["request", "--tool", "t"],
        &["request", "--tool", "t", "--reason", "r", "--arguments", "[]"],
        &["key", "create", "--role", "king"],
        &["key", "create", "--role", "agent"],
        &["key", "create", "--role", "approver"],
        &[
            "key",
            "create",
            "--role",
            "agent",
            "--caller-id",
            "a",
            "--expires-at",
            "tomorrow",
        ],
    ];
    for arguments in table {
        let ran = run(&environment, arguments).expect(2);
        assert!(
            ran.stdout.is_empty() && !ran.stderr.is_empty(),
            "{arguments:?}: {ran:?}"
        );
    }
}

#[test]
fn missing_and_malformed_credentials_are_told_before_anything_is_sent() {
    let with = |name: &str, value: &str| {
        let mut environment = connection("http://127.0.0.1:1");
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value.to_owned()));
        run(&environment, &["inbox"])
    };
    assert!(
        with("COUNTERSIGN_API_KEY", "")
            .expect(2)
            .stderr
            .contains("set COUNTERSIGN_API_KEY")
    );
    assert!(
        with("COUNTERSIGN_TENANT", "")
            .expect(2)
            .stderr
            .contains("set COUNTERSIGN_TENANT")
    );
    with("COUNTERSIGN_TENANT", "acme").expect(2);
    with("COUNTERSIGN_URL", "localhost:9000").expect(2);
    let mistyped = with("COUNTERSIGN_API_KEY", "cs_dev_hunter2").expect(6);
    assert!(!mistyped.stderr.contains("hunter2"), "{}", mistyped.stderr);
}

#[test]
fn help_goes_to_standard_output_and_shows_no_value_of_the_key() {
    let environment = connection("http://127.0.0.1:1");
    let help = run(&environment, &["--help"]).expect(0);
    assert!(
        help.stdout.contains("Exit codes:") && help.stdout.contains("COUNTERSIGN_API_KEY"),
        "{}",
        help.stdout
    );
    assert!(!help.stdout.contains(&environment[2].1), "{}", help.stdout);
    run(&environment, &["--version"]).expect(0);
}

#[test]
fn a_server_that_is_not_there_exits_with_1_and_names_the_address() {
    let environment = connection("http://127.0.0.1:1");
    for arguments in [&["inbox"][..], &["wait", ID], &["approve", ID]] {
        let ran = run(&environment, arguments).expect(1);
        assert!(
            ran.stderr
                .starts_with("error[UNAVAILABLE]: http://127.0.0.1:1 does not answer"),
            "{}",
            ran.stderr
        );
    }
    let json = run(&environment, &["inbox", "--json"]).expect(1);
    let error: Value = serde_json::from_str(&json.stderr).expect("JSON on standard error");
    assert!(
        json.stdout.is_empty() && error["error"]["code"] == "UNAVAILABLE",
        "{json:?}"
    );
}

#[test]
fn the_demo_names_the_key_it_lacks() {
    let ran = run(&[], &["demo", "--keys-file", "/nonexistent/keys.env"]).expect(2);
    assert!(
        ran.stderr
            .contains("ACME_TENANT is neither set nor in /nonexistent/keys.env"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_redirect_is_not_followed_with_the_credential() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("set");
    let target = format!("http://{}/", elsewhere.local_addr().expect("an address"));
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
    let (url, server) = answer_once(Box::leak(answer.into_boxed_str()));

    let ran = run(&connection(&url), &["inbox"]).expect(1);
    assert!(
        ran.stderr.contains("redirects, which is not followed") && ran.stderr.contains(&target),
        "{}",
        ran.stderr
    );
    let head = server.join().expect("it answered").to_lowercase();
    assert!(
        head.contains("authorization: bearer cs_dev_") && head.contains(&format!("x-tenant-id: {ID}")),
        "{head}"
    );
    assert!(elsewhere.accept().is_err(), "nobody came to the other address");
}

#[test]
fn an_answer_that_is_not_countersigns_is_not_believed() {
    let table = [
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 12\r\n\r\n<h1>No</h1>\r\n",
            "status 502, is not Countersign's",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<h1>Hi</h1>\r\n",
            "status 200, is not Countersign's",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "is no list"),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}",
            "status 403, is not Countersign's",
        ),
    ];
    for (answer, message) in table {
        let (url, server) = answer_once(answer);
        let ran = run(&connection(&url), &["inbox"]).expect(1);
        assert!(ran.stderr.contains(message), "{}", ran.stderr);
        server.join().expect("it answered");
    }
}

#[test]
fn what_a_server_says_cannot_drive_the_terminal() {
    let body = r#"{"success":false,"error":{"code":"NOT_FOUND","message":"Not\u001b[2J found\u202e"},"meta":{}}"#;
    let answer = format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (url, server) = answer_once(Box::leak(answer.into_boxed_str()));
    let ran = run(&connection(&url), &["wait", ID]).expect(7);
    assert_eq!(ran.stderr, "error[NOT_FOUND]: Not<U+001B>[2J found<U+202E>\n");
    server.join().expect("it answered");
}
