//! `GET /health` and `GET /health/ready`, through the router.

use shared::{
    http::app,
    testing::{TestClient, TestDatabase, TestStack},
};

fn client(stack: &TestStack) -> TestClient {
    stack.client(app(stack.ctx.clone(), health::routes()).0)
}

#[tokio::test]
async fn health_answers_without_any_dependency() {
    let nowhere = [
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("DATABASE_URL", "postgres://x:x@127.0.0.1:1/x"),
    ];
    let stack = TestStack::with(&nowhere).await;
    let body = client(&stack).request("GET", "/health").send().await.expect(200);
    assert_eq!(body["status"], "ok");
    assert!(body["version"].is_string() && body["timestamp"].is_string(), "{body}");
}

#[tokio::test]
async fn ready_names_every_dependency() {
    let stack = TestStack::start().await;
    let body = client(&stack).request("GET", "/health/ready").send().await.expect(200);
    assert_eq!(body["status"], "ok", "{body}");
    for name in ["postgres", "redis", "secrets", "migrations"] {
        assert_eq!(body["checks"][name]["status"], "ok", "{body}");
        assert!(body["checks"][name]["latency_ms"].is_u64(), "{body}");
    }
    assert_eq!(body["checks"]["outbox"]["status"], "ok");
    assert_eq!(body["checks"]["outbox"]["pending"], 0);
    assert_eq!(body["checks"]["outbox"]["oldest_seconds"], 0.0);
}

#[tokio::test]
async fn without_redis_it_is_degraded_and_serves() {
    let stack = TestStack::with(&[("REDIS_URL", "redis://127.0.0.1:1")]).await;
    let body = client(&stack).request("GET", "/health/ready").send().await.expect(200);
    assert_eq!(
        (&body["status"], &body["checks"]["redis"]["status"]),
        (&"degraded".into(), &"unavailable".into())
    );
}

#[tokio::test]
async fn a_late_outbox_is_degraded() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    sqlx::query(
        "INSERT INTO outbox (tenant_id, id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, created_at)
         VALUES ($1, $2, 'task', $2, 1, 'tasks.ping', '{}', now() - interval '1 hour')",
    )
    .bind(tenant.id)
    .bind(stack.ctx.ids.next())
    .execute(&stack.owner_pool())
    .await
    .expect("stored");
    let body = client(&stack).request("GET", "/health/ready").send().await.expect(200);
    assert_eq!(
        (&body["status"], &body["checks"]["outbox"]["pending"]),
        (&"degraded".into(), &1.into()),
        "{body}"
    );
    assert!(
        body["checks"]["outbox"]["oldest_seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds > 3_500.0),
        "{body}"
    );
}

#[tokio::test]
async fn without_postgres_it_is_unavailable_and_says_nothing_of_the_cause() {
    let stack = TestStack::with(&[("DATABASE_URL", "postgres://someone:hidden@127.0.0.1:1/x")]).await;
    let answer = client(&stack).request("GET", "/health/ready").send().await;
    let body = answer.expect(503);
    assert_eq!(body["status"], "unavailable");
    assert_eq!(body["checks"]["postgres"]["status"], "unavailable");
    assert_eq!(body["checks"]["outbox"]["pending"], serde_json::Value::Null);
    assert!(
        !answer.text().contains("someone") && !answer.text().contains("127.0.0.1"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn without_its_migrations_it_is_unavailable() {
    let stack = TestStack::on(TestDatabase::create_empty().await, &[]);
    let body = client(&stack).request("GET", "/health/ready").send().await.expect(503);
    assert_eq!(body["checks"]["postgres"]["status"], "ok");
    assert_eq!(body["checks"]["migrations"]["status"], "unavailable");
}

#[tokio::test]
async fn other_methods_and_paths_answer_in_the_envelope() {
    let stack = TestStack::start().await;
    let client = client(&stack);
    client
        .request("POST", "/health")
        .send()
        .await
        .expect_error(405, "METHOD_NOT_ALLOWED");
    client
        .request("DELETE", "/health/ready")
        .send()
        .await
        .expect_error(405, "METHOD_NOT_ALLOWED");
    client
        .request("GET", "/health/nowhere")
        .send()
        .await
        .expect_error(404, "NOT_FOUND");
}
