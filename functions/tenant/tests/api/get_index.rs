//! `GET /api/v1`.

use crate::stage::Stage;

#[tokio::test]
async fn any_key_learns_where_everything_is() {
    let stage = Stage::set().await;
    for (role, key) in stage.tenant.keys() {
        let body = stage.client.get(key, "/api/v1").await.expect(200);
        assert_eq!(body["tenantId"], stage.tenant.id.to_string(), "{role}");
        assert!(body["message"].is_string());
        assert_eq!(body["endpoints"]["users"], "/api/v1/users");
        assert_eq!(body["endpoints"]["approvals"], "/api/v1/approvals");
    }
}
