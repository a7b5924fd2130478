//! Sixteen clients at once on one request, in two processes, saying whatever a client can say.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::json;
use shared::{context::Random, testing::TestKey};

use super::{
    TwoProcesses,
    history::{Count, Told, histories},
    seed, times,
};
use crate::scene::{id, request_with};

const CLIENTS: usize = 16;

/// What the sixteen say: each the number of a person, or `None` for the requester, and a verb.
type Words = Vec<(Option<usize>, &'static str)>;

/// The ways in which they disagree.
fn scripts(random: &Random) -> Vec<(&'static str, Words)> {
    let everybody = |verb: fn(usize) -> &'static str| (0..CLIENTS).map(|n| (Some(n), verb(n))).collect::<Words>();
    let mut cancelled = everybody(|_| "approve");
    cancelled[CLIENTS / 2] = (None, "cancel");
    let mixed = random
        .bytes::<CLIENTS>()
        .iter()
        .enumerate()
        .map(|(n, byte)| match byte % 8 {
            0 => (None, "cancel"),
            1 => (Some(n), "deny"),
            // People who also press twice, or change their minds.
            2 | 3 => (Some(n / 2), "approve"),
            _ => (Some(n), "approve"),
        })
        .collect();
    vec![
        ("all approve", everybody(|_| "approve")),
        ("one denies", everybody(|n| if n == 7 { "deny" } else { "approve" })),
        ("half deny", everybody(|n| if n % 2 == 0 { "approve" } else { "deny" })),
        ("the requester cancels", cancelled),
        (
            "eight press twice",
            (0..CLIENTS).map(|n| (Some(n / 2), "approve")).collect(),
        ),
        (
            "eight approve and deny",
            (0..CLIENTS)
                .map(|n| (Some(n / 2), if n % 2 == 0 { "approve" } else { "deny" }))
                .collect(),
        ),
        ("anything", mixed),
    ]
}

/// What follows from what was said, in whatever order it came.
fn check_end(script: &str, quorum: usize, end: &str, count: Count) {
    let (expected, counted) = match script {
        "the requester cancels" => ("CANCELLED", true),
        // Eight people are no quorum of sixteen, however often they press.
        "eight press twice" if quorum > 8 => ("PENDING", count.repeats == 8),
        "all approve" | "eight press twice" => ("APPROVED", count.changes == quorum),
        "one denies" | "half deny" | "eight approve and deny" if quorum == CLIENTS => ("DENIED", true),
        _ => return,
    };
    assert_eq!(end, expected, "{script}, {quorum} needed");
    assert!(counted, "{script}, {quorum} needed: {count:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_clients_at_once_write_one_history() {
    let scene = TwoProcesses::start().await;
    let mut people = Vec::new();
    for _ in 0..CLIENTS {
        people.push(TestKey::of_user(&scene.scene.stack, scene.scene.tenant.id, "approver", &[]).await);
    }
    let seed = seed();
    let random = Random::from_seed(seed);
    let (mut rounds, mut sum) = (0, Count::default());
    let mut ends: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for _ in 0..times(1) {
        for quorum in [1, 2, 8, CLIENTS] {
            for (script, words) in scripts(&random) {
                let asked = scene
                    .scene
                    .ask(request_with(json!({ "required_approvals": quorum })))
                    .await;
                let id = id(&asked).to_owned();
                let told = join_all(words.into_iter().enumerate().map(|(n, (person, verb))| {
                    let client = scene.clients[n % 2].clone();
                    let key = person.map_or(&scene.scene.tenant.agent, |n| &people[n]).clone();
                    let path = format!("/api/v1/approvals/{id}/{verb}");
                    // Tasks of their own, so that they run beside each other and not only in turns.
                    tokio::spawn(async move {
                        let answer = client.post(&key, &path, json!({})).await;
                        Told {
                            principal: key.principal,
                            verb,
                            answer,
                        }
                    })
                }))
                .await;
                let told: Vec<Told> = told.into_iter().map(|told| told.expect("it answers")).collect();
                let history = &histories(&scene.scene.owner, &[id]).await[0];
                let count = history.check(&told);
                assert_eq!(count.changes + count.repeats + count.refused, CLIENTS);
                let end = history.status.as_str();
                check_end(script, quorum, end, count);
                *ends.entry((script, history.status.clone())).or_default() += 1;
                sum += count;
                rounds += 1;
            }
        }
    }
    println!(
        "{CLIENTS} clients at once, SOAK_SEED={seed}: {rounds} rounds; of the {} who pressed {sum:?}; ended {ends:?}",
        rounds * CLIENTS
    );
}
