//! The commands of people: the inbox, looking, deciding, taking back.

use std::io::{BufRead as _, BufReader};

use serde_json::json;

use crate::{
    id_of, start,
    support::{of_key, run_with_input, spawn},
};

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
