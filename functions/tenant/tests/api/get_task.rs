//! `GET /api/v1/tasks/{id}`.

use serde_json::{Value, json};
use shared::data::Ttl;
use uuid::Uuid;

use crate::stage::{Stage, id};

async fn queued(stage: &Stage) -> (Uuid, String) {
    let task = stage
        .client
        .post(&stage.tenant.agent, "/api/v1/tasks/ping", json!({}))
        .await
        .expect(202);
    (id(&task), format!("/api/v1/tasks/{}", id(&task)))
}

/// Leaves a delivery in this state, as the sweep does.
async fn deliver(stage: &Stage, task: Uuid, status: &str) {
    sqlx::query(
        "INSERT INTO outbox_deliveries (tenant_id, event_id, destination, status, next_attempt_at)
         SELECT tenant_id, id, 'pong', $2, now() FROM outbox WHERE aggregate_id = $1",
    )
    .bind(task)
    .bind(status)
    .execute(&stage.stack.owner_pool())
    .await
    .expect("stored");
}

async fn state(stage: &Stage, path: &str) -> Value {
    stage.client.get(&stage.tenant.approver, path).await.expect(200)
}

#[tokio::test]
async fn a_task_is_queued_until_its_outcome_is_in_redis() {
    let stage = Stage::set().await;
    let (task, path) = queued(&stage).await;
    let expected = json!({"id": task, "status": "QUEUED", "result": null});
    assert_eq!(state(&stage, &path).await, expected);
    deliver(&stage, task, "PENDING").await;
    assert_eq!(state(&stage, &path).await, expected);
    let key = format!("task:{}:{task}", stage.tenant.id);
    let outcome = json!({"status": "DONE", "result": "pong"});
    stage
        .stack
        .ctx
        .cache
        .set_json(&key, &outcome, Ttl::seconds(60))
        .await
        .expect("cached");
    assert_eq!(
        state(&stage, &path).await,
        json!({"id": task, "status": "DONE", "result": "pong"})
    );
}

#[tokio::test]
async fn the_delivery_decides_when_redis_has_forgotten() {
    let stage = Stage::set().await;
    for (delivery, expected) in [
        ("DELIVERED", json!({"status": "DONE", "result": "pong"})),
        ("DEAD", json!({"status": "FAILED", "result": null})),
    ] {
        let (task, path) = queued(&stage).await;
        deliver(&stage, task, delivery).await;
        let seen = state(&stage, &path).await;
        assert_eq!(
            (&seen["status"], &seen["result"]),
            (&expected["status"], &expected["result"])
        );
    }
}

#[tokio::test]
async fn the_delivery_decides_when_redis_is_down_or_holds_nonsense() {
    let stage = Stage::set().await;
    let (task, path) = queued(&stage).await;
    let key = format!("task:{}:{task}", stage.tenant.id);
    stage
        .stack
        .ctx
        .cache
        .set(&key, "not json", Ttl::seconds(60))
        .await
        .expect("cached");
    assert_eq!(state(&stage, &path).await["status"], "QUEUED");

    let stage = Stage::with(&[("REDIS_URL", "redis://127.0.0.1:1")]).await;
    let (task, path) = queued(&stage).await;
    deliver(&stage, task, "DELIVERED").await;
    assert_eq!(state(&stage, &path).await["status"], "DONE");
}

#[tokio::test]
async fn another_tenants_task_does_not_exist() {
    let stage = Stage::set().await;
    let (task, path) = queued(&stage).await;
    let key = format!("task:{}:{task}", stage.tenant.id);
    let outcome = json!({"status": "DONE", "result": "pong"});
    stage
        .stack
        .ctx
        .cache
        .set_json(&key, &outcome, Ttl::seconds(60))
        .await
        .expect("cached");
    let other = stage.stack.tenant().await;
    stage
        .client
        .get(&other.admin, &path)
        .await
        .expect_error(404, "NOT_FOUND");
}
