//! The rhythm of an invocation.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use outbox::sweep;
use shared::{
    context::Clock,
    data::TenantScope,
    journal::outbox::{NewOutboxEvent, enqueue},
    testing::TestStack,
};

use crate::{TYPE, count, deliveries, enqueue_test, run, scripted, sweep_with, willing};

#[tokio::test]
async fn what_comes_while_it_runs_is_delivered_by_a_later_turn() {
    let stack = TestStack::with(&[("OUTBOX_SWEEP_SECONDS", "2"), ("OUTBOX_TURN_MS", "50")]).await;
    let tenant_id = stack.new_tenant().await;
    enqueue_test(&stack, tenant_id).await;
    // The first delivery brings forth a second event.
    let (ctx, is_first) = (stack.ctx.clone(), AtomicBool::new(true));
    let handlers = scripted(move |event| {
        let (ctx, is_first) = (ctx.clone(), is_first.swap(false, Ordering::SeqCst));
        async move {
            if is_first {
                let mut tx = ctx
                    .db
                    .begin(TenantScope {
                        tenant_id,
                        user_id: None,
                    })
                    .await
                    .unwrap();
                let second = NewOutboxEvent {
                    aggregate_type: "test",
                    aggregate_id: event.aggregate_id,
                    aggregate_version: 2,
                    event_type: TYPE,
                    payload: event.payload.clone(),
                };
                enqueue(&mut tx, &ctx, tenant_id, second).await.unwrap();
                tx.commit().await.unwrap();
            }
            Ok(())
        }
        .boxed()
    });
    let summary = sweep_with(&stack, &handlers).run(None).await;
    assert_eq!(
        (summary.done.fanned_out, summary.done.delivered, summary.done.failures),
        (2, 2, 0)
    );
    assert!(summary.turns >= 2, "{summary:?}");
    let json = serde_json::to_value(summary).unwrap();
    assert_eq!((&json["delivered"], &json["turns"]), (&2.into(), &summary.turns.into()));
}

#[tokio::test]
async fn without_time_it_takes_one_turn() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    enqueue_test(&stack, tenant_id).await;
    let summary = sweep_with(&stack, &willing()).run(Some(Duration::from_secs(1))).await;
    assert_eq!((summary.turns, summary.done.delivered), (1, 1));
}

#[tokio::test]
async fn a_clock_that_is_off_takes_nothing_from_the_time_there_is() {
    let settings = [("OUTBOX_SWEEP_SECONDS", "2"), ("OUTBOX_TURN_MS", "100")];
    for ahead in [-60, 0, 60] {
        let stack = TestStack::with(&settings).await;
        // By a clock that is a minute ahead there are ten of seventy seconds left, of which three are never used.
        let deadline = |seconds| Some(Clock::system().now() + TimeDelta::seconds(seconds));
        stack.clock.shift(TimeDelta::seconds(ahead));
        let summary = sweep(&stack.sweeper, deadline(63)).await;
        assert!(summary.turns > 3, "{ahead} s ahead: {summary:?}");
        // And a deadline that is near is near, however far it seems.
        let summary = sweep(&stack.sweeper, deadline(3)).await;
        assert_eq!(summary.turns, 1, "{ahead} s ahead");
    }
}

#[tokio::test]
async fn without_the_databases_clock_its_own_will_do() {
    let stack = TestStack::with(&[
        ("SWEEPER_DATABASE_URL", "postgres://someone:hidden@127.0.0.1:1/x"),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "100"),
    ])
    .await;
    let summary = sweep(&stack.sweeper, Some(stack.clock.now() + TimeDelta::seconds(3))).await;
    assert_eq!(summary.turns, 1);
}

#[tokio::test]
async fn after_full_batches_it_goes_on_at_once() {
    // A pause would be longer than the sweep, so all of this has to happen without one.
    let stack = TestStack::with(&[
        ("OUTBOX_BATCH", "10"),
        ("OUTBOX_SWEEP_SECONDS", "60"),
        ("OUTBOX_TURN_MS", "59000"),
    ])
    .await;
    let tenant_id = stack.new_tenant().await;
    for _ in 0..35 {
        enqueue_test(&stack, tenant_id).await;
    }
    let summary = sweep_with(&stack, &willing()).run(Some(Duration::from_secs(50))).await;
    assert_eq!((summary.turns, summary.done.delivered), (4, 35));
}

