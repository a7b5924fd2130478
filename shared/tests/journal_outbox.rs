//! The outbox's appender against a real Postgres.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "what a test cannot set up, it fails on")]

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::{
    data::{TenantScope, TenantTx},
    journal::outbox::{NewOutboxEvent, enqueue},
    testing::TestStack,
};
use sqlx::Row as _;
use uuid::Uuid;

async fn begin(stack: &TestStack, tenant_id: Uuid) -> TenantTx {
    stack
        .ctx
        .db
        .begin(TenantScope {
            tenant_id,
            user_id: None,
        })
        .await
        .unwrap()
}

fn event() -> NewOutboxEvent {
    NewOutboxEvent {
        aggregate_type: "approval",
        aggregate_id: Uuid::from_u128(7),
        aggregate_version: 3,
        event_type: "approval.approved",
        payload: json!({"id": Uuid::from_u128(7), "version": 3}),
    }
}

#[tokio::test]
async fn an_event_waits_for_the_sweep_once_its_transaction_has_committed() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let before = stack.ctx.clock.now();
    let mut tx = begin(&stack, tenant).await;
    let id = enqueue(&mut tx, &stack.ctx, tenant, event()).await.unwrap();
    tx.commit().await.unwrap();

    let row = sqlx::query("SELECT * FROM outbox WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(&stack.owner_pool())
        .await
        .unwrap();
    assert_eq!(row.get::<Uuid, _>("id"), id);
    assert_eq!(row.get::<String, _>("aggregate_type"), "approval");
    assert_eq!(row.get::<Uuid, _>("aggregate_id"), event().aggregate_id);
    assert_eq!(row.get::<i32, _>("aggregate_version"), 3);
    assert_eq!(row.get::<String, _>("event_type"), "approval.approved");
    assert_eq!(row.get::<Value, _>("payload"), event().payload);
    assert_eq!(row.get::<Option<DateTime<Utc>>, _>("processed_at"), None);
    let created_at: DateTime<Utc> = row.get("created_at");
    assert!(before <= created_at && created_at <= stack.ctx.clock.now());
}

#[tokio::test]
async fn an_event_of_a_transaction_that_was_rolled_back_never_existed() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let mut tx = begin(&stack, tenant).await;
    enqueue(&mut tx, &stack.ctx, tenant, event()).await.unwrap();
    drop(tx);
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox")
        .fetch_one(&stack.owner_pool())
        .await
        .unwrap();
    assert_eq!(count, 0);
}

#[tokio::test]
async fn another_tenants_outbox_is_refused_by_the_database() {
    let stack = TestStack::start().await;
    let (tenant, other_tenant) = (stack.new_tenant().await, stack.new_tenant().await);
    let mut tx = begin(&stack, tenant).await;
    assert!(enqueue(&mut tx, &stack.ctx, other_tenant, event()).await.is_err());
}
