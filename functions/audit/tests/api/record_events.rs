//! `POST /api/v1/audit/events`, through the router.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::testing::TestStack;
use sqlx::Row as _;
use uuid::Uuid;

use crate::{PATH, client};

fn event(request_id: &str) -> Value {
    json!({"request_id": request_id, "caller_id": "deployer", "tool": "payments.refund"})
}

fn changed(field: &str, value: &Value) -> Value {
    let mut event = event("r-1");
    event[field] = value.clone();
    event
}

/// Events, request ids and pending rows of a tenant.
async fn stored(stack: &TestStack, tenant_id: Uuid) -> (i64, i64, i64) {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM audit_events WHERE tenant_id = $1),
                (SELECT count(*) FROM audit_request_ids WHERE tenant_id = $1),
                (SELECT count(*) FROM audit_pending WHERE tenant_id = $1)",
    )
    .bind(tenant_id)
    .fetch_one(&stack.owner_pool())
    .await
    .unwrap();
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn one_event_is_hashed_sanitized_and_never_stored_raw() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let mut submitted = event("r-1");
    submitted["arguments"] = json!({"amount": 10, "password": "correct horse battery"});
    let body = client(&stack).post(&tenant.agent, PATH, submitted).await.expect(202);
    let receipt = &body["events"][0];
    assert_eq!(body["events"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&receipt["request_id"], &receipt["duplicate"]),
        (&json!("r-1"), &json!(false))
    );

    let row = sqlx::query("SELECT e.*, e::text AS whole FROM audit_events e WHERE tenant_id = $1 AND event_id = $2")
        .bind(tenant.id)
        .bind(receipt["event_id"].as_str().unwrap().parse::<Uuid>().unwrap())
        .fetch_one(&stack.owner_pool())
        .await
        .unwrap();
    let leaf = Sha256::new()
        .chain_update([0])
        .chain_update(row.get::<String, _>("entry"))
        .finalize();
    assert_eq!(receipt["leaf_hash"], hex::encode(leaf));
    assert_eq!(row.get::<String, _>("recorded_by"), "agent:dev-agent");
    let received_at: chrono::DateTime<chrono::Utc> = row.get("received_at");
    assert_eq!(receipt["received_at"], shared::http::timestamp::format(received_at));
    assert!(!row.get::<String, _>("whole").contains("correct horse"));
    assert_eq!(stored(&stack, tenant.id).await, (1, 1, 1));
}

#[tokio::test]
async fn an_admin_records_as_the_person_it_is() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    client(&stack).post(&tenant.admin, PATH, event("r-1")).await.expect(202);
    let recorded_by: String = sqlx::query_scalar("SELECT recorded_by FROM audit_events WHERE tenant_id = $1")
        .bind(tenant.id)
        .fetch_one(&stack.owner_pool())
        .await
        .unwrap();
    assert_eq!(recorded_by, tenant.admin.principal);
}

#[tokio::test]
async fn a_thousand_are_recorded_in_the_order_submitted() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let events: Vec<Value> = (0..1_000).map(|n| event(&format!("r-{n}"))).collect();
    let body = client(&stack)
        .post(&tenant.agent, PATH, json!(events))
        .await
        .expect(202);
    let receipts = body["events"].as_array().unwrap();
    let names: Vec<String> = receipts
        .iter()
        .map(|receipt| receipt["request_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, (0..1_000).map(|n| format!("r-{n}")).collect::<Vec<_>>());
    assert!(receipts.iter().all(|receipt| receipt["duplicate"] == false));
    assert_eq!(stored(&stack, tenant.id).await, (1_000, 1_000, 1_000));
}

#[tokio::test]
async fn the_same_submission_again_is_the_first_one() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let first = client.post(&tenant.agent, PATH, event("r-1")).await.expect(202)["events"][0].clone();
    let mut expected = first.clone();
    expected["duplicate"] = json!(true);
    let again = client.post(&tenant.agent, PATH, event("r-1")).await.expect(202);
    assert_eq!(again["events"][0], expected);

    // In the same array too, beside a new one.
    let array = client
        .post(&tenant.agent, PATH, json!([event("r-2"), event("r-1"), event("r-2")]))
        .await
        .expect(202);
    let duplicates: Vec<bool> = array["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|receipt| receipt["duplicate"].as_bool().unwrap())
        .collect();
    assert_eq!(duplicates, [false, true, true]);
    assert_eq!(array["events"][1], expected);
    assert_eq!(array["events"][0]["event_id"], array["events"][2]["event_id"]);
    assert_eq!(stored(&stack, tenant.id).await, (2, 2, 2));
}

#[tokio::test]
async fn other_content_under_a_request_id_is_a_conflict_and_stores_nothing() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    client.post(&tenant.agent, PATH, event("r-1")).await.expect(202);
    let other = changed("arguments", &json!({"amount": 11}));
    let details = client
        .post(&tenant.agent, PATH, other.clone())
        .await
        .expect_error(409, "CONFLICT");
    assert_eq!(details, json!({"request_id": "r-1"}));
    let batch = json!([event("r-2"), other, event("r-3")]);
    client
        .post(&tenant.agent, PATH, batch)
        .await
        .expect_error(409, "CONFLICT");
    let twins = json!([event("r-4"), {"request_id": "r-4", "caller_id": "deployer", "tool": "other"}]);
    let details = client
        .post(&tenant.agent, PATH, twins)
        .await
        .expect_error(409, "CONFLICT");
    assert_eq!(details, json!({"request_id": "r-4"}));
    assert_eq!(stored(&stack, tenant.id).await, (1, 1, 1));
}

