//! The commands of admins: stops, policies, keys; and how refusals are told.

use serde_json::Value;
use shared::testing::TestKey;

use crate::{
    start,
    support::{Scratch, text},
};

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
