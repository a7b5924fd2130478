//! `POST /api/v1/approvals/{id}/revoke`.

use serde_json::json;

use crate::scene::{STATES, Scene, call};

#[tokio::test]
async fn an_admin_and_whoever_approved_may_revoke() {
    let scene = Scene::start().await;
    for key in [&scene.tenant.approver, &scene.tenant.admin] {
        let (id, _) = scene.request_in("APPROVED").await;
        let reason = json!({ "reason": "the window has closed" });
        let status = scene.act(key, &id, "revoke", reason).await.expect(200);
        assert_eq!(
            (&status["status"], &status["version"], &status["poll_after_ms"]),
            (&json!("REVOKED"), &json!(3), &json!(0))
        );
        assert!(status["decided_at"].is_string(), "when people decided");
        scene
            .expect_events(
                &id,
                &["approval.requested", "approval.approved", "approval.revoked"],
                &status,
            )
            .await;
        assert_eq!(scene.audit(&id).await[2].1, key.principal);
        let logged: serde_json::Value = sqlx::query_scalar(
            "SELECT sanitized_args FROM audit_events WHERE action = 'approval.revoked' AND correlation_id = $1",
        )
        .bind(&id)
        .fetch_one(&scene.owner)
        .await
        .expect("the event");
        assert_eq!(logged["reason"], "the window has closed");
        scene
            .redeem(&scene.tenant.agent, &id, call())
            .await
            .expect_error(409, "REVOKED");
    }
}

#[tokio::test]
async fn every_state_answers_as_the_table_says() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        let before = scene.outbox(&id).await.len();
        let reason = json!({ "reason": "x" });
        let answer = scene.act(&scene.tenant.admin, &id, "revoke", reason).await;
        let code = match state {
            "APPROVED" | "REVOKED" => {
                assert_eq!(answer.expect(200)["status"], "REVOKED");
                let left = usize::from(state == "APPROVED");
                assert_eq!(scene.outbox(&id).await.len(), before + left, "{state}");
                continue;
            }
            "EXPIRED" => "APPROVAL_EXPIRED",
            "CONSUMED" => "ALREADY_CONSUMED",
            _ => "NOT_APPROVED",
        };
        assert_eq!(answer.expect_error(409, code)["status"], state);
        assert_eq!(scene.outbox(&id).await.len(), before, "{state}");
    }
}

#[tokio::test]
async fn whoever_did_not_approve_may_not() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("APPROVED").await;
    for key in [
        &scene.tenant.second_approver,
        &scene.tenant.auditor,
        &scene.tenant.agent,
    ] {
        scene
            .act(key, &id, "revoke", json!({ "reason": "x" }))
            .await
            .expect_error(403, "FORBIDDEN");
    }
    assert_eq!(scene.get(&scene.tenant.agent, &id).await["status"], "APPROVED");
}

#[tokio::test]
async fn a_reason_is_given() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("APPROVED").await;
    for body in [
        json!({}),
        json!({ "reason": " " }),
        json!({ "reason": null }),
        json!({ "reason": "x".repeat(2001) }),
        json!({ "reason": "a\u{1b}[2Jb" }),
    ] {
        let answer = scene.act(&scene.tenant.approver, &id, "revoke", body.clone()).await;
        assert_eq!(
            answer.expect_error(400, "VALIDATION_ERROR")["field"],
            "reason",
            "{body}"
        );
    }
}
