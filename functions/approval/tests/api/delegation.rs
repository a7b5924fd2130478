//! Deciding in the place of somebody who is away.

use serde_json::{Value, json};
use shared::testing::{Answer, TestKey};

use crate::{
    eligibility::until_blocked,
    scene::{Scene, id, request_with},
};

const NOW: [&str; 2] = ["-1 hour", "1 hour"];

/// A request that only `ops` decides on.
async fn for_ops(scene: &Scene, quorum: u32) -> String {
    let body = request_with(json!({ "approver_groups": ["ops"], "required_approvals": quorum }));
    id(&scene.ask(body).await).to_owned()
}

fn refused(answer: &Answer) {
    answer.expect_error(403, "NOT_ELIGIBLE");
}

#[tokio::test]
async fn a_delegate_decides_and_both_are_named() {
    let scene = Scene::start().await;
    let (away, delegate) = (&scene.tenant.approver, &scene.tenant.second_approver);
    let id = for_ops(&scene, 1).await;
    refused(&scene.approve(delegate, &id).await);
    scene.delegate(away, delegate, NOW).await;
    let status = scene.approve(delegate, &id).await.expect(200);
    assert_eq!(
        (&status["status"], &status["approvals"]),
        (&json!("APPROVED"), &json!(1))
    );
    let vote = &status["decisions"][0];
    assert_eq!(
        (&vote["by"], &vote["on_behalf_of"]),
        (&json!(delegate.principal), &json!(away.principal))
    );
    scene
        .expect_events(&id, &["approval.requested", "approval.approved"], &status)
        .await;
    let (by, evidence): (String, Value) = sqlx::query_as(
        "SELECT recorded_by, sanitized_args::jsonb FROM audit_events
         WHERE correlation_id = $1 AND action = 'approval.approved'",
    )
    .bind(&id)
    .fetch_one(&scene.owner)
    .await
    .expect("one event");
    assert_eq!(by, delegate.principal);
    assert_eq!(evidence["on_behalf_of"], away.principal);
    // The same vote again, and what is shown of it.
    assert_eq!(scene.approve(delegate, &id).await.expect(200), status);
    assert_eq!(scene.get(&scene.tenant.auditor, &id).await, status);
}

#[tokio::test]
async fn whoever_may_decide_themselves_decides_for_themselves() {
    let scene = Scene::start().await;
    let delegate = scene.person("approver", &["ops"]).await;
    scene.delegate(&scene.tenant.approver, &delegate, NOW).await;
    let id = for_ops(&scene, 2).await;
    let status = scene.approve(&delegate, &id).await.expect(200);
    assert_eq!(status["decisions"][0].get("on_behalf_of"), None);
    // So the other's authority is still theirs.
    let status = scene.approve(&scene.tenant.approver, &id).await.expect(200);
    assert_eq!(status["status"], "APPROVED");
}

#[tokio::test]
async fn it_holds_from_its_beginning_to_its_end_and_while_both_are_there() {
    let scene = Scene::start().await;
    let (away, delegate) = (&scene.tenant.approver, &scene.tenant.second_approver);
    let id = for_ops(&scene, 1).await;
    for times in [["1 minute", "1 hour"], ["-1 hour", "0 seconds"]] {
        scene.delegate(away, delegate, times).await;
        refused(&scene.approve(delegate, &id).await);
    }
    scene.delegate(away, delegate, NOW).await;
    for (gone, back) in [
        ("status = 'DEACTIVATED'", "status = 'ACTIVE'"),
        ("role = 'auditor'", "role = 'approver'"),
        ("groups = '{legal}'", "groups = '{ops}'"),
    ] {
        let set = async |assignment: &str| {
            let sql = sqlx::AssertSqlSafe(format!("UPDATE users SET {assignment} WHERE id = $1"));
            sqlx::query(sql)
                .bind(away.user_id)
                .execute(&scene.owner)
                .await
                .expect("set");
        };
        set(gone).await;
        refused(&scene.approve(delegate, &id).await);
        set(back).await;
    }
    let _ = scene.approve(delegate, &id).await.expect(200);
}

#[tokio::test]
async fn it_is_one_level_deep() {
    let scene = Scene::start().await;
    let (first, second) = (&scene.tenant.approver, &scene.tenant.second_approver);
    let third = scene.person("approver", &[]).await;
    scene.delegate(first, second, NOW).await;
    scene.delegate(second, &third, NOW).await;
    let id = for_ops(&scene, 1).await;
    refused(&scene.approve(&third, &id).await);
    let status = scene.approve(second, &id).await.expect(200);
    assert_eq!(status["decisions"][0]["on_behalf_of"], first.principal);
}

