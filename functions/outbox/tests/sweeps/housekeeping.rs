//! The upkeep that every invocation does.

use std::time::Duration;

use shared::testing::TestStack;
use sqlx::AssertSqlSafe;

use crate::{count, run, sweep_with, willing};

/// One invocation with no time left: a single turn, and the upkeep.
async fn invoke(stack: &TestStack) -> u64 {
    let summary = sweep_with(stack, &willing()).run(Some(Duration::ZERO)).await;
    assert_eq!(summary.turns, 1);
    summary.done.failures
}

#[tokio::test]
async fn partitions_stand_at_least_three_months_ahead_and_as_closed_as_the_others() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT 'audit_events_' || to_char((now() AT TIME ZONE 'UTC') + make_interval(months => n), 'YYYY_MM')
         FROM generate_series(1, 3) n",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    for name in &names {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {name}")))
            .execute(&pool)
            .await
            .unwrap();
    }
    assert_eq!(invoke(&stack).await, 0);
    for name in names {
        let sound: bool = sqlx::query_scalar(
            "SELECT relispartition AND relrowsecurity AND relforcerowsecurity
                    AND NOT has_table_privilege('countersign_app', oid, 'SELECT, INSERT, UPDATE, DELETE')
                    AND NOT has_table_privilege('countersign_sweeper', oid, 'SELECT, INSERT, UPDATE, DELETE')
             FROM pg_class WHERE relname = $1",
        )
        .bind(&name)
        .fetch_one(&pool)
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(sound, "{name}");
    }
    assert_eq!(invoke(&stack).await, 0, "and again, with nothing to do");
}

#[tokio::test]
async fn idempotency_records_go_when_they_have_expired() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    stack.new_tenant().await;
    run(
        &pool,
        "INSERT INTO idempotency_keys (tenant_id, principal, route, idempotency_key, body_hash, response_status,
             response_body, created_at, expires_at)
         SELECT t.id, 'agent:a', 'POST /x', 'key-' || n, '', 201, '{}', now() - interval '1 day',
                now() + CASE WHEN n = 1 THEN interval '1 minute' ELSE interval '-1 minute' END
         FROM tenants t, generate_series(1, 2500) n",
    )
    .await;
    assert_eq!(invoke(&stack).await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM idempotency_keys").await, 1);
    assert_eq!(
        count(
            &pool,
            "SELECT count(*) FROM idempotency_keys WHERE idempotency_key = 'key-1'"
        )
        .await,
        1
    );
}

#[tokio::test]
async fn more_expired_records_than_a_turn_deletes_go_in_the_next_turns() {
    // A pause would be longer than the sweep, so all of this has to happen without one.
    let stack = TestStack::with(&[("OUTBOX_SWEEP_SECONDS", "60"), ("OUTBOX_TURN_MS", "59000")]).await;
    let pool = stack.owner_pool();
    stack.new_tenant().await;
    run(
        &pool,
        "INSERT INTO idempotency_keys (tenant_id, principal, route, idempotency_key, body_hash, response_status,
             response_body, created_at, expires_at)
         SELECT t.id, 'agent:a', 'POST /x', 'key-' || n, '', 201, '{}', now() - interval '1 day', now() - interval '1 minute'
         FROM tenants t, generate_series(1, 12500) n",
    )
    .await;
    let summary = sweep_with(&stack, &willing()).run(Some(Duration::from_secs(50))).await;
    assert_eq!((summary.turns, summary.done.failures), (3, 0));
    assert_eq!(count(&pool, "SELECT count(*) FROM idempotency_keys").await, 0);
}

#[tokio::test]
async fn while_another_sweep_is_at_it_the_upkeep_is_left_to_that_one() {
    let stack = TestStack::start().await;
    let mut other = stack.owner_pool().begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('countersign.housekeeping', 0))")
        .execute(&mut *other)
        .await
        .unwrap();
    assert_eq!(invoke(&stack).await, 0);
}
