//! The audit log's appender against a real Postgres.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "what a test cannot set up, it fails on")]

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use shared::{
    context::AppContext,
    data::{TenantScope, TenantTx},
    journal::{
        audit_log::{AppendError, NewAuditEvent, Receipt, append, record},
        entry::leaf_hash,
    },
    testing::{TestStack, poll_until},
};
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn event(request_id: &str) -> NewAuditEvent {
    NewAuditEvent {
        request_id: request_id.to_owned(),
        recorded_by: "agent:deployer".to_owned(),
        caller_id: Some("deployer".to_owned()),
        tool: "payments.refund".to_owned(),
        action: Some("refund".to_owned()),
        correlation_id: Some("order-7".to_owned()),
        environment: Some("dev".to_owned()),
        trust_level: Some(2),
        decision: Some("ALLOW".to_owned()),
        outcome: Some("OK".to_owned()),
        latency_ms: Some(12),
        arguments: object(&json!({"amount": 10, "password": "correct horse", "text": "nul \u{0} and ü"})),
        risk_labels: vec!["money".to_owned(), "a \"quoted\", one".to_owned()],
        occurred_at: DateTime::from_timestamp_millis(1_795_132_800_123),
    }
}

async fn begin(ctx: &AppContext, tenant_id: Uuid) -> TenantTx {
    ctx.db
        .begin(TenantScope {
            tenant_id,
            user_id: None,
        })
        .await
        .unwrap()
}

/// Appends in a transaction of its own, committed only on success.
async fn append_alone(
    ctx: &AppContext,
    tenant_id: Uuid,
    events: &[NewAuditEvent],
) -> Result<Vec<Receipt>, AppendError> {
    let mut tx = begin(ctx, tenant_id).await;
    let receipts = append(&mut tx, ctx, tenant_id, events).await?;
    tx.commit().await?;
    Ok(receipts)
}

async fn count(pool: &PgPool, tenant_id: Uuid) -> (i64, i64, i64) {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM audit_events WHERE tenant_id = $1),
                (SELECT count(*) FROM audit_request_ids WHERE tenant_id = $1),
                (SELECT count(*) FROM audit_pending WHERE tenant_id = $1)",
    )
    .bind(tenant_id)
    .fetch_one(pool)
    .await
    .unwrap();
    (row.get(0), row.get(1), row.get(2))
}

