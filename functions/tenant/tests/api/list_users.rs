//! `GET /api/v1/users`.

use serde_json::json;

use crate::stage::{Stage, column};

const PATH: &str = "/api/v1/users";

#[tokio::test]
async fn an_admin_walks_the_people_of_the_tenant_newest_first() {
    let stage = Stage::set().await;
    let _ = stage.stack.tenant().await;
    let tenant = &stage.tenant;
    let expected: Vec<String> = [
        &tenant.auditor,
        &tenant.second_approver,
        &tenant.approver,
        &tenant.admin,
    ]
    .map(|key| key.user_id.expect("a user").to_string())
    .into();
    let first = stage
        .client
        .get(&tenant.admin, &format!("{PATH}?limit=3"))
        .await
        .expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor").to_owned();
    let last = stage
        .client
        .get(&tenant.admin, &format!("{PATH}?limit=3&cursor={cursor}"))
        .await
        .expect(200);
    assert!(last["next_cursor"].is_null());
    assert_eq!([column(&first, "id"), column(&last, "id")].concat(), expected);

    let other_filter = format!("{PATH}?role=admin&cursor={cursor}");
    stage
        .client
        .get(&tenant.admin, &other_filter)
        .await
        .expect_error(400, "INVALID_CURSOR");
    let other = stage.stack.tenant().await;
    let other_tenant = format!("{PATH}?limit=3&cursor={cursor}");
    stage
        .client
        .get(&other.admin, &other_tenant)
        .await
        .expect_error(400, "INVALID_CURSOR");
}

async fn ids(stage: &Stage, query: &str) -> Vec<String> {
    let page = stage.client.get(&stage.tenant.admin, &format!("{PATH}?{query}")).await;
    column(&page.expect(200), "id")
}

#[tokio::test]
async fn filters_narrow_and_unknown_values_are_400() {
    let stage = Stage::set().await;
    let admin = &stage.tenant.admin;
    let gone = stage.tenant.approver.user_id.expect("a user");
    let path = format!("{PATH}/{gone}");
    stage
        .client
        .patch(admin, &path, json!({"status": "DEACTIVATED"}))
        .await
        .expect(200);
    assert_eq!(ids(&stage, "role=approver").await.len(), 2);
    assert_eq!(ids(&stage, "status=DEACTIVATED").await, [gone.to_string()]);
    assert_eq!(ids(&stage, "role=approver&status=ACTIVE").await.len(), 1);
    assert_eq!(ids(&stage, "role=auditor&status=DEACTIVATED").await.len(), 0);
    for (query, field) in [("role=agent", "role"), ("status=active", "status"), ("role=", "role")] {
        let answer = stage.client.get(admin, &format!("{PATH}?{query}")).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field);
    }
}
