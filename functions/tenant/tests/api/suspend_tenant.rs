//! `DELETE /api/v1/tenants/{id}`.

use crate::stage::Stage;

#[tokio::test]
async fn deleting_suspends_and_again_changes_nothing() {
    let stage = Stage::set().await;
    let path = format!("/api/v1/tenants/{}", stage.tenant.id);
    assert!(stage.operator("DELETE", &path, None).await.expect(204).is_null());
    assert_eq!(stage.status_of(&stage.tenant.admin).await, 401);
    let suspended = stage.operator("GET", &path, None).await.expect(200);
    assert_eq!(suspended["status"], "SUSPENDED");
    let _ = stage.operator("DELETE", &path, None).await.expect(204);
    assert_eq!(stage.operator("GET", &path, None).await.expect(200), suspended);
    assert_eq!(stage.audited_once(stage.tenant.id).await.action, "tenant.suspended");
}

#[tokio::test]
async fn its_own_admin_may_not() {
    let stage = Stage::set().await;
    let path = format!("/api/v1/tenants/{}", stage.tenant.id);
    stage
        .client
        .delete(&stage.tenant.admin, &path)
        .await
        .expect_error(403, "FORBIDDEN");
    assert_eq!(stage.status_of(&stage.tenant.admin).await, 200);
}
