//! Each event is handed on once.

use futures_util::future::join_all;
use outbox::Handlers;
use serde_json::json;
use shared::testing::TestStack;

use crate::{count, counting, deliveries, enqueue_event, enqueue_test, sweep_with, willing};

#[tokio::test]
async fn four_sweeps_at_once_hand_each_event_on_and_deliver_it_exactly_once() {
    let stack = TestStack::with(&[("OUTBOX_BATCH", "20")]).await;
    let tenants = [
        stack.new_tenant().await,
        stack.new_tenant().await,
        stack.new_tenant().await,
    ];
    for n in 0..300 {
        enqueue_test(&stack, tenants[n % tenants.len()]).await;
    }
    let (handlers, counts) = counting();
    let turns = join_all((0..4).map(|_| async {
        let mut sweep = sweep_with(&stack, &handlers);
        let (mut fanned_out, mut delivered) = (0, 0);
        loop {
            let turn = sweep.turn().await;
            assert_eq!((turn.failures, turn.retried, turn.dead), (0, 0, 0));
            fanned_out += turn.fanned_out;
            delivered += turn.delivered;
            if turn.fanned_out + turn.delivered == 0 {
                return (fanned_out, delivered);
            }
        }
    }))
    .await;
    eprintln!("events handed on and delivered by each of four sweeps: {turns:?}");

    assert_eq!(turns.iter().map(|(fanned_out, _)| fanned_out).sum::<u64>(), 300);
    assert_eq!(turns.iter().map(|(_, delivered)| delivered).sum::<u64>(), 300);
    assert!(
        turns.iter().filter(|(fanned_out, _)| *fanned_out > 0).count() > 1,
        "the sweeps shared the work"
    );
    let counts = counts.lock().unwrap().clone();
    assert_eq!((counts.len(), counts.values().max()), (300, Some(&1)));
    let pool = stack.owner_pool();
    assert_eq!(
        count(&pool, "SELECT count(*) FROM outbox WHERE processed_at IS NULL").await,
        0
    );
    let delivered = "SELECT count(*) FROM outbox_deliveries WHERE status = 'DELIVERED' AND attempts = 1";
    assert_eq!(count(&pool, delivered).await, 300);
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_done_and_does_not_keep_the_others() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    enqueue_event(&stack, tenant_id, "nobody.wants_this", json!({})).await;
    enqueue_test(&stack, tenant_id).await;
    let turn = sweep_with(&stack, &willing()).turn().await;
    assert_eq!((turn.fanned_out, turn.delivered), (2, 1));
    let again = sweep_with(&stack, &willing()).turn().await;
    assert_eq!((again.fanned_out, again.delivered), (0, 0));
}

#[tokio::test]
async fn what_is_not_committed_is_not_handed_on() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    let scope = shared::data::TenantScope {
        tenant_id,
        user_id: None,
    };
    let event = shared::journal::outbox::NewOutboxEvent {
        aggregate_type: "test",
        aggregate_id: stack.ctx.ids.next(),
        aggregate_version: 1,
        event_type: crate::TYPE,
        payload: json!({}),
    };
    let mut tx = stack.ctx.db.begin(scope).await.unwrap();
    shared::journal::outbox::enqueue(&mut tx, &stack.ctx, tenant_id, event)
        .await
        .unwrap();
    assert_eq!(sweep_with(&stack, &willing()).turn().await.fanned_out, 0);
    tx.commit().await.unwrap();
    assert_eq!(sweep_with(&stack, &willing()).turn().await.delivered, 1);
}

#[tokio::test]
async fn the_product_hands_on_what_it_promises() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    for event_type in [
        "tasks.ping",
        "approval.requested",
        "approval.approved",
        "api_key.revoked",
    ] {
        enqueue_event(&stack, tenant_id, event_type, json!({})).await;
    }
    sweep_with(&stack, &Handlers::standard()).turn().await;
    let mut taken: Vec<(String, String)> = deliveries(&stack.owner_pool())
        .await
        .into_iter()
        .map(|d| (d.destination, d.status))
        .collect();
    taken.sort();
    let delivered = |destination: &str| (destination.to_owned(), "DELIVERED".to_owned());
    assert_eq!(
        taken,
        [delivered("log"), delivered("log"), delivered("log"), delivered("pong")]
    );
}
