//! `POST /api/v1/approvals/{id}/cancel`.

use serde_json::{Value, json};
use shared::testing::TestKey;

use crate::scene::{STATES, Scene, id, request};

#[tokio::test]
async fn the_requester_and_an_admin_may_cancel() {
    let scene = Scene::start().await;
    for key in [&scene.tenant.agent, &scene.tenant.admin] {
        let asked = scene.ask(request()).await;
        let status = scene.act(key, id(&asked), "cancel", json!({})).await.expect(200);
        assert_eq!(
            (&status["status"], &status["version"]),
            (&json!("CANCELLED"), &json!(2))
        );
        assert_eq!(
            (&status["decided_at"], &status["poll_after_ms"]),
            (&Value::Null, &json!(0))
        );
        scene
            .expect_events(id(&asked), &["approval.requested", "approval.cancelled"], &status)
            .await;
        assert_eq!(scene.audit(id(&asked)).await[1].1, key.principal);
    }
}

#[tokio::test]
async fn every_state_answers_as_the_table_says() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        let answer = scene.act(&scene.tenant.agent, &id, "cancel", json!({})).await;
        match state {
            "PENDING" | "APPROVED" => {
                let status = answer.expect(200);
                assert_eq!(
                    (&status["status"], &status["decided_at"]),
                    (&json!("CANCELLED"), &Value::Null)
                );
            }
            "CANCELLED" => {
                let before = scene.outbox(&id).await.len();
                assert_eq!(answer.expect(200)["status"], "CANCELLED");
                assert_eq!(before, 2, "cancelling again leaves nothing");
            }
            "EXPIRED" => {
                answer.expect_error(409, "APPROVAL_EXPIRED");
            }
            "CONSUMED" => {
                answer.expect_error(409, "ALREADY_CONSUMED");
            }
            _ => assert_eq!(answer.expect_error(409, "ALREADY_DECIDED")["status"], state),
        }
    }
}

#[tokio::test]
async fn another_agents_request_does_not_exist_and_approvers_and_auditors_may_not() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    let other = TestKey::of_agent(&scene.stack, scene.tenant.id, "other-agent", None).await;
    scene
        .act(&other, &id, "cancel", json!({}))
        .await
        .expect_error(404, "NOT_FOUND");
    for key in [&scene.tenant.approver, &scene.tenant.auditor] {
        scene
            .act(key, &id, "cancel", json!({}))
            .await
            .expect_error(403, "FORBIDDEN");
    }
    assert_eq!(scene.get(&scene.tenant.agent, &id).await["status"], "PENDING");
}

#[tokio::test]
async fn nothing_may_be_said_with_it() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    let answer = scene
        .act(&scene.tenant.agent, &id, "cancel", json!({ "reason": "x" }))
        .await;
    assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], "reason");
    let path = format!("/api/v1/approvals/{id}/cancel");
    let _ = scene
        .client
        .request("POST", &path)
        .key(&scene.tenant.agent)
        .send()
        .await
        .expect(200);
}
