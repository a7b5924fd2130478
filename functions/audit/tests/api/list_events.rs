//! `GET /api/v1/audit/events`, through the router.

use serde_json::{Value, json};
use shared::testing::{TestClient, TestKey, TestStack, TestTenant};

use crate::{PATH, client};

async fn record(client: &TestClient, key: &TestKey, event: Value) {
    client.post(key, PATH, event).await.expect(202);
}

fn names(page: &Value) -> Vec<&str> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["request_id"].as_str().unwrap())
        .collect()
}

/// Two events that differ in everything, the second by an admin.
async fn two(client: &TestClient, tenant: &TestTenant) {
    let one = json!({
        "request_id": "one", "caller_id": "deployer", "tool": "payments.refund", "action": "refund",
        "correlation_id": "order-7", "decision": "ALLOW", "risk_labels": ["money", "pii"],
    });
    record(client, &tenant.agent, one).await;
    let two = json!({
        "request_id": "two", "caller_id": "cleaner", "tool": "files.delete", "action": "delete",
        "correlation_id": "folder-1", "decision": "DENY", "risk_labels": ["data"],
    });
    record(client, &tenant.admin, two).await;
}

#[tokio::test]
async fn an_event_reads_back_as_it_was_sent_and_what_the_server_made_of_it() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let sent = json!({
        "request_id": "one", "caller_id": "deployer", "tool": "payments.refund", "action": "refund",
        "correlation_id": "order-7", "environment": "staging", "trust_level": 3, "decision": "ALLOW", "outcome": "OK",
        "latency_ms": 12, "arguments": {"amount": 10.5, "password": "correct horse"}, "risk_labels": ["money"],
        "occurred_at": "2026-11-20T09:30:00.123456+01:00",
    });
    let receipt = client.post(&tenant.agent, PATH, sent).await.expect(202)["events"][0].clone();
    let page = client.get(&tenant.auditor, PATH).await.expect(200);
    assert_eq!(
        (&page["next_cursor"], &page["sealed_through"]),
        (&Value::Null, &Value::Null)
    );
    let event = page["data"][0].clone();
    assert_eq!(
        event,
        json!({
            "event_id": receipt["event_id"], "request_id": "one", "recorded_by": "agent:dev-agent",
            "caller_id": "deployer", "tool": "payments.refund", "action": "refund", "correlation_id": "order-7",
            "environment": "staging", "trust_level": 3, "decision": "ALLOW", "outcome": "OK", "latency_ms": 12,
            "risk_labels": ["money"], "occurred_at": "2026-11-20T08:30:00.123Z",
            "raw_args_hash": event["raw_args_hash"], "args_salt": event["args_salt"],
            "sanitized_args": {"amount": 10.5, "password": "[REDACTED]"}, "redaction_flags": ["key:password"],
            "received_at": receipt["received_at"], "leaf_hash": receipt["leaf_hash"], "sealed": false,
        })
    );
    // The contract: raw_args_hash = SHA-256(salt ‖ JCS(arguments)), salt 16 bytes, both lower-case hex.
    let salt: [u8; 16] = hex::decode(event["args_salt"].as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap();
    let arguments = json!({"amount": 10.5, "password": "correct horse"});
    let expected = shared::journal::entry::raw_args_hash(&salt, arguments.as_object().unwrap());
    assert_eq!(event["raw_args_hash"], expected);
}

#[tokio::test]
async fn what_was_not_sent_reads_null() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    record(
        &client,
        &tenant.agent,
        json!({"request_id": "one", "caller_id": "c", "tool": "t"}),
    )
    .await;
    let event = client.get(&tenant.auditor, PATH).await.expect(200)["data"][0].clone();
    for field in [
        "action",
        "correlation_id",
        "environment",
        "trust_level",
        "decision",
        "outcome",
        "latency_ms",
        "occurred_at",
    ] {
        assert_eq!(event.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!(
        (&event["sanitized_args"], &event["risk_labels"]),
        (&json!({}), &json!([]))
    );
}

#[tokio::test]
async fn each_filter_narrows_and_all_must_hold() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    two(&client, &tenant).await;
    let list = async |query: &str| {
        client
            .get(&tenant.auditor, &format!("{PATH}?{query}"))
            .await
            .expect(200)
    };
    assert_eq!(names(&list("").await), ["two", "one"]);
    let recorder = format!("recorded_by={}", tenant.admin.principal);
    for (query, expected) in [
        ("request_id=one", "one"),
        ("correlation_id=folder-1", "two"),
        ("caller_id=deployer", "one"),
        ("recorded_by=agent:dev-agent", "one"),
        (recorder.as_str(), "two"),
        ("decision=DENY", "two"),
        ("tool=payments.refund", "one"),
        ("action=delete", "two"),
        ("risk_label=pii", "one"),
        ("risk_label=data&decision=DENY&tool=files.delete", "two"),
    ] {
        assert_eq!(names(&list(query).await), [expected], "{query}");
    }
    for query in [
        "request_id=o",
        "decision=allow",
        "tool=",
        "risk_label=money&decision=DENY",
        "caller_id=nobody",
    ] {
        assert!(names(&list(query).await).is_empty(), "{query}");
    }
}

