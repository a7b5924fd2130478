//! Leases, retries and dead letters.

use std::sync::Arc;

use futures_util::FutureExt as _;
use outbox::Failure;
use shared::testing::TestStack;
use tokio::sync::Notify;

use crate::{
    counting, deliveries, enqueue_test, failing, let_time_pass, only_delivery, run, scripted, sweep_with, willing,
};

#[tokio::test]
async fn it_climbs_the_ladder_and_then_is_dead_and_kept() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    enqueue_test(&stack, stack.new_tenant().await).await;
    let mut pauses = Vec::new();
    for attempt in 1..=9 {
        let turn = sweep_with(&stack, &failing()).turn().await;
        assert_eq!((turn.retried, turn.dead), (1, 0), "attempt {attempt}");
        let delivery = only_delivery(&pool).await;
        assert_eq!((delivery.status.as_str(), delivery.attempts), ("PENDING", attempt));
        assert_eq!(
            (delivery.last_error.as_deref(), delivery.is_leased),
            (Some("not today"), false)
        );
        pauses.push(delivery.due_in);
        // It is not due yet, so nothing happens.
        assert_eq!(sweep_with(&stack, &failing()).turn().await.retried, 0);
        let_time_pass(&pool).await;
    }
    eprintln!("seconds before each retry: {pauses:.0?}");
    for (pause, expected) in pauses.iter().zip([
        5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0,
    ]) {
        // A tenth of jitter either way, and what passed since it was written.
        assert!(
            *pause <= expected * 1.1 && *pause > expected * 0.9 - 4.0,
            "{pause} of {expected}"
        );
    }

    let turn = sweep_with(&stack, &failing()).turn().await;
    assert_eq!((turn.retried, turn.dead), (0, 1));
    let delivery = only_delivery(&pool).await;
    assert_eq!(
        (delivery.status.as_str(), delivery.attempts, delivery.is_finished),
        ("DEAD", 10, true)
    );
    assert_eq!(delivery.last_error.as_deref(), Some("not today"));
    let_time_pass(&pool).await;
    let turn = sweep_with(&stack, &willing()).turn().await;
    assert_eq!((turn.delivered, turn.dead), (0, 0), "the dead stay dead");
}

#[tokio::test]
async fn after_a_failure_it_is_delivered_when_it_is_due() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    enqueue_test(&stack, stack.new_tenant().await).await;
    sweep_with(&stack, &failing()).turn().await;
    let_time_pass(&pool).await;
    assert_eq!(sweep_with(&stack, &willing()).turn().await.delivered, 1);
    let delivery = only_delivery(&pool).await;
    assert_eq!(
        (delivery.status.as_str(), delivery.attempts, delivery.last_error),
        ("DELIVERED", 2, None)
    );
}

#[tokio::test]
async fn a_panic_and_a_hang_are_failed_attempts_and_keep_nobody() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    let (panics, hangs, fine) = {
        let mut events = Vec::new();
        for _ in 0..3 {
            events.push(enqueue_test(&stack, stack.new_tenant().await).await.aggregate_id);
        }
        (events[0], events[1], events[2])
    };
    let handlers = scripted(move |event| {
        let id = event.aggregate_id;
        async move {
            assert_ne!(id, panics, "a panic of the test");
            if id == hangs {
                std::future::pending::<()>().await;
            }
            assert_eq!(id, fine);
            Ok(())
        }
        .boxed()
    });
    let turn = sweep_with(&stack, &handlers).turn().await;
    assert_eq!((turn.retried, turn.delivered, turn.failures), (2, 1, 0));
    let mut errors: Vec<String> = deliveries(&pool)
        .await
        .into_iter()
        .filter_map(|d| d.last_error)
        .collect();
    errors.sort();
    assert_eq!(errors, ["the handler panicked", "the handler took too long"]);
}

#[tokio::test]
async fn when_its_holder_dies_a_delivery_is_taken_over_after_the_lease() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    enqueue_test(&stack, stack.new_tenant().await).await;
    let begun = Arc::new(Notify::new());
    let dying = {
        let begun = Arc::clone(&begun);
        scripted(move |_| {
            begun.notify_one();
            std::future::pending().boxed()
        })
    };
    let mut holder = sweep_with(&stack, &dying);
    tokio::select! {
        _ = holder.turn() => panic!("it hangs"),
        () = begun.notified() => {}
    }
    assert!(only_delivery(&pool).await.is_leased);

    let (handlers, counts) = counting();
    let turn = sweep_with(&stack, &handlers).turn().await;
    assert_eq!(
        (turn.delivered, counts.lock().unwrap().len()),
        (0, 0),
        "the lease is still good"
    );
    let_time_pass(&pool).await;
    assert_eq!(sweep_with(&stack, &handlers).turn().await.delivered, 1);
    let delivery = only_delivery(&pool).await;
    assert_eq!(
        (delivery.status.as_str(), delivery.attempts, delivery.is_leased),
        ("DELIVERED", 2, false)
    );
}

#[tokio::test]
async fn the_outcome_of_a_late_holder_is_refused() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    enqueue_test(&stack, stack.new_tenant().await).await;
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        scripted(move |_| {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            async move {
                begun.notify_one();
                go_on.notified().await;
                Ok(())
            }
            .boxed()
        })
    };
    let mut late = sweep_with(&stack, &slow);
    let (turn, ()) = tokio::join!(late.turn(), async {
        begun.notified().await;
        let_time_pass(&pool).await;
        assert_eq!(sweep_with(&stack, &failing()).turn().await.retried, 1);
        go_on.notify_one();
    });
    assert_eq!((turn.retried, turn.delivered, turn.failures), (0, 0, 1));
    // What the later holder found still stands, and its retry is still to come.
    let delivery = only_delivery(&pool).await;
    assert_eq!((delivery.status.as_str(), delivery.attempts), ("PENDING", 2));
    assert_eq!(delivery.last_error.as_deref(), Some("not today"));
}

#[tokio::test]
async fn what_kills_every_holder_is_dead_after_as_many_attempts() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    enqueue_test(&stack, stack.new_tenant().await).await;
    sweep_with(&stack, &failing()).turn().await;
    run(&pool, "UPDATE outbox_deliveries SET attempts = 10").await;
    let_time_pass(&pool).await;
    let (handlers, counts) = counting();
    assert_eq!(sweep_with(&stack, &handlers).turn().await.dead, 1);
    assert_eq!(
        (only_delivery(&pool).await.status.as_str(), counts.lock().unwrap().len()),
        ("DEAD", 0)
    );
}

#[tokio::test]
async fn a_destination_that_this_build_lacks_waits_for_one_that_has_it() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    enqueue_test(&stack, stack.new_tenant().await).await;
    sweep_with(&stack, &failing()).turn().await;
    let_time_pass(&pool).await;
    assert_eq!(outbox::run_once(&stack.sweeper).await.retried, 1);
    let_time_pass(&pool).await;
    assert_eq!(sweep_with(&stack, &willing()).turn().await.delivered, 1);
}

#[tokio::test]
async fn long_errors_are_cut_between_characters() {
    let stack = TestStack::start().await;
    enqueue_test(&stack, stack.new_tenant().await).await;
    let wordy = scripted(|_| async { Err(Failure(format!("x{}", "é".repeat(1_000)))) }.boxed());
    assert_eq!(sweep_with(&stack, &wordy).turn().await.retried, 1);
    let error = only_delivery(&stack.owner_pool()).await.last_error.unwrap();
    assert_eq!(error.len(), 499);
}
