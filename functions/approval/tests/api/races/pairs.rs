//! Two clients, one request, two processes.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use shared::testing::{TestClient, TestKey};

use super::{
    TwoProcesses,
    history::{Count, Told, histories},
    times,
};
use crate::scene::{id, request, request_with};

const PAIRS: usize = 400;
/// Pairs that race beside each other, each on a request of its own: they make the machine busy, and so the orders varied.
const ABREAST: usize = 3;

async fn act(client: &TestClient, key: &TestKey, id: &str, verb: &'static str) -> Told {
    let answer = client
        .post(key, &format!("/api/v1/approvals/{id}/{verb}"), json!({}))
        .await;
    Told {
        principal: key.principal.clone(),
        verb,
        answer,
    }
}

/// Lets two clients at a request each round, in either order and from either process, and checks every history. Returns
/// how the requests ended and what the clients were told.
async fn race(
    scene: &TwoProcesses,
    body: Value,
    pair: [(&TestKey, &'static str); 2],
    rounds: usize,
) -> (BTreeMap<String, usize>, Count) {
    let raced: Vec<(String, [Told; 2])> = stream::iter(0..rounds)
        .map(|round| {
            let body = body.clone();
            async move {
                let asked = scene.scene.ask(body).await;
                let id = id(&asked);
                let mut pair = pair;
                if round % 2 == 1 {
                    pair.reverse();
                }
                let [first, second] = pair;
                let [here, there] = &scene.clients;
                let (here, there) = if round % 4 < 2 { (here, there) } else { (there, here) };
                let (first, second) = tokio::join!(act(here, first.0, id, first.1), act(there, second.0, id, second.1));
                (id.to_owned(), [first, second])
            }
        })
        .buffer_unordered(ABREAST)
        .collect()
        .await;

    let ids: Vec<String> = raced.iter().map(|(id, _)| id.clone()).collect();
    let (mut ends, mut count) = (BTreeMap::new(), Count::default());
    for (history, (_, told)) in histories(&scene.scene.owner, &ids).await.iter().zip(&raced) {
        count += history.check(told);
        *ends.entry(history.status.clone()).or_default() += 1;
    }
    (ends, count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pairs_of_two_of_two_all_end_approved() {
    let scene = TwoProcesses::start().await;
    let tenant = &scene.scene.tenant;
    let pair = [(&tenant.approver, "approve"), (&tenant.second_approver, "approve")];
    let pairs = times(PAIRS);
    let (ends, count) = race(&scene, request_with(json!({ "required_approvals": 2 })), pair, pairs).await;
    println!("two of two: {pairs} pairs ended {ends:?}; of those who pressed {count:?}");
    assert_eq!(ends, BTreeMap::from([("APPROVED".to_owned(), pairs)]));
    // Each history was checked: one of them heard of one approval and PENDING, the other of two and APPROVED.
    assert_eq!((count.changes, count.refused), (2 * pairs, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_approve_against_deny_one_wins_and_the_other_is_told_so() {
    let scene = TwoProcesses::start().await;
    let tenant = &scene.scene.tenant;
    let pair = [(&tenant.approver, "approve"), (&tenant.second_approver, "deny")];
    let pairs = times(PAIRS);
    let (ends, count) = race(&scene, request(), pair, pairs).await;
    println!("approve against deny: {pairs} pairs ended {ends:?}; of those who pressed {count:?}");
    let ended = |status: &str| ends.get(status).copied().unwrap_or_default();
    assert_eq!(ended("APPROVED") + ended("DENIED"), pairs);
    assert!(ended("APPROVED") > 0 && ended("DENIED") > 0, "both were first at times");
    assert_eq!((count.changes, count.repeats, count.refused), (pairs, 0, pairs));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_approve_against_cancel_the_later_word_stands() {
    let scene = TwoProcesses::start().await;
    let tenant = &scene.scene.tenant;
    let pair = [(&tenant.approver, "approve"), (&tenant.agent, "cancel")];
    let pairs = times(PAIRS / 4);
    let (ends, count) = race(&scene, request(), pair, pairs).await;
    println!("approve against cancel: {pairs} pairs ended {ends:?}; of those who pressed {count:?}");
    // An approved request may still be cancelled, so the cancellation holds either way; an approval that came too late
    // is told so.
    assert_eq!(ends, BTreeMap::from([("CANCELLED".to_owned(), pairs)]));
    assert_eq!((count.changes + count.refused, count.repeats), (2 * pairs, 0));
}
