//! What went wrong with approvals in other systems, each with its source. Links that decide have a file of their own.
//!
//! - microsoft/agent-governance-toolkit: the append to its record is not atomic with the decision, so its chain forks; one
//!   identity fills two stages.
//! - gravitational/teleport #68308: the history of a request vanishes when it expires.
//! - bytebase/bytebase: a second legitimate voter gets a conflict.
//! - hoophq/hoop: votes are lost by read-modify-write; a quorum compared with `==` is never reached when one person sits in
//!   two groups; the chat said approved when it was not.
//! - openbao/openbao #3666 and #3815: a quorum of 0 lets everything through; a group of the same name in another namespace may
//!   approve.
//! - triggerdotdev/trigger.dev: the loser of a race is told that it won.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::testing::{TestKey, times};

use crate::scene::{Scene, id, request, request_with};

async fn run(scene: &Scene, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&scene.owner).await.expect("it runs");
}

#[tokio::test]
async fn agent_governance_toolkit_no_decision_without_its_record() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let before = scene.stack.snapshot().await;
    for (breaking, mending) in [
        (
            "ALTER TABLE audit_events ADD CONSTRAINT broken CHECK (action <> 'approval.approved') NOT VALID",
            "ALTER TABLE audit_events DROP CONSTRAINT broken",
        ),
        (
            "ALTER TABLE outbox ADD CONSTRAINT broken CHECK (event_type <> 'approval.approved') NOT VALID",
            "ALTER TABLE outbox DROP CONSTRAINT broken",
        ),
    ] {
        run(&scene, breaking).await;
        let answer = scene.approve(&scene.tenant.approver, id(&asked)).await;
        answer.expect_error(500, "INTERNAL_ERROR");
        run(&scene, mending).await;
        assert_eq!(scene.stack.snapshot().await, before, "after {breaking}");
    }
    let now = scene.approve(&scene.tenant.approver, id(&asked)).await.expect(200);
    scene
        .expect_events(id(&asked), &["approval.requested", "approval.approved"], &now)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn agent_governance_toolkit_records_of_concurrent_decisions_do_not_fork() {
    let scene = Scene::start().await;
    let mut asked = Vec::new();
    for _ in 0..times(30) {
        asked.push(scene.ask(request()).await);
    }
    let decided = join_all(
        asked
            .iter()
            .map(|asked| scene.approve(&scene.tenant.approver, id(asked))),
    )
    .await;
    for (asked, decided) in asked.iter().zip(decided) {
        let events = ["approval.requested", "approval.approved"];
        scene.expect_events(id(asked), &events, &decided.expect(200)).await;
    }
}

#[tokio::test]
async fn agent_governance_toolkit_one_identity_is_one_vote() {
    let scene = Scene::start().await;
    let everywhere = scene.person("approver", &["ops", "finance"]).await;
    let other_key = everywhere.another(&scene.stack, "approver", "operator").await;
    let wanted = json!({ "required_approvals": 2, "approver_groups": ["ops", "finance"] });
    let asked = scene.ask(request_with(wanted)).await;
    let first = scene.approve(&everywhere, id(&asked)).await.expect(200);
    for key in [&everywhere, &other_key] {
        assert_eq!(scene.approve(key, id(&asked)).await.expect(200), first);
    }
    let secret = scene.link(&everywhere, id(&asked)).await;
    let _ = scene.decide_by_link(&asked, &secret, "APPROVE").await.expect(200);
    let status = scene.get(&everywhere, id(&asked)).await;
    assert_eq!(
        (&status["status"], &status["approvals"]),
        (&json!("PENDING"), &json!(1))
    );
}