#[tokio::test]
async fn from_is_inclusive_and_to_is_not() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    record(
        &client,
        &tenant.agent,
        json!({"request_id": "one", "caller_id": "c", "tool": "t"}),
    )
    .await;
    // Microseconds, which the contract does not show.
    sqlx::query(
        "UPDATE audit_events SET received_at = date_trunc('second', now()) + interval '123456 us' WHERE tenant_id = $1",
    )
    .bind(tenant.id)
    .execute(&stack.owner_pool())
    .await
    .unwrap();
    let at = client.get(&tenant.auditor, PATH).await.expect(200)["data"][0]["received_at"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(at[19..], *".123Z");
    let later = chrono::DateTime::parse_from_rfc3339(&at).unwrap().to_utc() + chrono::Duration::milliseconds(1);
    let later = shared::http::timestamp::format(later);
    let count = async |query: String| {
        names(
            &client
                .get(&tenant.auditor, &format!("{PATH}?{query}"))
                .await
                .expect(200),
        )
        .len()
    };
    assert_eq!(count(format!("from={at}")).await, 1);
    assert_eq!(count(format!("from={later}")).await, 0);
    assert_eq!(count(format!("to={at}")).await, 0);
    assert_eq!(count(format!("to={later}")).await, 1);
    assert_eq!(count(format!("from={at}&to={later}")).await, 1);
    assert_eq!(
        count("from=1970-01-01T00:00:00Z&to=9999-12-31T23:59:59Z".to_owned()).await,
        1
    );
    assert_eq!(
        count("from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z".to_owned()).await,
        0
    );
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let events: Vec<Value> = (0..7)
        .map(|n| json!({"request_id": format!("r-{n}"), "caller_id": "c", "tool": "t"}))
        .collect();
    record(&client, &tenant.agent, json!(events)).await;
    let mut seen = Vec::new();
    let mut path = format!("{PATH}?limit=3&tool=t");
    loop {
        let page = client.get(&tenant.auditor, &path).await.expect(200);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        // Newer events, which come before what was shown, do not shift the pages.
        let n = seen.len();
        record(
            &client,
            &tenant.agent,
            json!({"request_id": format!("new-{n}"), "caller_id": "c", "tool": "t"}),
        )
        .await;
        assert!(seen.len() <= 7, "{seen:?}");
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{PATH}?limit=3&tool=t&cursor={cursor}");
    }
    assert_eq!(seen, (0..7).rev().map(|n| format!("r-{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_is_for_its_filters_and_its_tenant() {
    let stack = TestStack::start().await;
    let (client, tenant, other) = (client(&stack), stack.tenant().await, stack.tenant().await);
    two(&client, &tenant).await;
    let page = client
        .get(&tenant.auditor, &format!("{PATH}?limit=1"))
        .await
        .expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let with = |key: &TestKey, query: &str| {
        let (client, key, path) = (client.clone(), key.clone(), format!("{PATH}?{query}cursor={cursor}"));
        async move { client.get(&key, &path).await }
    };
    assert_eq!(names(&with(&tenant.auditor, "limit=9&").await.expect(200)), ["one"]);
    with(&tenant.auditor, "tool=t&")
        .await
        .expect_error(400, "INVALID_CURSOR");
    with(&tenant.agent, "").await.expect_error(400, "INVALID_CURSOR");
    with(&other.auditor, "").await.expect_error(400, "INVALID_CURSOR");
    client
        .get(&tenant.auditor, &format!("{PATH}?cursor=AAAA"))
        .await
        .expect_error(400, "INVALID_CURSOR");
}

#[tokio::test]
async fn an_agent_sees_its_own_and_a_tenant_nothing_of_another() {
    let stack = TestStack::start().await;
    let (client, tenant, other) = (client(&stack), stack.tenant().await, stack.tenant().await);
    two(&client, &tenant).await;
    assert_eq!(names(&client.get(&tenant.agent, PATH).await.expect(200)), ["one"]);
    assert_eq!(
        names(&client.get(&tenant.admin, PATH).await.expect(200)),
        ["two", "one"]
    );
    let foreign = format!("{PATH}?recorded_by={}", tenant.admin.principal);
    assert!(names(&client.get(&tenant.agent, &foreign).await.expect(200)).is_empty());
    // The other tenant's agent is a principal of the same name.
    for key in [&other.agent, &other.admin, &other.auditor] {
        assert!(names(&client.get(key, PATH).await.expect(200)).is_empty());
    }
}

#[tokio::test]
async fn what_left_the_pending_set_is_sealed_and_what_was_erased_reads_null() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    two(&client, &tenant).await;
    for sql in [
        "DELETE FROM audit_pending p USING audit_events e
         WHERE e.tenant_id = $1 AND p.event_id = e.event_id AND e.request_id = 'one'",
        "UPDATE audit_events SET caller_id = NULL, args_salt = NULL, sanitized_args = NULL
         WHERE tenant_id = $1 AND request_id = 'one'",
    ] {
        sqlx::query(sql)
            .bind(tenant.id)
            .execute(&stack.owner_pool())
            .await
            .unwrap();
    }
    let page = client.get(&tenant.auditor, PATH).await.expect(200);
    assert_eq!(
        (&page["data"][0]["sealed"], &page["data"][1]["sealed"]),
        (&json!(false), &json!(true))
    );
    for field in ["caller_id", "args_salt", "sanitized_args"] {
        assert_eq!(page["data"][1][field], Value::Null, "{field}");
    }
}

#[tokio::test]
async fn queries_are_held_to_the_contract() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("colour=red", "colour"),
        ("tool=a&tool=b", "tool"),
        ("from=yesterday", "from"),
        ("to=2026-13-01T00:00:00Z", "to"),
    ] {
        let answer = client.get(&tenant.auditor, &format!("{PATH}?{query}")).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{query}");
    }
    client
        .get(&tenant.auditor, &format!("{PATH}?tool=%00"))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    client
        .get(&tenant.auditor, &format!("{PATH}?tool=%ff"))
        .await
        .expect_error(400, "VALIDATION_ERROR");
}
