//! `POST /api/v1/approvals/{id}/approve`.

use serde_json::{Value, json};

use crate::scene::{STATES, Scene, id, request, request_with};

#[tokio::test]
async fn one_of_one_approves() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let id = id(&asked);
    let body = json!({ "note": "  looks right ", "display_hash": asked["display_hash"] });
    let status = scene.act(&scene.tenant.approver, id, "approve", body).await.expect(200);
    assert_eq!(
        (&status["status"], &status["version"], &status["approvals"]),
        (&json!("APPROVED"), &json!(2), &json!(1))
    );
    assert_eq!(status["poll_after_ms"], 5_000);
    let vote = &status["decisions"][0];
    assert_eq!(
        vote,
        &json!({
            "by": scene.tenant.approver.principal, "decision": "APPROVE", "note": "looks right",
            "at": status["decided_at"],
        })
    );
    assert_eq!(scene.get(&scene.tenant.agent, id).await, status);
    scene
        .expect_events(id, &["approval.requested", "approval.approved"], &status)
        .await;
    assert_eq!(scene.audit(id).await[1].1, scene.tenant.approver.principal);
}

#[tokio::test]
async fn a_quorum_fills_vote_by_vote() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 3 }))).await;
    let id = id(&asked);
    let voters = [
        &scene.tenant.approver,
        &scene.tenant.second_approver,
        &scene.tenant.admin,
    ];
    let mut last = Value::Null;
    for (count, voter) in (1..).zip(voters) {
        let status = scene.approve(voter, id).await.expect(200);
        assert_eq!(
            (&status["approvals"], &status["version"]),
            (&json!(count), &json!(count + 1))
        );
        assert_eq!(status["status"], if count == 3 { "APPROVED" } else { "PENDING" });
        assert_eq!(status["decided_at"].is_null(), count < 3);
        assert_eq!(status["decisions"][count - 1]["by"], voter.principal);
        last = status;
    }
    let names = [
        "approval.requested",
        "approval.voted",
        "approval.voted",
        "approval.approved",
    ];
    scene.expect_events(id, &names, &last).await;
}

#[tokio::test]
async fn the_same_vote_again_is_200_and_counts_once() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let first = scene.approve(&scene.tenant.approver, id).await.expect(200);
    assert_eq!(scene.approve(&scene.tenant.approver, id).await.expect(200), first);
    // The same person under another key is the same person.
    let other_key = scene
        .tenant
        .approver
        .another(&scene.stack, "approver", "operator")
        .await;
    assert_eq!(scene.approve(&other_key, id).await.expect(200), first);
    scene
        .expect_events(id, &["approval.requested", "approval.voted"], &first)
        .await;
}

#[tokio::test]
async fn every_state_answers_as_the_table_says() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        let before = scene.outbox(&id).await.len();
        // `approver` approved what was approved, and nothing else; the admin has not voted anywhere.
        let own = scene.approve(&scene.tenant.approver, &id).await;
        let others = scene.approve(&scene.tenant.admin, &id).await;
        match state {
            "PENDING" => {
                assert_eq!(own.expect(200)["status"], "APPROVED");
                assert_eq!(others.expect_error(409, "ALREADY_DECIDED")["status"], "APPROVED");
                continue;
            }
            "APPROVED" | "CONSUMED" => {
                assert_eq!(own.expect(200)["status"], state);
                assert_eq!(others.expect_error(409, "ALREADY_DECIDED")["status"], state);
            }
            "EXPIRED" => {
                own.expect_error(409, "APPROVAL_EXPIRED");
                others.expect_error(409, "APPROVAL_EXPIRED");
            }
            _ => {
                assert_eq!(own.expect_error(409, "ALREADY_DECIDED")["status"], state);
                assert_eq!(others.expect_error(409, "ALREADY_DECIDED")["status"], state);
            }
        }
        assert_eq!(
            scene.outbox(&id).await.len(),
            before,
            "{state}: a refused vote leaves nothing"
        );
    }
}

#[tokio::test]
async fn an_approver_whose_approval_another_denied_gets_its_own_vote_back() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let _ = scene.approve(&scene.tenant.approver, id).await.expect(200);
    let denied = scene.deny(&scene.tenant.second_approver, id).await.expect(200);
    assert_eq!(denied["status"], "DENIED");
    assert_eq!(scene.approve(&scene.tenant.approver, id).await.expect(200), denied);
    scene
        .approve(&scene.tenant.second_approver, id)
        .await
        .expect_error(409, "ALREADY_DECIDED");
}

#[tokio::test]
async fn another_display_hash_is_a_stale_view_after_everything_else() {
    let scene = Scene::start().await;
    let (pending, _) = scene.request_in("PENDING").await;
    let stale = json!({ "display_hash": "0".repeat(64) });
    let approver = &scene.tenant.approver;
    scene
        .act(approver, &pending, "approve", stale.clone())
        .await
        .expect_error(409, "STALE_VIEW");
    assert_eq!(scene.get(approver, &pending).await["version"], 1);
    let (decided, _) = scene.request_in("APPROVED").await;
    scene
        .act(approver, &decided, "approve", stale.clone())
        .await
        .expect_error(409, "STALE_VIEW");
    scene
        .act(&scene.tenant.admin, &decided, "approve", stale.clone())
        .await
        .expect_error(409, "ALREADY_DECIDED");
    let own = scene.ask_as(&scene.tenant.admin, request()).await;
    scene
        .act(&scene.tenant.admin, id(&own), "approve", stale)
        .await
        .expect_error(403, "SELF_APPROVAL");
}

#[tokio::test]
async fn a_materialised_expiry_answers_like_a_due_one() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("EXPIRED").await;
    scene.force(&id, "status = 'EXPIRED', version = version + 1").await;
    scene
        .approve(&scene.tenant.approver, &id)
        .await
        .expect_error(409, "APPROVAL_EXPIRED");
}

#[tokio::test]
async fn a_wrong_vote_is_named() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    for (body, field) in [
        (json!({ "note": "x".repeat(2_001) }), "note"),
        (json!({ "note": "\u{1b}[31m" }), "note"),
        (json!({ "note": 1 }), "note"),
        (json!({ "display_hash": 1 }), "display_hash"),
        (json!({ "decision": "APPROVE" }), "decision"),
    ] {
        let answer = scene.act(&scene.tenant.approver, &id, "approve", body).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field);
    }
    let without_body = scene
        .client
        .request("POST", &format!("/api/v1/approvals/{id}/approve"))
        .key(&scene.tenant.approver)
        .send()
        .await;
    assert_eq!(without_body.expect(200)["decisions"][0]["note"], Value::Null);
}
