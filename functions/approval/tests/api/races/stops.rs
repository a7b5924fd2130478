//! A stop against those it stops.

use std::collections::BTreeMap;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use serde_json::json;
use shared::testing::{Answer, TestKey};

use super::{TwoProcesses, times};
use crate::scene::{call, id, request};

const ROUNDS: usize = 50;
/// Of each kind, against one stop.
const CROWD: usize = 8;

/// What became of an agent: requests still pending; of the others, how many were cancelled; how many of its events the
/// log has that are later than the stop, or not one for one; and how many approvals were used.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Aftermath {
    pending: i64,
    cancelled: i64,
    consumed: i64,
    too_late: i64,
    cancellations: i64,
    announcements: i64,
}

async fn aftermath(scene: &TwoProcesses, agent: &TestKey, stop: &str) -> Aftermath {
    sqlx::query_as(
        "WITH own AS (SELECT id, status FROM approval_requests WHERE requested_by = $1)
         SELECT count(*) FILTER (WHERE status = 'PENDING') AS pending,
                count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
                count(*) FILTER (WHERE status = 'CONSUMED') AS consumed,
                (SELECT count(*) FROM audit_events e, stops s
                 WHERE s.id = $2::uuid AND e.recorded_by = $1 AND e.decision IS DISTINCT FROM 'DENY'
                   AND date_trunc('milliseconds', e.received_at) > s.created_at) AS too_late,
                (SELECT count(*) FROM audit_events e JOIN own ON own.id::text = e.correlation_id
                 WHERE e.action = 'approval.cancelled' AND e.sanitized_args ->> 'stop_id' = $2) AS cancellations,
                (SELECT count(*) FROM outbox o JOIN own ON own.id = o.aggregate_id
                 WHERE o.event_type = 'approval.cancelled') AS announcements
         FROM own",
    )
    .bind(&agent.principal)
    .bind(stop)
    .fetch_one(&scene.scene.owner)
    .await
    .expect("counted")
}

