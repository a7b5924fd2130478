//! `GET /api/v1/users/{id}`.

use serde_json::json;

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
    assert_eq!(user["groups"], json!(["ops"]));
    assert_eq!(user.get("delegation"), None);
}

#[tokio::test]
async fn whom_a_person_delegates_to_is_seen_by_the_tenant() {
    let stage = Stage::set().await;
    let delegation = json!({
        "delegate_to": stage.tenant.second_approver.user_id, "from": "2099-01-01T08:00:00.000Z",
        "until": "2099-01-15T08:00:00.000Z",
    });
    stage
        .client
        .request("PUT", "/api/v1/users/me/delegation")
        .key(&stage.tenant.approver)
        .json(&delegation)
        .send()
        .await
        .expect(200);
    let id = stage.tenant.approver.user_id.expect("a user");
    let person = stage
        .client
        .get(&stage.tenant.admin, &format!("/api/v1/users/{id}"))
        .await
        .expect(200);
    assert_eq!(person["delegation"], delegation);
}