#[tokio::test]
async fn request_ids_belong_to_their_recorder_and_tenant() {
    let stack = TestStack::start().await;
    let (client, tenant, other) = (client(&stack), stack.tenant().await, stack.tenant().await);
    let mut ids = Vec::new();
    for key in [&tenant.agent, &tenant.admin, &other.agent] {
        let receipt = client.post(key, PATH, event("r-1")).await.expect(202)["events"][0].clone();
        assert_eq!(receipt["duplicate"], false);
        ids.push(receipt["event_id"].as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert_eq!(
        (stored(&stack, tenant.id).await.0, stored(&stack, other.id).await.0),
        (2, 1)
    );
}

#[tokio::test]
async fn of_many_at_once_exactly_one_is_the_first() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let answers = futures_util::future::join_all((0..16).map(|_| client.post(&tenant.agent, PATH, event("r-1")))).await;
    let receipts: Vec<Value> = answers
        .iter()
        .map(|answer| answer.expect(202)["events"][0].clone())
        .collect();
    assert_eq!(
        receipts.iter().filter(|receipt| receipt["duplicate"] == false).count(),
        1
    );
    assert!(
        receipts
            .iter()
            .all(|receipt| receipt["event_id"] == receipts[0]["event_id"])
    );
    assert_eq!(stored(&stack, tenant.id).await, (1, 1, 1));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    for (field, value, named) in [
        ("request_id", json!("a/b"), "request_id"),
        ("request_id", json!(""), "request_id"),
        ("request_id", json!(7), "request_id"),
        ("caller_id", json!(""), "caller_id"),
        ("tool", json!("t".repeat(201)), "tool"),
        ("action", json!("a".repeat(201)), "action"),
        ("correlation_id", json!("c".repeat(256)), "correlation_id"),
        ("environment", json!("prod"), "environment"),
        ("trust_level", json!(5), "trust_level"),
        ("decision", json!("allow"), "decision"),
        ("outcome", json!(""), "outcome"),
        ("latency_ms", json!(-1), "latency_ms"),
        ("latency_ms", json!(1.5), "latency_ms"),
        ("arguments", json!([]), "arguments"),
        ("arguments", Value::Null, "arguments"),
        ("risk_labels", json!(["a", ""]), "risk_labels[1]"),
        ("risk_labels", json!(["a", 1]), "risk_labels[1]"),
        ("occurred_at", json!("yesterday"), "occurred_at"),
        ("recorded_by", json!("agent:other"), "recorded_by"),
        ("event_id", json!("x"), "event_id"),
    ] {
        let wrong = changed(field, &value);
        let details = client
            .post(&tenant.agent, PATH, wrong.clone())
            .await
            .expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], named, "{field} = {value}");
        let array = json!([event("r-2"), wrong]);
        let details = client
            .post(&tenant.agent, PATH, array)
            .await
            .expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], format!("[1].{named}"), "{field} = {value}");
    }
    for missing in ["request_id", "caller_id", "tool"] {
        let mut lacking = event("r-1");
        lacking.as_object_mut().unwrap().remove(missing);
        let details = client
            .post(&tenant.agent, PATH, lacking.clone())
            .await
            .expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], missing);
        let details = client
            .post(&tenant.agent, PATH, json!([lacking]))
            .await
            .expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], format!("[0].{missing}"));
    }
    for body in [
        json!([]),
        json!(vec![event("r-1"); 1_001]),
        json!("text"),
        json!(null),
        json!([[]]),
    ] {
        client
            .post(&tenant.agent, PATH, body)
            .await
            .expect_error(400, "VALIDATION_ERROR");
    }
    client
        .request("POST", PATH)
        .key(&tenant.agent)
        .send()
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!(stored(&stack, tenant.id).await, (0, 0, 0));
}

#[tokio::test]
async fn bodies_that_are_not_plain_json_of_a_sane_size_are_refused() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let send = |content_type: &'static str, body: String| {
        client
            .request("POST", PATH)
            .key(&tenant.agent)
            .body(content_type, body)
            .send()
    };
    send("text/plain", event("r-1").to_string())
        .await
        .expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    send("application/json", "{".to_owned())
        .await
        .expect_error(400, "VALIDATION_ERROR");
    let twice = r#"{"request_id":"a","request_id":"a","caller_id":"c","tool":"t"}"#;
    send("application/json", twice.to_owned())
        .await
        .expect_error(400, "VALIDATION_ERROR");
    let huge = changed("arguments", &json!({"text": "x".repeat(1 << 20)})).to_string();
    send("application/json", huge)
        .await
        .expect_error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(stored(&stack, tenant.id).await, (0, 0, 0));
}