#[tokio::test]
async fn a_part_that_fails_does_not_stop_the_others() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    let tenant_id = stack.new_tenant().await;
    enqueue_test(&stack, tenant_id).await;
    let turn = sweep_with(&stack, &crate::failing()).turn().await;
    assert_eq!((turn.fanned_out, turn.retried), (1, 1));
    crate::let_time_pass(&pool).await;
    enqueue_test(&stack, tenant_id).await;

    run(&pool, "REVOKE INSERT ON outbox_deliveries FROM countersign_sweeper").await;
    let turn = sweep_with(&stack, &willing()).turn().await;
    assert_eq!((turn.fanned_out, turn.delivered, turn.failures), (0, 1, 1));
    run(&pool, "GRANT INSERT ON outbox_deliveries TO countersign_sweeper").await;
    let turn = sweep_with(&stack, &willing()).turn().await;
    assert_eq!((turn.fanned_out, turn.delivered, turn.failures), (1, 1, 0));
    assert_eq!(deliveries(&pool).await.len(), 2);
}

#[tokio::test]
async fn with_a_pool_of_one_connection_nothing_waits_for_itself() {
    let stack = TestStack::with(&[
        ("DATABASE_MAX_CONNECTIONS", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "2000"),
    ])
    .await;
    let tenant_id = stack.new_tenant().await;
    for _ in 0..40 {
        enqueue_test(&stack, tenant_id).await;
    }
    let turn = sweep_with(&stack, &willing()).turn().await;
    assert_eq!((turn.fanned_out, turn.delivered, turn.failures), (40, 40, 0));
}

#[tokio::test]
async fn without_postgres_it_says_so_and_comes_to_an_end() {
    let nowhere = "postgres://someone:hidden@127.0.0.1:1/x";
    let stack = TestStack::with(&[
        ("SWEEPER_DATABASE_URL", nowhere),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "100"),
    ])
    .await;
    let summary = sweep_with(&stack, &willing()).run(Some(Duration::ZERO)).await;
    // Expiry, fan-out, delivery and the upkeep.
    assert_eq!((summary.turns, summary.done.failures), (1, 4));
}

#[tokio::test]
async fn a_turn_that_hangs_is_given_up() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    enqueue_test(&stack, tenant_id).await;
    let mut holder = stack.owner_pool().begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE outbox_deliveries")
        .execute(&mut *holder)
        .await
        .unwrap();
    let summary = sweep_with(&stack, &willing()).run(Some(Duration::ZERO)).await;
    assert_eq!((summary.turns, summary.done.failures), (0, 1));
    holder.rollback().await.unwrap();
    assert_eq!(sweep_with(&stack, &willing()).turn().await.delivered, 1);
}

#[tokio::test]
async fn a_turn_that_is_dropped_leaves_nothing_half_done() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    let tenant_id = stack.new_tenant().await;
    let (mut polls, mut dropped, mut finished) = (0, 0, 0);
    // Polled further and further, then dropped: every await of a turn is a place to be dropped at.
    while finished == 0 {
        enqueue_test(&stack, tenant_id).await;
        let mut sweep = sweep_with(&stack, &willing());
        let mut turn = Box::pin(sweep.turn());
        let mut is_finished = false;
        polls += 1 + polls / 50;
        for _ in 0..polls {
            is_finished = futures_util::poll!(&mut turn).is_ready();
            if is_finished {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(turn);
        if is_finished {
            finished += 1;
        } else {
            dropped += 1;
        }
        // Handed on means that the delivery exists, and the other way round.
        let half_done = "SELECT count(*) FROM outbox o LEFT JOIN outbox_deliveries d ON d.event_id = o.id
                         WHERE (o.processed_at IS NULL) <> (d.event_id IS NULL)";
        assert_eq!(count(&pool, half_done).await, 0);
    }
    eprintln!("turns dropped: {dropped}");
    crate::let_time_pass(&pool).await;
    while sweep_with(&stack, &willing()).turn().await.delivered > 0 {}
    let all = deliveries(&pool).await;
    assert_eq!(all.len(), dropped + finished);
    assert!(all.iter().all(|delivery| delivery.status == "DELIVERED"), "{all:?}");
    assert!(
        all.iter().any(|delivery| delivery.attempts > 1),
        "some turn was dropped while it held a lease"
    );
}