#[tokio::test]
async fn teleport_68308_what_expired_keeps_its_history() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let voted = scene.approve(&scene.tenant.approver, id(&asked)).await.expect(200);
    scene.expire(id(&asked)).await;
    let status = scene.get(&scene.tenant.auditor, id(&asked)).await;
    assert_eq!(status["status"], "EXPIRED");
    assert_eq!(status["decisions"], voted["decisions"]);
    let listed = scene
        .client
        .get(&scene.tenant.auditor, "/api/v1/approvals?status=EXPIRED")
        .await
        .expect(200);
    assert_eq!(listed["data"], json!([status]));
    let log = scene.audit(id(&asked)).await;
    assert_eq!(log.len(), 2, "the request and the vote: {log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bytebase_every_legitimate_voter_is_heard() {
    let scene = Scene::start().await;
    for _ in 0..times(20) {
        let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
        // Both saw the request before either had voted.
        let seen = json!({ "display_hash": asked["display_hash"] });
        let voters = [&scene.tenant.approver, &scene.tenant.second_approver];
        let answers = join_all(voters.map(|voter| scene.act(voter, id(&asked), "approve", seen.clone()))).await;
        let mut approvals: Vec<Value> = answers
            .iter()
            .map(|answer| answer.expect(200)["approvals"].clone())
            .collect();
        approvals.sort_by_key(Value::as_i64);
        assert_eq!(approvals, [json!(1), json!(2)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hoop_no_vote_of_many_at_once_is_lost() {
    let scene = Scene::start().await;
    let mut voters: Vec<TestKey> = Vec::new();
    for _ in 0..8 {
        voters.push(scene.person("approver", &[]).await);
    }
    for _ in 0..times(10) {
        let asked = scene.ask(request_with(json!({ "required_approvals": 8 }))).await;
        let answers = join_all(voters.iter().map(|voter| scene.approve(voter, id(&asked)))).await;
        let told = answers
            .iter()
            .filter(|answer| answer.expect(200)["status"] == "APPROVED")
            .count();
        assert_eq!(told, 1, "the eighth vote, and no other, was told that it approved");
        let status = scene.get(&scene.tenant.agent, id(&asked)).await;
        assert_eq!(
            (&status["status"], &status["approvals"]),
            (&json!("APPROVED"), &json!(8))
        );
        assert_eq!(status["decisions"].as_array().map(Vec::len), Some(8));
    }
}

#[tokio::test]
async fn hoop_a_person_in_two_groups_does_not_carry_the_count_past_the_quorum() {
    let scene = Scene::start().await;
    let in_both = scene.person("approver", &["ops", "finance"]).await;
    let wanted = json!({ "required_approvals": 2, "approver_groups": ["ops", "finance"] });
    let asked = scene.ask(request_with(wanted)).await;
    let after_one = scene.approve(&in_both, id(&asked)).await.expect(200);
    assert_eq!(
        (&after_one["status"], &after_one["approvals"]),
        (&json!("PENDING"), &json!(1))
    );
    let after_two = scene.approve(&scene.tenant.approver, id(&asked)).await.expect(200);
    assert_eq!(
        (&after_two["status"], &after_two["approvals"]),
        (&json!("APPROVED"), &json!(2))
    );
}

#[tokio::test]
async fn hoop_nobody_is_told_approved_before_it_is() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let secret = scene.link(&scene.tenant.approver, id(&asked)).await;
    let by_link = scene.decide_by_link(&asked, &secret, "APPROVE").await.expect(200);
    assert_eq!(by_link["status"], "PENDING", "the page says so too");
    // What chats and mail are made from.
    let sent = scene.outbox(id(&asked)).await;
    let told: Vec<_> = sent
        .iter()
        .map(|(name, _, object)| (name.as_str(), object["status"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("approval.requested", Some("PENDING")),
            ("approval.voted", Some("PENDING"))
        ]
    );
    let denied = scene.deny(&scene.tenant.second_approver, id(&asked)).await.expect(200);
    let (name, _, object) = scene.outbox(id(&asked)).await.pop().expect("an event");
    assert_eq!((name.as_str(), object), ("approval.denied", denied));
}

#[tokio::test]
async fn openbao_3666_a_quorum_of_nought_is_refused_wherever_it_is_said() {
    let scene = Scene::start().await;
    for quorum in [json!(0), json!(-1)] {
        let answer = scene
            .client
            .post(
                &scene.tenant.agent,
                "/api/v1/approvals",
                request_with(json!({ "required_approvals": quorum })),
            )
            .await;
        let details = answer.expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], "required_approvals");
    }
    let cedar = r#"@require_approval("quorum=0") permit (principal, action, resource);"#;
    let answer = scene.put_policies(&scene.tenant.admin, cedar).await;
    answer.expect_error(400, "VALIDATION_ERROR");

    // And a row that says so cannot be, whoever writes it.
    let asked = scene.ask(request()).await;
    let written = sqlx::query("UPDATE approval_requests SET required_approvals = 0 WHERE id = $1::uuid")
        .bind(id(&asked))
        .execute(&scene.owner)
        .await;
    assert!(written.is_err());
}

#[tokio::test]
async fn openbao_3815_a_group_of_the_same_name_elsewhere_approves_nothing() {
    let scene = Scene::start().await;
    let elsewhere = scene.stack.tenant().await;
    let theirs = TestKey::of_user(&scene.stack, elsewhere.id, "approver", &["release"]).await;
    let wanted = request_with(json!({ "approver_groups": ["release"] }));
    // Theirs do not make a quorum of ours reachable.
    let answer = scene
        .client
        .post(&scene.tenant.agent, "/api/v1/approvals", wanted.clone())
        .await;
    answer.expect_error(400, "VALIDATION_ERROR");

    let ours = scene.person("approver", &["release"]).await;
    let asked = scene.ask(wanted).await;
    scene.approve(&theirs, id(&asked)).await.expect_error(404, "NOT_FOUND");
    let disguised = TestKey {
        tenant_id: scene.tenant.id,
        ..theirs.clone()
    };
    scene
        .approve(&disguised, id(&asked))
        .await
        .expect_error(401, "UNAUTHORIZED");
    let status = scene.approve(&ours, id(&asked)).await.expect(200);
    assert_eq!(status["status"], "APPROVED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn trigger_dev_the_loser_of_a_race_is_told_who_won() {
    let scene = Scene::start().await;
    let mut won = [0; 2];
    for _ in 0..times(40) {
        let asked = scene.ask(request()).await;
        let (approved, denied) = tokio::join!(
            scene.approve(&scene.tenant.approver, id(&asked)),
            scene.deny(&scene.tenant.second_approver, id(&asked))
        );
        let ended = scene.get(&scene.tenant.agent, id(&asked)).await;
        let (winner, loser) = if ended["status"] == "APPROVED" {
            won[0] += 1;
            (approved, denied)
        } else {
            won[1] += 1;
            (denied, approved)
        };
        assert_eq!(winner.expect(200), ended);
        let details = loser.expect_error(409, "ALREADY_DECIDED");
        assert_eq!(details["status"], ended["status"]);
    }
    println!("approve against deny: {} and {} won", won[0], won[1]);
}