/// Returns once so many sessions of the test's database wait for a transaction to end.
async fn until_waiting(pool: &PgPool, sessions: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event = 'transactionid'";
    poll_until(Duration::from_secs(30), "sessions wait for each other", async || {
        let seen: i64 = sqlx::query_scalar(waiting).fetch_one(pool).await.unwrap();
        if seen < sessions { Err(seen) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
async fn an_event_is_stored_whole_and_without_its_raw_arguments() {
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let submitted = event("r-1");
    let receipts = append_alone(&stack.ctx, tenant, std::slice::from_ref(&submitted))
        .await
        .unwrap();
    let [receipt] = receipts.as_slice() else {
        panic!("one receipt")
    };

    let row = sqlx::query("SELECT * FROM audit_events WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(row.get::<Uuid, _>("event_id"), receipt.event_id);
    assert_eq!(row.get::<String, _>("request_id"), receipt.request_id);
    assert_eq!(row.get::<String, _>("recorded_by"), submitted.recorded_by);
    assert_eq!(row.get::<Option<String>, _>("caller_id"), submitted.caller_id);
    assert_eq!(row.get::<String, _>("tool"), submitted.tool);
    assert_eq!(row.get::<Option<String>, _>("action"), submitted.action);
    assert_eq!(row.get::<Option<String>, _>("correlation_id"), submitted.correlation_id);
    assert_eq!(row.get::<Option<String>, _>("environment"), submitted.environment);
    assert_eq!(row.get::<Option<i16>, _>("trust_level"), submitted.trust_level);
    assert_eq!(row.get::<Option<String>, _>("decision"), submitted.decision);
    assert_eq!(row.get::<Option<String>, _>("outcome"), submitted.outcome);
    assert_eq!(row.get::<Option<i64>, _>("latency_ms"), submitted.latency_ms);
    assert_eq!(row.get::<Vec<String>, _>("risk_labels"), submitted.risk_labels);
    assert_eq!(row.get::<Vec<String>, _>("redaction_flags"), ["key:password"]);
    assert_eq!(
        row.get::<Option<DateTime<Utc>>, _>("occurred_at"),
        submitted.occurred_at
    );
    assert_eq!(row.get::<DateTime<Utc>, _>("received_at"), receipt.received_at);
    assert_eq!(row.get::<Vec<u8>, _>("leaf_hash"), receipt.leaf_hash);
    assert_eq!(leaf_hash(&row.get::<String, _>("entry")), receipt.leaf_hash);
    assert_eq!(row.get::<Vec<String>, _>("disclosures").len(), 3);
    assert_eq!(row.get::<Vec<u8>, _>("args_salt").len(), 16);
    // As text: `json` keeps what `jsonb` would refuse.
    let sanitized: String = sqlx::query_scalar("SELECT sanitized_args::text FROM audit_events WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(
        sanitized,
        r#"{"amount":10,"password":"[REDACTED]","text":"nul \u0000 and ü"}"#
    );

    // The sealer's watermark needs the two times to be one.
    let pending: DateTime<Utc> = sqlx::query_scalar("SELECT received_at FROM audit_pending WHERE event_id = $1")
        .bind(receipt.event_id)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(pending, receipt.received_at);
    for table in ["audit_events", "audit_request_ids", "audit_pending"] {
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT string_agg(t::text, '') FROM {table} t"
        )))
        .fetch_one(&pool)
        .await
        .unwrap();
        assert!(!rows.contains("correct horse"), "{table}");
    }
}

#[tokio::test]
async fn absent_values_are_stored_as_absent() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let bare = NewAuditEvent {
        caller_id: None,
        action: None,
        correlation_id: None,
        environment: None,
        trust_level: None,
        decision: None,
        outcome: None,
        latency_ms: None,
        arguments: Map::new(),
        risk_labels: Vec::new(),
        occurred_at: None,
        ..event("r-1")
    };
    append_alone(&stack.ctx, tenant, &[bare]).await.unwrap();
    let absent: bool = sqlx::query_scalar(
        "SELECT num_nonnulls(caller_id, action, correlation_id, environment, trust_level, decision, outcome,
                             latency_ms, occurred_at) = 0 AND risk_labels = '{}' AND redaction_flags = '{}'
         FROM audit_events WHERE tenant_id = $1",
    )
    .bind(tenant)
    .fetch_one(&stack.owner_pool())
    .await
    .unwrap();
    assert!(absent);
}

#[tokio::test]
async fn a_thousand_events_get_their_receipts_in_the_order_given() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    // Not in the order of the keys, which is the order of the insert.
    let events: Vec<_> = (0..1000)
        .map(|number| event(&format!("r-{}", (number * 7) % 1000)))
        .collect();
    let receipts = append_alone(&stack.ctx, tenant, &events).await.unwrap();
    let ids = |of: &[NewAuditEvent]| of.iter().map(|event| event.request_id.clone()).collect::<Vec<_>>();
    assert_eq!(
        receipts
            .iter()
            .map(|receipt| receipt.request_id.clone())
            .collect::<Vec<_>>(),
        ids(&events)
    );
    assert!(receipts.windows(2).all(|pair| pair[0].event_id < pair[1].event_id));
    assert!(receipts.iter().all(|receipt| !receipt.duplicate));
    assert_eq!(count(&stack.owner_pool(), tenant).await, (1000, 1000, 1000));
}

#[tokio::test]
async fn no_events_are_no_statement() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    assert_eq!(append_alone(&stack.ctx, tenant, &[]).await.unwrap(), []);
}

#[tokio::test]
async fn the_same_submission_again_gets_the_first_receipt() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let first = append_alone(&stack.ctx, tenant, &[event("r-1"), event("r-2")])
        .await
        .unwrap();
    let again = append_alone(&stack.ctx, tenant, &[event("r-3"), event("r-2"), event("r-1")])
        .await
        .unwrap();
    assert!(!again[0].duplicate);
    assert_eq!(
        again[1],
        Receipt {
            duplicate: true,
            ..first[1].clone()
        }
    );
    assert_eq!(
        again[2],
        Receipt {
            duplicate: true,
            ..first[0].clone()
        }
    );
    assert_eq!(count(&stack.owner_pool(), tenant).await, (3, 3, 3));
}

