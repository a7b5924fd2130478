//! `DELETE /api/v1/api-keys/{id}`.

use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn a_revoked_key_stops_and_is_told_of_once() {
    let stage = Stage::set().await;
    let (admin, agent) = (&stage.tenant.admin, &stage.tenant.agent);
    let path = format!("/api/v1/api-keys/{}", agent.id);
    assert_eq!(stage.status_of(agent).await, 200);
    assert!(stage.client.delete(admin, &path).await.expect(204).is_null());
    assert_eq!(stage.status_of(agent).await, 401);
    let _ = stage.client.delete(admin, &path).await.expect(204);

    let listed = stage
        .client
        .get(admin, "/api/v1/api-keys?caller_id=dev-agent")
        .await
        .expect(200)["data"][0]
        .clone();
    assert_eq!(
        (&listed["is_active"], listed["revoked_at"].is_string()),
        (&false.into(), true)
    );
    let event = stage.audited_once(stage.tenant.id).await;
    assert_eq!(
        (event.action.as_str(), &event.recorded_by),
        ("api_key.revoked", &admin.principal)
    );
    assert_eq!(event.object, agent.id.to_string());
    let told = ("api_key".to_owned(), agent.id, 1, "api_key.revoked".to_owned(), listed);
    assert_eq!(stage.enqueued(stage.tenant.id).await, [told]);
}

#[tokio::test]
async fn secrets_of_an_overlap_end_with_it() {
    let stage = Stage::set().await;
    let (admin, agent) = (&stage.tenant.admin, &stage.tenant.agent);
    let path = format!("/api/v1/api-keys/{}", agent.id);
    let rotated = stage
        .client
        .post(admin, &format!("{path}/rotate"), json!({"overlap_seconds": 3600}))
        .await
        .expect(200);
    let _ = stage.client.delete(admin, &path).await.expect(204);
    assert_eq!(stage.status_of(agent).await, 401);
    assert_eq!(stage.status_of(&Stage::with_text(agent, &rotated["key"])).await, 401);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM api_key_earlier_secrets")
        .fetch_one(&stage.stack.owner_pool())
        .await
        .expect("counted");
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn an_admin_may_revoke_their_own_and_an_expired_key() {
    let stage = Stage::set().await;
    let admin = &stage.tenant.admin;
    let expired = admin.another(&stage.stack, "admin", "operator").await;
    stage
        .meddle("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired.id)
        .await;
    for key in [expired.id, admin.id] {
        let _ = stage
            .client
            .delete(admin, &format!("/api/v1/api-keys/{key}"))
            .await
            .expect(204);
    }
    assert_eq!(stage.status_of(admin).await, 401);
    assert_eq!(stage.enqueued(stage.tenant.id).await.len(), 2);
}
