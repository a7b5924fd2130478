//! `GET /api/v1/users/{id}`.

use crate::stage::Stage;

#[tokio::test]
async fn an_admin_sees_a_person() {
    let stage = Stage::set().await;
    let id = stage.tenant.approver.user_id.expect("a user");
    let user = stage
        .client
        .get(&stage.tenant.admin, &format!("/api/v1/users/{id}"))
        .await
        .expect(200);
    assert_eq!(
        (&user["id"], &user["role"]),
        (&id.to_string().into(), &"approver".into())
    );
    assert_eq!(user["groups"], serde_json::json!(["ops"]));
}
