//! What the product's own handlers do.

use outbox::{Handlers, Sweep, run_once};
use serde_json::{Value, json};
use shared::{
    config::Config,
    data::{Cache, TenantScope},
    journal::outbox::{NewOutboxEvent, enqueue},
    testing::{TestLog, TestStack},
};
use uuid::Uuid;

use crate::{enqueue_event, let_time_pass, only_delivery};

async fn ping(stack: &TestStack, tenant_id: Uuid) -> Uuid {
    let id = stack.ctx.ids.next();
    let payload = json!({"id": id, "requested_by": "agent:dev-agent"});
    let event = NewOutboxEvent {
        aggregate_type: "task",
        aggregate_id: id,
        aggregate_version: 1,
        event_type: "tasks.ping",
        payload,
    };
    let mut tx = stack
        .ctx
        .db
        .begin(TenantScope {
            tenant_id,
            user_id: None,
        })
        .await
        .unwrap();
    enqueue(&mut tx, &stack.ctx, tenant_id, event).await.unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_ping_is_answered_in_redis_for_an_hour() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    let id = ping(&stack, tenant_id).await;
    let turn = run_once(&stack.sweeper).await;
    assert_eq!((turn.fanned_out, turn.delivered), (1, 1));
    let key = format!("task:{tenant_id}:{id}");
    let answer: Option<Value> = stack.ctx.cache.get_json(&key).await.unwrap();
    assert_eq!(answer, Some(json!({"status": "DONE", "result": "pong"})));
    let ttl = stack.ctx.cache.ttl(&key).await.unwrap();
    assert!((3_000..=3_600).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn while_redis_is_down_a_ping_waits_and_then_it_is_answered() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    let id = ping(&stack, tenant_id).await;
    let mut without_redis = stack.sweeper.clone();
    let settings = |name: &str| (name == "REDIS_TIMEOUT_MS").then(|| "100".to_owned());
    let config = Config::from_lookup(&settings).unwrap();
    without_redis.cache = Cache::connect_lazy(&"redis://127.0.0.1:1".to_owned().into(), &config.redis).unwrap();

    let turn = Sweep::new(without_redis, Handlers::standard()).turn().await;
    assert_eq!((turn.fanned_out, turn.retried, turn.failures), (1, 1, 0));
    let delivery = only_delivery(&stack.owner_pool()).await;
    assert_eq!(
        (delivery.destination.as_str(), delivery.status.as_str()),
        ("pong", "PENDING")
    );
    assert!(delivery.last_error.is_some_and(|error| error.contains("Redis")));

    let_time_pass(&stack.owner_pool()).await;
    assert_eq!(run_once(&stack.sweeper).await.delivered, 1);
    assert!(stack.ctx.cache.exists(&format!("task:{tenant_id}:{id}")).await.unwrap());
}

#[tokio::test]
async fn the_log_gets_one_line_without_what_people_wrote() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    let log = TestLog::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let event = enqueue_event(&stack, tenant_id, "approval.requested", json!({"reason": "between us"})).await;
    {
        let _guard = tracing::subscriber::set_default(subscriber);
        run_once(&stack.sweeper).await;
    }
    let text = log.text();
    let told: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone())
        .filter(|fields| fields["event"] == "notification")
        .collect();
    assert_eq!(told.len(), 1, "{text}");
    assert_eq!(told[0]["event_type"], "approval.requested");
    assert_eq!(told[0]["tenant_id"], tenant_id.to_string());
    assert_eq!(told[0]["aggregate_id"], event.aggregate_id.to_string());
    assert!(!text.contains("between us"), "{text}");
}
