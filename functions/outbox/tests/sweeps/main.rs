//! The sweep against a real Postgres and a real Redis, one module a room.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod deliver;
mod expire;
mod fan_out;
mod handlers;
mod housekeeping;
mod rights;
mod sweep;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use outbox::{Event, Failure, Handler, Handlers, Sweep};
use serde_json::{Value, json};
use shared::{
    context::AppContext,
    data::TenantScope,
    journal::outbox::{NewOutboxEvent, enqueue},
    testing::TestStack,
};
use sqlx::PgPool;
use uuid::Uuid;

/// The type of the events that [`Scripted`] takes.
const TYPE: &str = "test.happened";

/// A handler that does what a test says.
struct Scripted<F>(F);

impl<F> Handler for Scripted<F>
where
    F: for<'a> Fn(&'a Event) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync,
{
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn wants(&self, event_type: &str) -> bool {
        event_type == TYPE
    }

    fn handle<'a>(&'a self, _: &'a AppContext, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>> {
        (self.0)(event)
    }
}

fn scripted<F>(script: F) -> Handlers
where
    F: for<'a> Fn(&'a Event) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync + 'static,
{
    Handlers::new(vec![Arc::new(Scripted(script))])
}

/// Takes everything.
fn willing() -> Handlers {
    scripted(|_| async { Ok(()) }.boxed())
}

/// Refuses everything.
fn failing() -> Handlers {
    scripted(|_| async { Err(Failure("not today".to_owned())) }.boxed())
}

/// Takes everything and counts how often it was given each event.
fn counting() -> (Handlers, Arc<Mutex<HashMap<Uuid, usize>>>) {
    let counts = Arc::new(Mutex::new(HashMap::new()));
    let counted = Arc::clone(&counts);
    let handlers = scripted(move |event| {
        *counted.lock().unwrap().entry(event.id).or_insert(0) += 1;
        async { Ok(()) }.boxed()
    });
    (handlers, counts)
}

fn sweep_with(stack: &TestStack, handlers: &Handlers) -> Sweep {
    Sweep::new(stack.sweeper.clone(), handlers.clone())
}

/// Enqueues an event as a function does, in a transaction of its tenant.
async fn enqueue_event(stack: &TestStack, tenant_id: Uuid, event_type: &'static str, payload: Value) -> NewOutboxEvent {
    let event = NewOutboxEvent {
        aggregate_type: "test",
        aggregate_id: stack.ctx.ids.next(),
        aggregate_version: 1,
        event_type,
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
    enqueue(&mut tx, &stack.ctx, tenant_id, event.clone()).await.unwrap();
    tx.commit().await.unwrap();
    event
}

async fn enqueue_test(stack: &TestStack, tenant_id: Uuid) -> NewOutboxEvent {
    enqueue_event(stack, tenant_id, TYPE, json!({})).await
}

/// A delivery as it is stored.
#[derive(Debug, sqlx::FromRow)]
struct Delivery {
    destination: String,
    status: String,
    attempts: i32,
    last_error: Option<String>,
    is_leased: bool,
    is_finished: bool,
    /// Seconds until the next attempt.
    due_in: f64,
}

async fn deliveries(pool: &PgPool) -> Vec<Delivery> {
    sqlx::query_as(
        "SELECT destination, status, attempts, last_error, lease_token IS NOT NULL AS is_leased,
                finished_at IS NOT NULL AS is_finished,
                extract(epoch FROM next_attempt_at - clock_timestamp())::double precision AS due_in
         FROM outbox_deliveries ORDER BY tenant_id, event_id, destination",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn only_delivery(pool: &PgPool) -> Delivery {
    let mut all = deliveries(pool).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

/// Makes every pending delivery due and every lease run out.
async fn let_time_pass(pool: &PgPool) {
    run(
        pool,
        "UPDATE outbox_deliveries SET
             next_attempt_at = least(next_attempt_at, now() - interval '1 second'),
             leased_until = leased_until - interval '1 day'
         WHERE status = 'PENDING'",
    )
    .await;
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}
