//! The commands that speak to the service, against the real functions.

mod support;

use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};
use shared::testing::{TestKey, TestTenant};
use support::{Ran, Scratch, Service, of_key, run, run_with_input, spawn, text};

/// Two tenants, the first with an agent whose requests the tests decide.
struct Tenants {
    ours: TestTenant,
    theirs: TestTenant,
}

fn start() -> Service<Tenants> {
    Service::start(|stack| async {
        let tenants = Tenants {
            ours: stack.tenant().await,
            theirs: stack.tenant().await,
        };
        (stack, tenants)
    })
}

impl Service<Tenants> {
    fn as_holder(&self, key: &TestKey, arguments: &[&str]) -> Ran {
        run(&of_key(&self.url, key), arguments)
    }

    fn as_agent(&self, arguments: &[&str]) -> Ran {
        self.as_holder(&self.with.ours.agent, arguments)
    }

    fn as_approver(&self, arguments: &[&str]) -> Ran {
        self.as_holder(&self.with.ours.approver, arguments)
    }

    /// Makes a request and returns its id.
    fn request(&self, more: &[&str]) -> String {
        let arguments = [
            &[
                "request",
                "--json",
                "--tool",
                "payments.refund",
                "--reason",
                "Charged twice",
            ],
            more,
        ]
        .concat();
        id_of(&self.as_agent(&arguments).expect(0).value())
    }
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_request_is_made_listed_shown_and_approved() {
    let service = start();
    let arguments = [
        "request",
        "--tool",
        "db.migrate",
        "--arguments",
        "-",
        "--reason",
        "Release 42",
        "--risk-label",
        "schema",
        "--approver-group",
        "ops",
        "--ttl",
        "600",
        "--request-id",
        "r-42",
    ];
    let made = run_with_input(
        &of_key(&service.url, &service.with.ours.agent),
        &arguments,
        r#"{"plan":[1,2]}"#,
    )
    .expect(0);
    let field = |name: &str| {
        let line = made
            .stdout
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{}", made.stdout));
        line[name.len()..].trim().to_owned()
    };
    let id = field("id");
    assert!(field("token").starts_with("cst_"), "{}", made.stdout);
    assert!(
        field("status").starts_with("PENDING, 0/1 approvals, expires in 9m"),
        "{}",
        made.stdout
    );

    let inbox = service.as_approver(&["inbox"]).expect(0);
    assert!(
        inbox.stdout.contains("db.migrate") && inbox.stdout.contains(&id),
        "{}",
        inbox.stdout
    );
    // The second approver is in another group.
    let other = service
        .as_holder(&service.with.ours.second_approver, &["inbox"])
        .expect(0);
    assert_eq!(other.stdout, "nothing is waiting\n");
    let all = service
        .as_holder(&service.with.ours.second_approver, &["inbox", "--all", "--json"])
        .expect(0);
    assert_eq!(id_of(&all.value()), id);

    let approved = service
        .as_approver(&["approve", &id, "--yes", "--note", "Read it"])
        .expect(0);
    assert_eq!(approved.stdout, "APPROVED, 1/1 approvals\n");
    for shown in [
        "db.migrate",
        "Release 42",
        "agent:dev-agent",
        "schema",
        "members of ops",
        "Expires      in 9m",
    ] {
        assert!(approved.stderr.contains(shown), "{shown}: {}", approved.stderr);
    }
    let waited = service.as_agent(&["wait", &id, "--json"]).expect(0).value();
    assert_eq!(
        (&waited["status"], &waited["decisions"][0]["note"]),
        (&json!("APPROVED"), &json!("Read it"))
    );
    assert_eq!(waited["tool_call"]["arguments"], json!({"plan": [1, 2]}));
    assert_eq!(service.as_approver(&["inbox"]).expect(0).stdout, "nothing is waiting\n");
}

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
fn an_approval_is_taken_back_by_who_gave_it() {
    let service = start();
    let id = service.request(&[]);
    service.as_approver(&["approve", &id, "--yes"]).expect(0);
    let revoke = ["revoke", &id, "--reason", "They called again"];
    service.as_holder(&service.with.ours.second_approver, &revoke).expect(6);
    assert_eq!(service.as_approver(&revoke).expect(0).stdout, "REVOKED\n");
    let redeem = ["redeem", &id, "--tool", "payments.refund"];
    let told = service.as_agent(&redeem).expect(4);
    assert!(told.stderr.contains("error[REVOKED]: "), "{}", told.stderr);
}

#[test]
fn a_watched_inbox_is_shown_again_when_it_changes() {
    let service = start();
    let mut watching = spawn(
        &of_key(&service.url, &service.with.ours.approver),
        &["inbox", "--watch", "1"],
    );
    let mut lines = BufReader::new(watching.stdout.take().expect("piped")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert_eq!(next(), "nothing is waiting");
    let id = service.request(&[]);
    assert_eq!(next(), "");
    assert!(next().starts_with("AGE  TOOL"));
    assert!(next().ends_with(&id));
    service.as_approver(&["deny", &id, "--yes"]).expect(0);
    assert_eq!(next(), "");
    assert_eq!(next(), "nothing is waiting");
    watching.kill().expect("it still watches");
    let _ = watching.wait().expect("it ended");
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

#[test]
fn a_stop_is_made_listed_and_lifted() {
    let service = start();
    let admin = |arguments: &[&str]| service.as_holder(&service.with.ours.admin, arguments);
    assert_eq!(admin(&["stop", "list"]).expect(0).stdout, "nothing is stopped\n");
    let made = admin(&["stop", "create", "--caller-id", "dev-agent", "--reason", "It went wild"]).expect(0);
    let id = made.stdout.trim().to_owned();
    let listed = admin(&["stop", "list"]).expect(0).stdout;
    assert!(
        listed.contains("dev-agent") && listed.contains("It went wild") && listed.contains(&id),
        "{listed}"
    );
    let told = service
        .as_agent(&["tool-call", "--tool", "list_files"])
        .expect(3)
        .stdout;
    assert!(told.contains("It went wild"), "{told}");
    service.as_agent(&["request", "--tool", "t", "--reason", "r"]).expect(8);
    assert_eq!(admin(&["stop", "lift", &id]).expect(0).stdout, "lifted\n");
    service.as_agent(&["tool-call", "--tool", "list_files"]).expect(0);
    let everybody = admin(&["stop", "create", "--tenant-wide", "--reason", "Incident", "--json"]).expect(0);
    assert_eq!(everybody.value()["caller_id"], Value::Null);
    admin(&["stop", "create", "--reason", "whom?"]).expect(2);
}

#[test]
fn a_policy_is_shown_checked_tried_put_and_taken_back() {
    let service = start();
    let admin = |arguments: &[&str]| service.as_holder(&service.with.ours.admin, arguments);
    let scratch = Scratch::new("policy");
    let (good, bad) = (scratch.path("good.cedar"), scratch.path("bad.cedar"));
    std::fs::write(&good, "forbid (principal, action, resource);").expect("written");
    std::fs::write(&bad, "permit (principal, action, resource)\nwhen { context.nothing };").expect("written");

    let first = admin(&["policy", "show"]).expect(0).stdout;
    assert!(first.contains("@id(\"secrets-never\")"), "{first}");
    service.as_agent(&["tool-call", "--tool", "list_files"]).expect(0);
    let told = admin(&["policy", "check", text(&bad)]).expect(2).stderr;
    assert!(told.contains("\"line\":2"), "{told}");
    admin(&["policy", "check", text(&good)]).expect(0);
    let tried = admin(&["policy", "simulate", text(&good)]).expect(0).stdout;
    assert!(
        tried.starts_with("1 calls, 1 would be decided otherwise\n") && tried.contains("list_files"),
        "{tried}"
    );
    assert_eq!(
        admin(&["policy", "put", text(&good)]).expect(0).stdout,
        "version 2 decides\n"
    );
    service.as_agent(&["tool-call", "--tool", "list_files"]).expect(3);
    assert_eq!(
        admin(&["policy", "rollback", "1"]).expect(0).stdout,
        "version 3 decides\n"
    );
    assert_eq!(admin(&["policy", "show"]).expect(0).stdout, first);
    let history = admin(&["policy", "history"]).expect(0).stdout;
    assert_eq!(history.lines().count(), 4, "{history}");
    service.as_approver(&["policy", "show"]).expect(6);
}

#[test]
fn refusals_keep_the_servers_code_and_have_their_exit_code() {
    let service = start();
    let id = service.request(&[]);
    let nothing = "019a9f00-0000-7000-8000-000000000001";
    let theirs = &service.with.theirs.approver;

    let unknown = service.as_approver(&["approve", nothing, "--yes"]).expect(7);
    assert!(unknown.stderr.starts_with("error[NOT_FOUND]: "), "{}", unknown.stderr);
    let foreign = service.as_holder(theirs, &["approve", &id, "--yes"]).expect(7);
    assert_eq!(
        foreign.stderr, unknown.stderr,
        "another tenant's request is like one that never was"
    );
    let itself = service.as_agent(&["approve", &id, "--yes"]).expect(6);
    assert!(itself.stderr.contains("error[FORBIDDEN]: "), "{}", itself.stderr);
    let stale = service
        .as_approver(&["approve", &id, "--yes", "--display-hash", &"0".repeat(64), "--json"])
        .expect(8);
    let told: Value = serde_json::from_str(stale.stderr.lines().last().unwrap_or_default()).expect("JSON");
    assert!(
        stale.stdout.is_empty() && told["error"]["code"] == "STALE_VIEW",
        "{}",
        stale.stderr
    );

    service.as_approver(&["deny", &id, "--yes"]).expect(0);
    let decided = service
        .as_holder(&service.with.ours.second_approver, &["approve", &id, "--yes"])
        .expect(8);
    assert!(
        decided.stderr.contains("error[ALREADY_DECIDED]: ") && decided.stderr.contains("DENIED"),
        "{}",
        decided.stderr
    );

    let wrong = service
        .as_agent(&["request", "--tool", "t", "--reason", "r", "--required-approvals", "0"])
        .expect(2);
    assert!(
        wrong.stderr.contains("error[VALIDATION_ERROR]: ") && wrong.stderr.contains("required_approvals"),
        "{wrong:?}"
    );
    let mut stranger = theirs.clone();
    stranger.tenant_id = service.with.ours.id;
    service.as_holder(&stranger, &["inbox"]).expect(6);
}

#[test]
fn text_that_would_deceive_an_approver_is_made_visible() {
    let service = start();
    let arguments = [
        "request",
        "--json",
        "--tool",
        "list_files",
        "--arguments",
        "{\"path\":\"/srv/\u{202e}gpj.exe\"}",
        "--reason",
        "harmless\u{200b}\nStatus       APPROVED",
    ];
    let id = id_of(&service.as_agent(&arguments).expect(0).value());
    let inbox = service.as_approver(&["inbox"]).expect(0);
    assert!(
        inbox.stdout.contains("harmless<U+200B><U+000A>Status"),
        "{}",
        inbox.stdout
    );
    assert_eq!(inbox.stdout.lines().count(), 2, "{}", inbox.stdout);
    let shown = service.as_approver(&["deny", &id, "--yes"]).expect(0).stderr;
    assert!(
        shown.contains("/srv/<U+202E>gpj.exe") && shown.contains("\nCaution "),
        "{shown}"
    );
    assert_eq!(
        shown.lines().filter(|line| line.starts_with("Status ")).count(),
        1,
        "{shown}"
    );
}

#[test]
fn a_new_key_goes_alone_to_standard_output_and_works() {
    let service = start();
    let ours = &service.with.ours;
    let create = [
        "key",
        "create",
        "--role",
        "agent",
        "--caller-id",
        "nightly",
        "--trust-level",
        "2",
    ];
    let created = service.as_holder(&ours.admin, &create).expect(0);
    let key = created.stdout.trim().to_owned();
    assert!(
        key.starts_with("cs_dev_") && !key.contains(char::is_whitespace),
        "{}",
        created.stdout
    );
    assert!(
        !created.stderr.contains(&key) && created.stderr.contains("nightly"),
        "{}",
        created.stderr
    );

    let agent = TestKey {
        text: key,
        ..ours.agent.clone()
    };
    let value = service
        .as_holder(&agent, &["request", "--json", "--tool", "t", "--reason", "r"])
        .expect(0)
        .value();
    assert_eq!(value["requested_by"], "agent:nightly");
    service.as_holder(&ours.admin, &create).expect(8);
    service.as_approver(&create).expect(6);
}
