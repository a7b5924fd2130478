//! `record` when Postgres does not take the event: the spill line, and its replay.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "what a test cannot set up, it fails on")]

use serde_json::{Map, Value, json};
use shared::{
    data::{TenantScope, TenantTx},
    journal::{
        audit_log::{NewAuditEvent, SpilledEvent, record, replay},
        entry::leaf_hash,
    },
    testing::{TestLog, TestStack},
};
use sqlx::Row as _;
use tracing::subscriber::DefaultGuard;
use uuid::Uuid;

/// The lines' numbers are the process's, so the tests of them take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What is logged on this thread, as JSON lines.
struct Log(TestLog);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = TestLog::default();
        let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
        (Self(log), tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        self.0.text()
    }

    /// The fields of every spill line so far.
    fn spilled(&self) -> Vec<Map<String, Value>> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["target"] == "audit.spill")
            .map(|line| line["fields"].as_object().unwrap().clone())
            .collect()
    }
}

fn event(stack: &TestStack) -> NewAuditEvent {
    let arguments = json!({"pin": 4711, "note": "hello"}).as_object().unwrap().clone();
    NewAuditEvent::of_product(&stack.ctx, "user:ada", "tool.called", Uuid::from_u128(7)).arguments(arguments)
}

fn spilled_event(line: &Map<String, Value>) -> SpilledEvent {
    serde_json::from_str(line["event"].as_str().unwrap()).unwrap()
}

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

#[tokio::test]
async fn events_that_the_database_refuses_are_spilled_with_rising_numbers_and_can_be_replayed() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    sqlx::query("REVOKE INSERT ON audit_events FROM countersign_app")
        .execute(&pool)
        .await
        .unwrap();
    let (log, guard) = Log::start();
    let submitted = [event(&stack), event(&stack)];
    for event in submitted.clone() {
        record(&stack.ctx, tenant, event).await;
    }
    drop(guard);
    sqlx::query("GRANT INSERT ON audit_events TO countersign_app")
        .execute(&pool)
        .await
        .unwrap();

    let lines = log.spilled();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["writer"], lines[1]["writer"]);
    assert_eq!(
        lines[0]["sequence"].as_u64().map(|number| number + 1),
        lines[1]["sequence"].as_u64()
    );
    assert_eq!(lines[0]["tenant_id"], tenant.to_string());

    for (line, submitted) in lines.iter().zip(&submitted) {
        let spilled = spilled_event(line);
        assert_eq!(spilled.tenant_id(), tenant);
        let mut tx = begin(&stack, tenant).await;
        let receipt = replay(&mut tx, &spilled).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(line["event_id"], receipt.event_id.to_string());
        assert_eq!(receipt.request_id, submitted.request_id);
        assert!(!receipt.duplicate);

        let mut tx = begin(&stack, tenant).await;
        let again = replay(&mut tx, &spilled).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(
            (again.event_id, again.received_at),
            (receipt.event_id, receipt.received_at)
        );
        drop(tx);

        let row = sqlx::query("SELECT * FROM audit_events WHERE tenant_id = $1 AND event_id = $2")
            .bind(tenant)
            .bind(receipt.event_id)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(leaf_hash(&row.get::<String, _>("entry")), receipt.leaf_hash);
        assert_eq!(row.get::<Option<Vec<u8>>, _>("args_salt"), None);
        assert_eq!(row.get::<Vec<String>, _>("disclosures").len(), 2);
        assert_eq!(row.get::<Vec<String>, _>("redaction_flags"), ["key:pin"]);
    }
}

#[tokio::test]
async fn a_spill_line_holds_no_raw_argument() {
    let _turn = TURN.lock().await;
    let stack = TestStack::with(&[("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")]).await;
    let (log, _guard) = Log::start();
    record(&stack.ctx, Uuid::from_u128(1), event(&stack)).await;
    assert_eq!(log.spilled().len(), 1);
    assert!(log.text().contains("hello"));
    assert!(!log.text().contains("4711"));
}

#[tokio::test]
async fn a_database_that_hangs_holds_nobody_up() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE audit_request_ids IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let (log, guard) = Log::start();
    // Returns although the lock is still held.
    record(&stack.ctx, tenant, event(&stack)).await;
    drop(guard);
    let lines = log.spilled();
    assert_eq!(lines[0]["reason"], "the deadline passed");
    lock.rollback().await.unwrap();

    let mut tx = begin(&stack, tenant).await;
    replay(&mut tx, &spilled_event(&lines[0])).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_event_stored_after_all_is_not_stored_twice_by_its_replay() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let submitted = event(&stack);
    sqlx::query("REVOKE INSERT ON audit_events FROM countersign_app")
        .execute(&pool)
        .await
        .unwrap();
    let (log, guard) = Log::start();
    record(&stack.ctx, tenant, submitted.clone()).await;
    drop(guard);
    sqlx::query("GRANT INSERT ON audit_events TO countersign_app")
        .execute(&pool)
        .await
        .unwrap();
    // The recorder tries again by itself, so the log has the request id under another event id.
    record(&stack.ctx, tenant, submitted).await;

    let mut tx = begin(&stack, tenant).await;
    let outcome = replay(&mut tx, &spilled_event(&log.spilled()[0])).await;
    assert!(outcome.is_err(), "{outcome:?}");
    drop(tx);
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_events")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn an_event_that_no_log_can_take_is_reported_without_its_arguments() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let (log, _guard) = Log::start();
    let submitted = event(&stack).outcome("x".repeat(70_000));
    record(&stack.ctx, tenant, submitted.clone()).await;
    let lines = log.spilled();
    assert_eq!(lines[0]["request_id"], submitted.request_id);
    assert!(!log.text().contains("4711"));
}