#[tokio::test]
async fn twins_in_one_batch_are_stored_once() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let receipts = append_alone(&stack.ctx, tenant, &[event("r-1"), event("r-2"), event("r-1")])
        .await
        .unwrap();
    assert!(!receipts[0].duplicate);
    assert_eq!(
        receipts[2],
        Receipt {
            duplicate: true,
            ..receipts[0].clone()
        }
    );
    assert_eq!(count(&stack.owner_pool(), tenant).await, (2, 2, 2));
}

#[tokio::test]
async fn a_request_id_used_for_another_event_is_a_conflict_and_nothing_is_stored() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    append_alone(&stack.ctx, tenant, &[event("r-1")]).await.unwrap();
    let other = event("r-1").arguments(object(&json!({"amount": 11})));

    let against_the_log = append_alone(&stack.ctx, tenant, &[event("r-0"), other.clone(), event("r-2")]).await;
    let within_the_batch = append_alone(&stack.ctx, tenant, &[event("r-1"), event("r-2"), other]).await;
    for outcome in [against_the_log, within_the_batch] {
        assert!(matches!(outcome, Err(AppendError::Conflict { request_id }) if request_id == "r-1"));
    }
    assert_eq!(count(&stack.owner_pool(), tenant).await, (1, 1, 1));
}

#[tokio::test]
async fn request_ids_belong_to_their_recorder_and_tenant() {
    let stack = TestStack::start().await;
    let (tenant, other_tenant) = (stack.new_tenant().await, stack.new_tenant().await);
    let other_recorder = NewAuditEvent {
        recorded_by: "agent:other".to_owned(),
        ..event("r-1")
    };
    let here = append_alone(&stack.ctx, tenant, &[event("r-1"), other_recorder])
        .await
        .unwrap();
    let there = append_alone(&stack.ctx, other_tenant, &[event("r-1").decision("DENY")])
        .await
        .unwrap();
    assert!(here.iter().chain(&there).all(|receipt| !receipt.duplicate));
}

#[tokio::test]
async fn an_entry_that_is_too_large_is_refused() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let outcome = append_alone(
        &stack.ctx,
        tenant,
        &[event("r-1"), event("r-2").outcome("x".repeat(65_535))],
    )
    .await;
    assert!(matches!(outcome, Err(AppendError::TooLarge { request_id }) if request_id == "r-2"));
    assert_eq!(count(&stack.owner_pool(), tenant).await, (0, 0, 0));
}

#[tokio::test]
async fn long_arguments_fit() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let long = event("r-1").arguments(object(&json!({"body": "x ".repeat(400_000)})));
    append_alone(&stack.ctx, tenant, &[long]).await.unwrap();
}

#[tokio::test]
async fn the_loser_of_a_race_sees_the_winners_event() {
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let (same, other) = ([event("r-1")], [event("r-2").decision("DENY")]);

    let mut winner = begin(&stack.ctx, tenant).await;
    let first = append(&mut winner, &stack.ctx, tenant, &same).await.unwrap();
    let (loser, ()) = tokio::join!(append_alone(&stack.ctx, tenant, &same), async {
        until_waiting(&pool, 1).await;
        winner.commit().await.unwrap();
    });
    assert_eq!(
        loser.unwrap(),
        [Receipt {
            duplicate: true,
            ..first[0].clone()
        }]
    );

    let mut winner = begin(&stack.ctx, tenant).await;
    append(&mut winner, &stack.ctx, tenant, &[event("r-2")]).await.unwrap();
    let (loser, ()) = tokio::join!(append_alone(&stack.ctx, tenant, &other), async {
        until_waiting(&pool, 1).await;
        winner.commit().await.unwrap();
    });
    assert!(matches!(loser, Err(AppendError::Conflict { request_id }) if request_id == "r-2"));
}

#[tokio::test]
async fn a_rolled_back_event_leaves_its_request_id_free() {
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let mut first = begin(&stack.ctx, tenant).await;
    append(&mut first, &stack.ctx, tenant, &[event("r-1")]).await.unwrap();
    let other = [event("r-1").decision("DENY")];
    let (second, ()) = tokio::join!(append_alone(&stack.ctx, tenant, &other), async {
        until_waiting(&pool, 1).await;
        drop(first);
    });
    assert!(!second.unwrap()[0].duplicate);
    assert_eq!(count(&pool, tenant).await, (1, 1, 1));
}

