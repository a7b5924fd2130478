//! The commands of agents: asking, waiting, redeeming, and what their exit codes tell.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

use serde_json::{Value, json};

use crate::{
    REQUEST, id_of, start,
    support::{Ran, of_key, run, spawn},
};

#[test]
fn the_exit_code_of_wait_tells_how_it_went() {
    let service = start();
    let denied = service.request(&[]);
    service
        .as_approver(&["deny", &denied, "--yes", "--note", "No"])
        .expect(0);
    let told = service.as_agent(&["wait", &denied]).expect(3);
    assert!(
        told.stdout.contains("DENY by user:") && told.stdout.contains(": No"),
        "{}",
        told.stdout
    );

    let cancelled = service.request(&[]);
    let told = service.as_agent(&["cancel", &cancelled]).expect(0);
    assert_eq!(told.stdout, "CANCELLED\n");
    service.as_agent(&["wait", &cancelled]).expect(4);

    let pending = service.request(&[]);
    let late = service
        .as_agent(&["wait", &pending, "--timeout", "1", "--json"])
        .expect(5);
    assert_eq!(late.value()["status"], "PENDING");
    assert!(late.stderr.contains("still pending after 1 s"), "{}", late.stderr);
    service.as_agent(&["wait", &pending, "--timeout", "0"]).expect(5);
}

#[test]
fn waiting_goes_on_over_votes_until_the_decision() {
    let service = start();
    let ours = &service.with.ours;
    let arguments = [
        "request",
        "--json",
        "--tool",
        "t",
        "--reason",
        "r",
        "--required-approvals",
        "2",
        "--wait",
        "60",
    ];
    let mut waiter = spawn(&of_key(&service.url, &ours.agent), &arguments);
    // It may not have been made yet.
    let id = loop {
        assert!(
            waiter.try_wait().expect("it started").is_none(),
            "it ended before anybody decided"
        );
        let inbox = service.as_approver(&["inbox", "--json"]).expect(0);
        if !inbox.stdout.is_empty() {
            break id_of(&inbox.value());
        }
    };
    let first = service
        .as_approver(&["approve", &id, "--yes", "--json"])
        .expect(0)
        .value();
    assert_eq!((&first["status"], &first["approvals"]), (&json!("PENDING"), &json!(1)));
    service
        .as_holder(&ours.second_approver, &["approve", &id, "--yes"])
        .expect(0);

    let ran = Ran::from(waiter.wait_with_output().expect("it ran")).expect(0);
    let [made, ended] = &ran.values()[..] else {
        panic!("{}", ran.stdout)
    };
    assert!(
        made["token"].as_str().is_some_and(|token| token.starts_with("cst_")),
        "{made}"
    );
    assert_eq!((&ended["status"], &ended["approvals"]), (&json!("APPROVED"), &json!(2)));
}

#[test]
fn an_approval_is_redeemed_once_for_its_call() {
    let service = start();
    let call = ["--tool", "payments.refund", "--arguments", r#"{"amount":1}"#];
    let ask = [&["request", "--json", "--reason", "Charged twice"], &call[..]].concat();
    let id = id_of(&service.as_agent(&ask).expect(0).value());
    let redeem = |call: &[&str]| service.as_agent(&[&["redeem", &id], call].concat());
    redeem(&call).expect(8);
    service.as_approver(&["approve", &id, "--yes"]).expect(0);
    let other = redeem(&["--tool", "payments.refund", "--arguments", r#"{"amount":2}"#]).expect(8);
    assert!(other.stderr.contains("error[DIGEST_MISMATCH]: "), "{}", other.stderr);
    assert_eq!(redeem(&call).expect(0).stdout, "CONSUMED\n");
    let again = redeem(&call).expect(8);
    assert!(again.stderr.contains("error[ALREADY_CONSUMED]: "), "{}", again.stderr);
    let shown = service.as_approver(&["show", &id]).expect(0).stdout;
    assert!(shown.contains("Status       CONSUMED, 1 of 1 approvals"), "{shown}");
}

#[test]
fn exit_code_0_of_a_tool_call_allows_it() {
    let service = start();
    let call = |tool: &str| service.as_agent(&["tool-call", "--json", "--tool", tool]);
    assert_eq!(call("list_files").expect(0).value()["decision"], "ALLOW");
    assert_eq!(call("get_secret").expect(3).value()["decision"], "DENY");
    assert_eq!(call("deploy").expect(5).value()["decision"], "REQUIRE_APPROVAL");
    // People who approve it while it is waited for: then it is redeemed as well.
    let arguments = [
        "tool-call",
        "--json",
        "--tool",
        "deploy",
        "--reason",
        "Release 42",
        "--wait",
        "60",
    ];
    let mut waiter = spawn(&of_key(&service.url, &service.with.ours.agent), &arguments);
    let mut lines = BufReader::new(waiter.stdout.take().expect("piped")).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON") };
    let id = id_of(&next()["approval"]);
    service.as_approver(&["approve", &id, "--yes"]).expect(0);
    assert_eq!(next()["status"], "APPROVED");
    assert_eq!(next()["status"], "CONSUMED");
    assert_eq!(waiter.wait().expect("it ends").code(), Some(0));
}

/// Stands before the service and lets the first `lost` answers go astray: what asked for them is done all the same.
fn losing(lost: usize, url: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = format!("http://{}", listener.local_addr().expect("bound"));
    let server = url.strip_prefix("http://").expect("a URL").to_owned();
    thread::spawn(move || {
        for (n, client) in listener.incoming().enumerate() {
            let (mut client, mut server) = (
                client.expect("accepted"),
                TcpStream::connect(&server).expect("it answers"),
            );
            let mut asking = client.try_clone().expect("cloned");
            let mut asked = server.try_clone().expect("cloned");
            thread::spawn(move || io::copy(&mut asking, &mut asked));
            if n < lost {
                let mut first = [0];
                server.read_exact(&mut first).expect("an answer");
                client.shutdown(Shutdown::Both).expect("closed");
            } else {
                thread::spawn(move || io::copy(&mut server, &mut client));
            }
        }
    });
    own
}

#[test]
fn an_answer_that_was_lost_is_asked_for_again_and_nothing_happens_twice() {
    let service = start();
    let agent = |lost: usize, arguments: &[&str]| {
        let url = losing(lost, &service.url);
        run(&of_key(&url, &service.with.ours.agent), arguments)
    };
    let asked = agent(1, &REQUEST).expect(0).value();
    assert_eq!(asked["token"], Value::Null, "it was in the answer that was lost");
    let listed = service.as_approver(&["inbox", "--json"]).expect(0);
    assert_eq!(listed.stdout.matches(&id_of(&asked)).count(), 1);

    let id = id_of(&asked);
    service.as_approver(&["approve", &id, "--yes"]).expect(0);
    agent(2, &["redeem", &id, "--tool", "payments.refund"]).expect(0);
    // Another run is another redemption.
    agent(0, &["redeem", &id, "--tool", "payments.refund"]).expect(8);
}
