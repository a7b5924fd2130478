//! What is answered again from an `Idempotency-Key` happened once, and is recorded once.

use serde_json::{Value, json};
use shared::testing::TestStack;
use system_tests::{
    product,
    routes::{Route, routes},
};
use uuid::Uuid;

use crate::{
    approvals,
    journal::{Journal, Who},
};

/// A body that succeeds.
fn body(operation: &Route) -> Value {
    match operation.id.as_str() {
        "create_tenant" => json!({ "name": "Once" }),
        "bootstrap_tenant" => json!({ "email": "ada@example.com", "name": "Ada" }),
        "create_user" => json!({ "email": "grace@example.com", "name": "Grace", "role": "auditor" }),
        "create_api_key" => json!({ "role": "agent", "caller_id": "bot" }),
        "create_approval" => approvals::request(1),
        "evaluate_tool_call" => json!({ "tool_call": { "tool": "deploy" } }),
        "record_events" => json!({ "request_id": "once", "caller_id": "ci", "tool": "deploy", "arguments": {} }),
        other => panic!("{other}: say which body succeeds"),
    }
}

#[tokio::test]
async fn a_replay_leaves_no_record() {
    let mut journal = Journal::start().await;
    let tenant = journal.stack.tenant().await;
    let bare: Uuid = journal.stack.ctx.ids.next();
    sqlx::query(
        "INSERT INTO tenants (id, name, slug, created_at, updated_at) VALUES ($1, 'Bare', 'bare', now(), now())",
    )
    .bind(bare)
    .execute(&journal.owner)
    .await
    .expect("a tenant without people");
    let mut replayed = 0;
    for operation in routes().iter().filter(|operation| operation.takes_idempotency_key()) {
        let who = if operation.path.starts_with("/api/v1/tenants") {
            Who::Operator
        } else if operation.id == "evaluate_tool_call" {
            Who::Key(&tenant.agent)
        } else {
            Who::Key(&tenant.admin)
        };
        let body = body(operation);
        let ask = |journal: &Journal, body: &Value| {
            let request = journal.request(&operation.id, who, &bare.to_string(), Some(body));
            request.header("idempotency-key", "once").send()
        };
        let first = ask(&journal, &body).await;
        assert!((200..300).contains(&first.status), "{}: {}", operation.id, first.text());
        assert!(journal.forget().await.is_some(), "{} left a record", operation.id);

        let again = ask(&journal, &body).await;
        assert_eq!(
            (again.status, again.header("idempotency-replayed")),
            (first.status, Some("true")),
            "{}",
            operation.id
        );
        journal.nothing_new(&operation.id, &again).await;
        let mut other = body;
        other["name"] = json!("Another");
        let mismatch = ask(&journal, &other).await;
        assert!(
            [400, 422].contains(&mismatch.status),
            "{}: {}",
            operation.id,
            mismatch.text()
        );
        journal.nothing_new(&operation.id, &mismatch).await;
        replayed += 1;
    }
    println!("{replayed} operations were answered again without a record");
    assert!(replayed >= 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replay_is_over_when_it_is_answered() {
    let stack = TestStack::start().await;
    let second = TestStack::on_same_servers(&stack);
    let clients = [&stack, &second].map(|process| process.client(product(process.ctx.clone())));
    let tenant = stack.tenant().await;
    let (body, other) = (approvals::request(1), approvals::request(2));
    let ask = |process: usize, body: &Value| {
        let request = clients[process].request("POST", "/api/v1/approvals").key(&tenant.agent);
        request.header("idempotency-key", "once").json(body).send()
    };
    let first = ask(0, &body).await.expect(201);
    // One after the other: never is anything in flight.
    for round in 0..100 {
        assert_eq!(
            ask(round % 2, &body).await.expect(201)["id"],
            first["id"],
            "after {round} replays"
        );
        ask((round + 1) % 2, &other)
            .await
            .expect_error(422, "IDEMPOTENCY_MISMATCH");
    }
}