#[tokio::test]
async fn an_authority_counts_once_whoever_uses_it_first() {
    let scene = Scene::start().await;
    let (away, delegate) = (&scene.tenant.approver, &scene.tenant.second_approver);
    let _colleague = scene.person("approver", &["ops"]).await;
    scene.delegate(away, delegate, NOW).await;
    for (first, other) in [(away, delegate), (delegate, away)] {
        let id = for_ops(&scene, 2).await;
        let voted = scene.approve(first, &id).await.expect(200);
        refused(&scene.approve(other, &id).await);
        // Nor does a delegate overrule whom they stand in for.
        if other.id == delegate.id {
            refused(&scene.deny(other, &id).await);
        }
        // Whoever used it may turn it round.
        assert_eq!(scene.approve(first, &id).await.expect(200), voted);
        let denied = scene.deny(first, &id).await.expect(200);
        assert_eq!(denied["status"], "DENIED");
        assert_eq!(
            denied["decisions"][0].get("on_behalf_of"),
            voted["decisions"][0].get("on_behalf_of")
        );
    }
}

#[tokio::test]
async fn whoever_is_away_may_deny_what_was_approved_in_their_name() {
    let scene = Scene::start().await;
    let (away, delegate) = (&scene.tenant.approver, &scene.tenant.second_approver);
    let colleague = scene.person("approver", &["ops"]).await;
    scene.delegate(away, delegate, NOW).await;
    let id = for_ops(&scene, 2).await;
    let _ = scene.approve(delegate, &id).await.expect(200);
    let status = scene.deny(away, &id).await.expect(200);
    assert_eq!((&status["status"], &status["approvals"]), (&json!("DENIED"), &json!(1)));
    let vote = &status["decisions"][1];
    assert_eq!(
        (&vote["by"], &vote["decision"], vote.get("on_behalf_of")),
        (&json!(away.principal), &json!("DENY"), None)
    );
    scene
        .expect_events(
            &id,
            &["approval.requested", "approval.voted", "approval.denied"],
            &status,
        )
        .await;
    // Each may say again what they said, and nobody else decides any more.
    assert_eq!(scene.deny(away, &id).await.expect(200), status);
    assert_eq!(scene.approve(delegate, &id).await.expect(200), status);
    scene
        .approve(&colleague, &id)
        .await
        .expect_error(409, "ALREADY_DECIDED");
}

