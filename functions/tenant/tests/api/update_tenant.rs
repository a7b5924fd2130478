//! `PATCH /api/v1/tenants/{id}`.

use serde_json::{Value, json};

use crate::stage::Stage;

fn path(stage: &Stage) -> String {
    format!("/api/v1/tenants/{}", stage.tenant.id)
}

#[tokio::test]
async fn the_operator_changes_everything_with_one_audit_event() {
    let stage = Stage::set().await;
    let body = json!({"name": "Renamed", "slug": "renamed", "plan": "monthly"});
    let tenant = stage
        .operator("PATCH", &path(&stage), Some(body.clone()))
        .await
        .expect(200);
    for field in ["name", "slug", "plan"] {
        assert_eq!(tenant[field], body[field]);
    }
    assert_eq!(stage.operator("GET", &path(&stage), None).await.expect(200), tenant);
    let event = stage.audited_once(stage.tenant.id).await;
    assert_eq!(
        (event.action.as_str(), event.recorded_by.as_str()),
        ("tenant.updated", "operator")
    );
    assert_eq!(event.arguments, body);
}

#[tokio::test]
async fn what_changes_nothing_leaves_no_trace() {
    let stage = Stage::set().await;
    let before = stage.operator("GET", &path(&stage), None).await.expect(200);
    for body in [
        json!({}),
        json!({"name": "Test"}),
        json!({"status": "ACTIVE", "plan": "free"}),
    ] {
        assert_eq!(
            stage.operator("PATCH", &path(&stage), Some(body)).await.expect(200),
            before
        );
    }
    assert_eq!(stage.audited(stage.tenant.id).await, []);
}

#[tokio::test]
async fn suspending_stops_every_key_and_resuming_lets_them_work_again() {
    let stage = Stage::set().await;
    stage
        .operator("PATCH", &path(&stage), Some(json!({"status": "SUSPENDED"})))
        .await
        .expect(200);
    for (role, key) in stage.tenant.keys() {
        assert_eq!(stage.status_of(key).await, 401, "{role}");
    }
    stage
        .operator("PATCH", &path(&stage), Some(json!({"status": "ACTIVE"})))
        .await
        .expect(200);
    for (role, key) in stage.tenant.keys() {
        assert_eq!(stage.status_of(key).await, 200, "{role}");
    }
    let actions: Vec<String> = stage
        .audited(stage.tenant.id)
        .await
        .into_iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(actions, ["tenant.suspended", "tenant.resumed"]);
}

#[tokio::test]
async fn its_own_admin_changes_the_name_and_nothing_else() {
    let stage = Stage::set().await;
    let admin = &stage.tenant.admin;
    let renamed = stage
        .client
        .patch(admin, &path(&stage), json!({"name": "Ours"}))
        .await
        .expect(200);
    assert_eq!(renamed["name"], "Ours");
    let event = stage.audited_once(stage.tenant.id).await;
    assert_eq!(
        (event.action.as_str(), &event.recorded_by),
        ("tenant.updated", &admin.principal)
    );
    for body in [
        json!({"plan": "annual"}),
        json!({"slug": "ours"}),
        json!({"name": "X", "status": "SUSPENDED"}),
    ] {
        stage
            .client
            .patch(admin, &path(&stage), body)
            .await
            .expect_error(403, "FORBIDDEN");
    }
    let other = stage.stack.new_tenant().await;
    let theirs = format!("/api/v1/tenants/{other}");
    stage
        .client
        .patch(admin, &theirs, json!({"name": "X"}))
        .await
        .expect_error(403, "FORBIDDEN");
    assert_eq!(stage.operator("GET", &path(&stage), None).await.expect(200), renamed);
}

#[tokio::test]
async fn a_taken_slug_is_409_and_mistakes_are_named() {
    let stage = Stage::set().await;
    let taken = json!({"name": "Other", "slug": "taken"});
    stage.operator("POST", "/api/v1/tenants", Some(taken)).await.expect(201);
    let conflict = stage
        .operator("PATCH", &path(&stage), Some(json!({"slug": "taken"})))
        .await;
    assert_eq!(conflict.expect_error(409, "CONFLICT")["field"], "slug");
    let cases: [(Value, &str); 6] = [
        (json!({"name": null}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"slug": "a b"}), "slug"),
        (json!({"plan": "gold"}), "plan"),
        (json!({"status": "active"}), "status"),
        (json!({"id": stage.tenant.id}), "id"),
    ];
    for (body, field) in cases {
        let answer = stage.operator("PATCH", &path(&stage), Some(body.clone())).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
    assert_eq!(stage.audited(stage.tenant.id).await, []);
}
