//! `POST /api/v1/approvals/{id}/deny`.

use serde_json::json;

use crate::scene::{STATES, Scene, id, request_with};

#[tokio::test]
async fn one_denial_ends_it_whatever_the_quorum() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let status = scene
        .act(&scene.tenant.approver, id, "deny", json!({ "note": "not on a Friday" }))
        .await
        .expect(200);
    assert_eq!(
        (&status["status"], &status["approvals"], &status["version"]),
        (&json!("DENIED"), &json!(0), &json!(2))
    );
    assert_eq!(
        (&status["decisions"][0]["note"], &status["poll_after_ms"]),
        (&json!("not on a Friday"), &json!(0))
    );
    assert!(status["decided_at"].is_string());
    scene
        .expect_events(id, &["approval.requested", "approval.denied"], &status)
        .await;
}

#[tokio::test]
async fn a_denial_takes_the_place_of_ones_own_approval() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let approver = &scene.tenant.approver;
    let _ = scene.approve(approver, id).await.expect(200);
    let denied = scene.deny(approver, id).await.expect(200);
    assert_eq!(
        (&denied["status"], &denied["approvals"], &denied["version"]),
        (&json!("DENIED"), &json!(0), &json!(3))
    );
    assert_eq!(denied["decisions"].as_array().map(Vec::len), Some(1));
    assert_eq!(denied["decisions"][0]["decision"], "DENY");
    assert_eq!(scene.deny(approver, id).await.expect(200), denied);
    scene.approve(approver, id).await.expect_error(409, "ALREADY_DECIDED");
    scene
        .expect_events(
            id,
            &["approval.requested", "approval.voted", "approval.denied"],
            &denied,
        )
        .await;
}

#[tokio::test]
async fn every_state_answers_as_the_table_says() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        // `second_approver` denied what was denied, and nothing else; the admin has not voted anywhere.
        let own = scene.deny(&scene.tenant.second_approver, &id).await;
        let others = scene.deny(&scene.tenant.admin, &id).await;
        match state {
            "PENDING" | "DENIED" => {
                assert_eq!(own.expect(200)["status"], "DENIED");
                assert_eq!(others.expect_error(409, "ALREADY_DECIDED")["status"], "DENIED");
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
    }
}

#[tokio::test]
async fn an_approval_that_decided_cannot_be_turned() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("APPROVED").await;
    let details = scene
        .deny(&scene.tenant.approver, &id)
        .await
        .expect_error(409, "ALREADY_DECIDED");
    assert_eq!(details["status"], "APPROVED");
}

#[tokio::test]
async fn a_stale_view_denies_nothing() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    scene
        .act(&scene.tenant.approver, &id, "deny", json!({ "display_hash": "" }))
        .await
        .expect_error(409, "STALE_VIEW");
    assert_eq!(scene.get(&scene.tenant.approver, &id).await["status"], "PENDING");
}
