//! A person and their delegate at once: one authority.

use std::collections::BTreeMap;

use serde_json::json;

use super::{TwoProcesses, times};
use crate::scene::{id, request_with};

const ROUNDS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_and_their_delegate_at_once_are_one_vote() {
    let scene = TwoProcesses::start().await;
    let (away, delegate) = (&scene.scene.tenant.approver, &scene.scene.tenant.second_approver);
    let _colleague = scene.scene.person("approver", &["ops"]).await;
    scene.scene.delegate(away, delegate, ["-1 hour", "1 hour"]).await;
    let rounds = times(ROUNDS);
    let mut firsts: BTreeMap<&str, usize> = BTreeMap::new();
    for round in 0..rounds {
        let body = request_with(json!({ "approver_groups": ["ops"], "required_approvals": 2 }));
        let asked = scene.scene.ask(body).await;
        let id = id(&asked);
        let press = |process: usize, key| {
            let path = format!("/api/v1/approvals/{id}/approve");
            let client = &scene.clients[(round + process) % 2];
            async move { client.post(key, &path, json!({})).await }
        };
        let (own, others) = if round % 2 == 0 {
            tokio::join!(press(0, away), press(1, delegate))
        } else {
            let (others, own) = tokio::join!(press(0, delegate), press(1, away));
            (own, others)
        };
        let (who, won, lost) = match own.status {
            200 => ("the person", &own, &others),
            _ => ("the delegate", &others, &own),
        };
        assert_eq!(won.expect(200)["approvals"], 1);
        lost.expect_error(403, "NOT_ELIGIBLE");
        *firsts.entry(who).or_default() += 1;
        let votes: (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(DISTINCT coalesce(on_behalf_of, approver)) FROM approval_votes
             WHERE approval_id = $1::uuid",
        )
        .bind(id)
        .fetch_one(&scene.scene.owner)
        .await
        .expect("counted");
        assert_eq!(votes, (1, 1), "{id}");
    }
    println!("{rounds} rounds of a person against their delegate, first was {firsts:?}");
}