#[tokio::test]
async fn batches_that_overlap_in_opposite_order_do_not_deadlock() {
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let forward: Vec<_> = (0..100).map(|number| event(&format!("r-{number:03}"))).collect();
    let backward: Vec<_> = forward.iter().rev().cloned().collect();

    // Holds a key in the middle until both wait: taken as they come, each would by then have half of the other's keys.
    let mut blocker = begin(&stack.ctx, tenant).await;
    append(&mut blocker, &stack.ctx, tenant, &[event("r-050")])
        .await
        .unwrap();
    let (one, other, ()) = tokio::join!(
        append_alone(&stack.ctx, tenant, &forward),
        append_alone(&stack.ctx, tenant, &backward),
        async {
            until_waiting(&pool, 2).await;
            drop(blocker);
        }
    );
    let (one, mut other) = (one.unwrap(), other.unwrap());
    other.reverse();
    // Exactly one of the two stored each event, and both name the same one.
    assert!(
        one.iter()
            .zip(&other)
            .all(|(a, b)| a.event_id == b.event_id && a.duplicate != b.duplicate)
    );
    assert_eq!(count(&pool, tenant).await, (100, 100, 100));
}

#[tokio::test]
async fn another_tenants_log_and_a_missing_tenant_are_refused_by_the_database() {
    let stack = TestStack::start().await;
    let (tenant, other_tenant) = (stack.new_tenant().await, stack.new_tenant().await);
    let mut tx = begin(&stack.ctx, tenant).await;
    let foreign = append(&mut tx, &stack.ctx, other_tenant, &[event("r-1")]).await;
    assert!(matches!(foreign, Err(AppendError::Database(_))), "{foreign:?}");
    drop(tx);
    let mut connection = stack.ctx.db.without_tenant().acquire().await.unwrap();
    let nowhere = append(&mut connection, &stack.ctx, tenant, &[event("r-1")]).await;
    assert!(matches!(nowhere, Err(AppendError::Database(_))), "{nowhere:?}");
    assert_eq!(count(&stack.owner_pool(), other_tenant).await, (0, 0, 0));
}

#[tokio::test]
async fn record_stores_an_event_of_the_product() {
    let stack = TestStack::start().await;
    let (tenant, object_id) = (stack.new_tenant().await, stack.ctx.ids.next());
    let event = NewAuditEvent::of_product(&stack.ctx, "user:ada", "approval.approved", object_id).decision("APPROVE");
    record(&stack.ctx, tenant, event).await;
    let row = sqlx::query("SELECT * FROM audit_events WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(&stack.owner_pool())
        .await
        .unwrap();
    assert_eq!(row.get::<String, _>("tool"), "countersign");
    assert_eq!(row.get::<String, _>("recorded_by"), "user:ada");
    assert_eq!(row.get::<String, _>("caller_id"), "ada");
    assert_eq!(row.get::<String, _>("action"), "approval.approved");
    assert_eq!(row.get::<String, _>("correlation_id"), object_id.to_string());
    assert_eq!(row.get::<String, _>("decision"), "APPROVE");
}

#[tokio::test]
async fn the_sweep_appends_for_the_tenant_it_acts_for() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let by_sweep = NewAuditEvent {
        recorded_by: "system:sweep".to_owned(),
        ..event("r-1")
    };
    let receipts = append_alone(&stack.sweeper, tenant, std::slice::from_ref(&by_sweep))
        .await
        .unwrap();
    let again = append_alone(&stack.ctx, tenant, &[by_sweep]).await.unwrap();
    assert_eq!(
        again,
        [Receipt {
            duplicate: true,
            ..receipts[0].clone()
        }]
    );
}

#[tokio::test]
async fn the_sweep_cannot_speak_for_anybody_else() {
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let forged = append_alone(&stack.sweeper, tenant, &[event("r-1")]).await.unwrap_err();
    assert!(matches!(forged, AppendError::Database(error) if error.to_string().contains("row-level security")));
}

#[test]
fn a_receipt_in_json_has_a_hex_hash_and_a_time_with_three_digits() {
    let receipt = Receipt {
        event_id: Uuid::from_u128(1),
        request_id: "r-1".to_owned(),
        leaf_hash: [0xAB; 32],
        received_at: DateTime::from_timestamp_nanos(1_795_132_800_123_456_789),
        duplicate: false,
    };
    assert_eq!(
        serde_json::to_value(receipt).unwrap(),
        json!({"event_id": "00000000-0000-0000-0000-000000000001", "request_id": "r-1", "leaf_hash": "ab".repeat(32),
               "received_at": "2026-11-20T00:00:00.123Z", "duplicate": false})
    );
}
