//! `GET /api/v1/tenants/{id}`.

use crate::stage::Stage;

#[tokio::test]
async fn the_operator_and_its_own_admin_see_a_tenant() {
    let stage = Stage::set().await;
    let path = format!("/api/v1/tenants/{}", stage.tenant.id);
    let seen = stage.operator("GET", &path, None).await.expect(200);
    assert_eq!(
        (&seen["id"], &seen["status"]),
        (&stage.tenant.id.to_string().into(), &"ACTIVE".into())
    );
    assert_eq!(stage.client.get(&stage.tenant.admin, &path).await.expect(200), seen);
}

#[tokio::test]
async fn a_suspended_tenant_is_seen_by_the_operator_alone() {
    let stage = Stage::set().await;
    let path = format!("/api/v1/tenants/{}", stage.tenant.id);
    stage.operator("DELETE", &path, None).await.expect(204);
    assert_eq!(
        stage.operator("GET", &path, None).await.expect(200)["status"],
        "SUSPENDED"
    );
    stage
        .client
        .get(&stage.tenant.admin, &path)
        .await
        .expect_error(401, "UNAUTHORIZED");
}