#[tokio::test]
async fn whoever_is_away_may_revoke_what_was_approved_in_their_name() {
    let scene = Scene::start().await;
    let (away, delegate) = (&scene.tenant.approver, &scene.tenant.second_approver);
    let colleague = scene.person("approver", &["ops"]).await;
    scene.delegate(away, delegate, NOW).await;
    let revoke = async |key: &TestKey, id: &str| scene.act(key, id, "revoke", json!({ "reason": "I am back" })).await;
    for who in [away, delegate] {
        let id = for_ops(&scene, 1).await;
        let _ = scene.approve(delegate, &id).await.expect(200);
        revoke(&colleague, &id).await.expect_error(403, "FORBIDDEN");
        assert_eq!(revoke(who, &id).await.expect(200)["status"], "REVOKED");
    }
    // What somebody approved for themselves is not for those who stood in for nobody.
    let id = for_ops(&scene, 1).await;
    let _ = scene.approve(&colleague, &id).await.expect(200);
    for who in [away, delegate] {
        revoke(who, &id).await.expect_error(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn one_person_counts_once_for_however_many_they_stand_in() {
    let scene = Scene::start().await;
    let delegate = &scene.tenant.second_approver;
    let colleague = scene.person("approver", &["ops"]).await;
    for away in [&scene.tenant.approver, &colleague] {
        scene.delegate(away, delegate, NOW).await;
    }
    let id = for_ops(&scene, 2).await;
    let status = scene.approve(delegate, &id).await.expect(200);
    assert_eq!(scene.approve(delegate, &id).await.expect(200), status);
    assert_eq!(
        (&status["status"], &status["approvals"]),
        (&json!("PENDING"), &json!(1))
    );
    // The first by id; the other decides for themselves.
    assert_eq!(status["decisions"][0]["on_behalf_of"], scene.tenant.approver.principal);
    assert_eq!(scene.approve(&colleague, &id).await.expect(200)["status"], "APPROVED");
}

#[tokio::test]
async fn where_one_authority_is_used_another_will_do() {
    let scene = Scene::start().await;
    let delegate = &scene.tenant.second_approver;
    let colleague = scene.person("approver", &["ops"]).await;
    for away in [&scene.tenant.approver, &colleague] {
        scene.delegate(away, delegate, NOW).await;
    }
    let id = for_ops(&scene, 2).await;
    let _ = scene.approve(&scene.tenant.approver, &id).await.expect(200);
    let status = scene.approve(delegate, &id).await.expect(200);
    assert_eq!(status["decisions"][1]["on_behalf_of"], colleague.principal);
    assert_eq!(status["status"], "APPROVED");
}

#[tokio::test]
async fn a_turned_vote_names_the_authority_of_now() {
    let scene = Scene::start().await;
    let delegate = &scene.tenant.second_approver;
    let _colleague = scene.person("approver", &["ops"]).await;
    scene.delegate(&scene.tenant.approver, delegate, NOW).await;
    let id = for_ops(&scene, 2).await;
    let _ = scene.approve(delegate, &id).await.expect(200);
    sqlx::query("UPDATE users SET groups = '{ops}' WHERE id = $1")
        .bind(delegate.user_id)
        .execute(&scene.owner)
        .await
        .expect("joined");
    let denied = scene.deny(delegate, &id).await.expect(200);
    assert_eq!(denied["decisions"][0].get("on_behalf_of"), None);
    assert_eq!(denied["decisions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn whoever_a_delegation_ties_to_the_requester_or_the_owner_decides_for_nobody() {
    let scene = Scene::start().await;
    let TestKeys { requester, owner, tied } = TestKeys::of(&scene).await;
    let owned = TestKey::of_agent(&scene.stack, scene.tenant.id, "owned", owner.user_id).await;
    let outsider = scene.person("approver", &[]).await;
    for (other, key) in [(&requester, &requester), (&owner, &owned)] {
        for (from, to) in [(other, &tied), (&tied, other)] {
            let asked = id(&scene.ask_as(key, request_with(json!({}))).await).to_owned();
            let for_group = request_with(json!({ "approver_groups": ["tied"] }));
            scene.delegate(from, to, NOW).await;
            refused(&scene.approve(&tied, &asked).await);
            // They do not count towards a quorum, and nobody stands in for them.
            let unreachable = scene.client.post(key, "/api/v1/approvals", for_group.clone()).await;
            assert_eq!(
                unreachable.expect_error(400, "VALIDATION_ERROR")["field"],
                "required_approvals"
            );
            scene.delegate(from, to, ["-2 hours", "-1 hour"]).await;
            let later = id(&scene.ask_as(key, for_group).await).to_owned();
            scene.delegate(from, to, NOW).await;
            // One person has one delegation, so whoever is tied by their own has no other.
            if to.user_id == tied.user_id {
                scene.delegate(&tied, &outsider, NOW).await;
                refused(&scene.approve(&outsider, &later).await);
                scene.delegate(&tied, &outsider, ["-2 hours", "-1 hour"]).await;
            }
            scene.delegate(from, to, ["-2 hours", "-1 hour"]).await;
            let _ = scene.approve(&tied, &asked).await.expect(200);
            let _ = scene.approve(&tied, &later).await.expect(200);
        }
    }
}

/// Those of the story about ties.
struct TestKeys {
    requester: TestKey,
    owner: TestKey,
    tied: TestKey,
}

impl TestKeys {
    async fn of(scene: &Scene) -> Self {
        Self {
            requester: scene.person("admin", &[]).await,
            owner: scene.person("approver", &[]).await,
            tied: scene.person("approver", &["tied"]).await,
        }
    }
}

#[tokio::test]
async fn a_delegation_that_ends_while_the_vote_waits_is_over() {
    let scene = Scene::start().await;
    let (away, delegate) = (&scene.tenant.approver, &scene.tenant.second_approver);
    scene.delegate(away, delegate, NOW).await;
    let id = for_ops(&scene, 1).await;
    let mut holder = scene.owner.begin().await.expect("begun");
    sqlx::query("SELECT FROM approval_requests FOR UPDATE")
        .execute(&mut *holder)
        .await
        .expect("locked");
    let end = async {
        until_blocked(&scene).await;
        sqlx::query("DELETE FROM delegations WHERE user_id = $1")
            .bind(away.user_id)
            .execute(&scene.owner)
            .await
            .expect("ended");
        holder.commit().await.expect("released");
    };
    let (answer, ()) = tokio::join!(scene.approve(delegate, &id), end);
    refused(&answer);
    assert_eq!(scene.get(&scene.tenant.agent, &id).await["decisions"], json!([]));
}

#[tokio::test]
async fn whoever_is_away_gets_a_link_to_deny_what_was_approved_in_their_name() {
    let scene = Scene::start().await;
    let (away, delegate) = (&scene.tenant.approver, &scene.tenant.second_approver);
    let body = request_with(json!({ "approver_groups": ["ops"], "required_approvals": 1 }));
    let _another_of_ops = scene.person("approver", &["ops"]).await;
    let asked = scene
        .ask(request_with(
            json!({ "approver_groups": ["ops"], "required_approvals": 2 }),
        ))
        .await;
    scene.delegate(away, delegate, NOW).await;
    let _ = scene.approve(delegate, id(&asked)).await.expect(200);
    refused(&scene.approve(away, id(&asked)).await);
    let secret = scene.link(away, id(&asked)).await;
    let approving = scene.decide_by_link(&asked, &secret, "APPROVE").await;
    approving.expect_error(403, "NOT_ELIGIBLE");
    let denied = scene.decide_by_link(&asked, &secret, "DENY").await.expect(200);
    assert_eq!(denied["status"], "DENIED");
    // Who may do neither still gets none.
    let other = scene.ask(body).await;
    let stranger = scene.person("approver", &["legal"]).await;
    refused(&scene.act(&stranger, id(&other), "links", json!({})).await);
}