/// Agents that each have approvals to use.
async fn approved(scene: &TwoProcesses, agent: &TestKey) -> Vec<String> {
    let mut approved = Vec::new();
    for _ in 0..CROWD {
        let asked = scene.scene.ask_as(agent, request()).await;
        let _ = scene
            .scene
            .approve(&scene.scene.tenant.approver, id(&asked))
            .await
            .expect(200);
        approved.push(id(&asked).to_owned());
    }
    approved
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_slips_through_while_a_stop_is_made() {
    let scene = TwoProcesses::start().await;
    let tenant = &scene.scene.tenant;
    let (mut created, mut redeemed, mut called) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let rounds = times(ROUNDS);
    for round in 0..rounds {
        let caller_id = format!("wild-{round}");
        let agent = TestKey::of_agent(&scene.scene.stack, tenant.id, &caller_id, None).await;
        let approved = approved(&scene, &agent).await;

        let stop = json!({ "caller_id": caller_id, "reason": "it went wild" });
        let post = |n: usize, key: &TestKey, path: &str, body| -> BoxFuture<'static, Answer> {
            let (client, key, path) = (scene.clients[n % 2].clone(), key.clone(), path.to_owned());
            async move { client.post(&key, &path, body).await }.boxed()
        };
        let mut crowd: Vec<BoxFuture<'static, Answer>> = Vec::new();
        for (n, id) in approved.iter().enumerate() {
            crowd.push(post(n, &agent, "/api/v1/approvals", request()));
            let path = format!("/api/v1/approvals/{id}/redeem");
            crowd.push(post(n + 1, &agent, &path, json!({ "tool_call": call() })));
            let reading = json!({ "tool_call": { "tool": "list_files" } });
            crowd.push(post(n, &agent, "/api/v1/tool-calls", reading));
        }
        let place = (round * 5) % (crowd.len() + 1);
        crowd.insert(place, post(round, &tenant.admin, "/api/v1/stops", stop));
        let mut answers = join_all(crowd.into_iter().map(tokio::spawn)).await;
        let stop = answers.remove(place).expect("it answers").expect(201);

        let (mut made, mut used) = (0, 0);
        for (n, answer) in answers.into_iter().enumerate() {
            let answer = answer.expect("it answers");
            let (count, told) = match (n % 3, answer.status) {
                (0, 201) => (&mut created, "made, and cancelled"),
                (1, 200) => (&mut redeemed, "used"),
                (2, 200) if answer.json()["decision"] == "ALLOW" => (&mut called, "allowed"),
                (2, 200) => (&mut called, "denied"),
                (kind, _) => {
                    answer.expect_error(409, "STOPPED");
                    (if kind == 0 { &mut created } else { &mut redeemed }, "stopped")
                }
            };
            *count.entry(told).or_insert(0) += 1;
            made += i64::from(told == "made, and cancelled");
            used += i64::from(told == "used");
        }
        let expected = Aftermath {
            pending: 0,
            cancelled: made,
            consumed: used,
            too_late: 0,
            cancellations: made,
            announcements: made,
        };
        assert_eq!(aftermath(&scene, &agent, id(&stop)).await, expected, "round {round}");
        for key in [&scene.clients[0], &scene.clients[1]] {
            key.post(&agent, "/api/v1/approvals", request())
                .await
                .expect_error(409, "STOPPED");
        }
    }
    println!(
        "{rounds} stops against {CROWD} requests, redemptions and tool calls each: {created:?}, {redeemed:?}, {called:?}"
    );
    assert!(
        created.len() == 2 && redeemed.len() == 2,
        "each was first at times: {created:?}, {redeemed:?}, {called:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_and_votes_at_once_leave_each_request_with_one_end() {
    let scene = TwoProcesses::start().await;
    let tenant = &scene.scene.tenant;
    let mut ends: BTreeMap<String, i64> = BTreeMap::new();
    let rounds = times(ROUNDS / 2);
    for round in 0..rounds {
        let caller_id = format!("wild-{round}");
        let agent = TestKey::of_agent(&scene.scene.stack, tenant.id, &caller_id, None).await;
        let mut ids = Vec::new();
        for _ in 0..CROWD {
            ids.push(id(&scene.scene.ask_as(&agent, request()).await).to_owned());
        }
        // Against the order in which the stop locks them.
        let votes = ids.iter().rev().enumerate().map(|(n, id)| {
            let path = format!("/api/v1/approvals/{id}/approve");
            let (client, key) = (scene.clients[n % 2].clone(), tenant.approver.clone());
            tokio::spawn(async move { client.post(&key, &path, json!({})).await })
        });
        let body = json!({ "caller_id": caller_id, "reason": "it went wild" });
        let stop = scene.clients[round % 2].post(&tenant.admin, "/api/v1/stops", body);
        let (votes, stop) = tokio::join!(join_all(votes), stop);
        let stop = stop.expect(201);
        let mut approved = 0;
        for vote in votes {
            let vote = vote.expect("it answers");
            if vote.status == 200 {
                approved += 1;
            } else {
                assert_eq!(vote.expect_error(409, "ALREADY_DECIDED")["status"], "CANCELLED");
            }
        }
        let crowd = i64::try_from(CROWD).expect("a few");
        let expected = Aftermath {
            pending: 0,
            cancelled: crowd - approved,
            consumed: 0,
            too_late: 0,
            cancellations: crowd - approved,
            announcements: crowd - approved,
        };
        assert_eq!(aftermath(&scene, &agent, id(&stop)).await, expected, "round {round}");
        *ends.entry("approved".to_owned()).or_default() += approved;
        *ends.entry("cancelled".to_owned()).or_default() += crowd - approved;
    }
    println!("{rounds} stops against {CROWD} votes each: {ends:?}");
}
