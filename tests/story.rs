//! The story from end to end, over all functions and the sweep, on one database.

use serde_json::json;
use shared::testing::TestStack;
use system_tests::product;

#[tokio::test]
async fn an_agent_asks_two_people_sign_and_the_record_is_there() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = stack.client(product(stack.ctx.clone()));
    let made = client
        .post(
            &tenant.agent,
            "/api/v1/approvals",
            json!({
                "tool_call": { "tool": "payments.refund", "arguments": { "order": "A-1001", "password": "hunter2" } },
                "reason": "Charged twice",
                "required_approvals": 2
            }),
        )
        .await
        .expect(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    let pending = client
        .get(&tenant.approver, "/api/v1/approvals?status=PENDING&decidable_by=me")
        .await
        .expect(200);
    assert_eq!(pending["data"][0]["id"], made["id"]);
    assert_eq!(pending["data"][0]["tool_call"]["arguments"]["password"], "[REDACTED]");

    let approve = format!("/api/v1/approvals/{id}/approve");
    let waiting = {
        let (client, key, path) = (
            client.clone(),
            tenant.agent.clone(),
            format!("/api/v1/approvals/{id}?wait=25"),
        );
        tokio::spawn(async move { client.get(&key, &path).await.expect(200) })
    };
    let first = client.post(&tenant.approver, &approve, json!({})).await.expect(200);
    assert_eq!((&first["status"], &first["approvals"]), (&"PENDING".into(), &1.into()));
    let second = client
        .post(&tenant.second_approver, &approve, json!({ "note": "ok" }))
        .await
        .expect(200);
    assert_eq!(
        (&second["status"], &second["approvals"]),
        (&"APPROVED".into(), &2.into())
    );
    assert_eq!(waiting.await.expect("the wait ends")["status"], "APPROVED");
    let checked = client
        .post(
            &tenant.agent,
            "/api/v1/approvals/check",
            json!({ "token": made["token"] }),
        )
        .await
        .expect(200);
    assert_eq!(checked["status"], "APPROVED");

    let events = client
        .get(&tenant.auditor, &format!("/api/v1/audit/events?correlation_id={id}"))
        .await
        .expect(200);
    let actions: Vec<_> = events["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| event["action"].clone())
        .collect();
    assert_eq!(actions, ["approval.approved", "approval.voted", "approval.requested"]);
}

#[tokio::test]
async fn what_an_expiry_announces_is_what_a_reader_sees() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = stack.client(product(stack.ctx.clone()));
    let made = client
        .post(
            &tenant.agent,
            "/api/v1/approvals",
            json!({
                "tool_call": { "tool": "deploy", "arguments": { "n": 1.5, "text": "é😀" }, "server": "prod-1" },
                "reason": "Friday", "risk_labels": ["prod"], "required_approvals": 2, "approver_groups": ["ops", "finance"]
            }),
        )
        .await
        .expect(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    client
        .post(
            &tenant.approver,
            &format!("/api/v1/approvals/{id}/approve"),
            json!({ "note": "one" }),
        )
        .await
        .expect(200);
    // A trigger keeps the deadline as it was asked for; replication mode passes it by.
    let pool = stack.owner_pool();
    let mut connection = pool.acquire().await.expect("a connection");
    sqlx::raw_sql("SET session_replication_role = replica")
        .execute(&mut *connection)
        .await
        .expect("set");
    sqlx::query(
        "UPDATE approval_requests SET created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'",
    )
    .execute(&mut *connection)
    .await
    .expect("moved");
    outbox::run_once(&stack.sweeper).await;

    let payload: serde_json::Value =
        sqlx::query_scalar("SELECT payload FROM outbox WHERE event_type = 'approval.expired'")
            .fetch_one(&mut *connection)
            .await
            .expect("one event");
    let seen = client
        .get(&tenant.auditor, &format!("/api/v1/approvals/{id}"))
        .await
        .expect(200);
    assert_eq!(seen["status"], "EXPIRED");
    assert_eq!(payload, seen);
    let path = format!("/api/v1/audit/events?correlation_id={id}&action=approval.expired");
    let recorded = client.get(&tenant.auditor, &path).await.expect(200);
    assert_eq!(recorded["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(recorded["data"][0]["recorded_by"], "system:sweep");
}

#[tokio::test]
async fn a_ping_goes_through_the_outbox_and_comes_back() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = stack.client(product(stack.ctx.clone()));
    let queued = client
        .post(&tenant.agent, "/api/v1/tasks/ping", json!({}))
        .await
        .expect(202);
    assert_eq!(queued["status"], "QUEUED");
    let path = format!("/api/v1/tasks/{}", queued["id"].as_str().expect("an id"));
    assert_eq!(client.get(&tenant.agent, &path).await.expect(200)["status"], "QUEUED");
    outbox::run_once(&stack.sweeper).await;
    let done = client.get(&tenant.agent, &path).await.expect(200);
    assert_eq!((&done["status"], &done["result"]), (&"DONE".into(), &"pong".into()));
}
