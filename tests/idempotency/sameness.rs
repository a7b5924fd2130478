//! What makes two requests the same, and what does not.

use serde_json::{Value, json};
use shared::testing::{TestStack, poll_until};
use system_tests::product;

use crate::{
    PATIENCE,
    cases::{Stage, is_replay},
};

#[tokio::test]
async fn another_principal_another_object_and_a_failure_share_nothing() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let client = stack.client(product(stack.ctx.clone()));
    let body = json!({ "tool_call": { "tool": "t", "arguments": {} }, "reason": "x" });
    let ask = |key: &shared::testing::TestKey, path: &str, body: &Value| {
        client
            .request("POST", path)
            .key(key)
            .header("idempotency-key", "shared")
            .json(body)
            .send()
    };
    let mut ids = Vec::new();
    for key in [&ours.agent, &ours.admin, &theirs.agent] {
        let answer = ask(key, "/api/v1/approvals", &body).await;
        assert_eq!(answer.header("idempotency-replayed"), None);
        ids.push(answer.expect(201)["id"].to_string());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    // The same key on another route is another request.
    let event = json!({ "request_id": "r", "caller_id": "c", "tool": "t", "arguments": {} });
    ask(&ours.agent, "/api/v1/audit/events", &event).await.expect(202);

    // A failure is not kept: the same key with a mended body succeeds.
    let failing = client
        .request("POST", "/api/v1/users")
        .key(&ours.admin)
        .header("idempotency-key", "mended");
    failing
        .json(&json!({ "email": "x@example.com", "name": "X", "role": "agent" }))
        .send()
        .await
        .expect_error(400, "VALIDATION_ERROR");
    client
        .request("POST", "/api/v1/users")
        .key(&ours.admin)
        .header("idempotency-key", "mended")
        .json(&json!({ "email": "x@example.com", "name": "X", "role": "approver" }))
        .send()
        .await
        .expect(201);

    // The same agent under a new key is the same principal.
    let renewed = client
        .post(
            &ours.admin,
            &format!("/api/v1/api-keys/{}/rotate", ours.agent.id),
            json!({ "overlap_seconds": 0 }),
        )
        .await
        .expect(200);
    let mut agent = ours.agent.clone();
    renewed["key"].as_str().expect("a key").clone_into(&mut agent.text);
    let replay = ask(&agent, "/api/v1/approvals", &body).await;
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn a_body_is_the_same_however_it_is_written_and_a_wrong_one_is_told_first() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = stack.client(product(stack.ctx.clone()));
    let ask = |body: &str, key: &str| {
        client
            .request("POST", "/api/v1/approvals")
            .key(&tenant.agent)
            .header("idempotency-key", key)
            .body("application/json", body.to_owned())
            .send()
    };
    let first = ask(
        r#"{"tool_call":{"tool":"t","arguments":{"a":1,"b":[1.50]}},"reason":"x"}"#,
        "k",
    )
    .await;
    first.expect(201);
    let again = ask(
        r#"{ "reason": "\u0078", "tool_call": { "arguments": { "b": [ 15e-1 ], "a": 1.0 }, "tool": "t" } }"#,
        "k",
    )
    .await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{}", again.text());
    // The order of checks: a body that is wrong is 400, whatever the key was used for.
    ask(r#"{"tool_call":{"tool":"","arguments":{}},"reason":"x"}"#, "k")
        .await
        .expect_error(400, "VALIDATION_ERROR");
    ask("{", "k").await.expect_error(400, "VALIDATION_ERROR");
    for wrong in ["", "a b", &"x".repeat(256)] {
        let details = ask("{}", wrong).await.expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["header"], "Idempotency-Key");
    }
}

#[tokio::test]
async fn what_was_in_time_when_it_was_first_sent_is_replayed_when_it_no_longer_is() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = stack.client(product(stack.ctx.clone()));
    let soon = chrono::SubsecRound::trunc_subsecs(stack.clock.now() + chrono::Duration::seconds(2), 3);
    let body = json!({ "role": "agent", "caller_id": "brief", "expires_at": soon.to_rfc3339_opts(chrono::SecondsFormat::Millis, true) });
    let ask = |key: &str| {
        client
            .request("POST", "/api/v1/api-keys")
            .key(&tenant.admin)
            .header("idempotency-key", key)
            .json(&body)
            .send()
    };
    let first = ask("brief").await.expect(201);
    poll_until(PATIENCE, "the key has expired", async || {
        let past: bool = sqlx::query_scalar("SELECT clock_timestamp() > $1")
            .bind(soon)
            .fetch_one(&stack.owner_pool())
            .await
            .expect("asked");
        if past { Ok(()) } else { Err("not yet") }
    })
    .await;
    let replay = ask("brief").await;
    assert_eq!(replay.header("idempotency-replayed"), Some("true"), "{}", replay.text());
    assert_eq!(replay.json()["id"], first["id"]);
    ask("another").await.expect_error(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn an_object_that_is_spelt_otherwise_is_the_same() {
    let stage = Stage::of("bootstrap_tenant").await;
    let first = stage.ask("key-1", 0).send().await;
    first.expect(201);
    let (start, id) = stage.case.path.split_at("/api/v1/tenants/".len());
    let (id, end) = id.split_at(36);
    for spelt in [id.to_uppercase(), id.replacen('0', "%30", 1)] {
        let again = stage
            .client
            .request("POST", &format!("{start}{spelt}{end}"))
            .header("idempotency-key", "key-1")
            .bearer(stage.stack.operator())
            .json(&stage.case.bodies[0])
            .send()
            .await;
        is_replay(&again, &first, &stage.case);
    }
}
