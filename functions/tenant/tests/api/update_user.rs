//! `PATCH /api/v1/users/{id}`, and `DELETE`, which is one special case of it.

use serde_json::{Value, json};
use shared::testing::TestKey;

use crate::stage::Stage;

fn path(key: &TestKey) -> String {
    format!("/api/v1/users/{}", key.user_id.expect("a user"))
}

#[tokio::test]
async fn an_admin_changes_a_person_with_one_audit_event() {
    let stage = Stage::set().await;
    let (admin, path) = (&stage.tenant.admin, path(&stage.tenant.approver));
    let body = json!({"email": "new@example.com", "name": "New", "role": "auditor", "groups": ["b", "a"]});
    let user = stage.client.patch(admin, &path, body.clone()).await.expect(200);
    for field in ["email", "name", "role", "groups"] {
        assert_eq!(user[field], body[field]);
    }
    assert_eq!(stage.client.get(admin, &path).await.expect(200), user);
    let event = stage.audited_once(stage.tenant.id).await;
    assert_eq!(
        (event.action.as_str(), &event.recorded_by),
        ("user.updated", &admin.principal)
    );
    assert_eq!(event.arguments, body);
    // The same again changes nothing, and so does nothing at all.
    assert_eq!(stage.client.patch(admin, &path, body).await.expect(200), user);
    assert_eq!(stage.client.patch(admin, &path, json!({})).await.expect(200), user);
    assert_eq!(stage.audited(stage.tenant.id).await.len(), 1);
}

#[tokio::test]
async fn a_new_role_holds_for_the_keys_from_the_next_request_on() {
    let stage = Stage::set().await;
    let (admin, auditor) = (&stage.tenant.admin, &stage.tenant.auditor);
    stage
        .client
        .get(auditor, "/api/v1/users")
        .await
        .expect_error(403, "FORBIDDEN");
    stage
        .client
        .patch(admin, &path(auditor), json!({"role": "admin"}))
        .await
        .expect(200);
    let _ = stage.client.get(auditor, "/api/v1/users").await.expect(200);
    let keys = stage
        .client
        .get(
            admin,
            &format!("/api/v1/api-keys?user_id={}", auditor.user_id.expect("a user")),
        )
        .await;
    assert_eq!(keys.expect(200)["data"][0]["role"], "admin");
    stage
        .client
        .patch(admin, &path(auditor), json!({"role": "auditor"}))
        .await
        .expect(200);
    stage
        .client
        .get(auditor, "/api/v1/users")
        .await
        .expect_error(403, "FORBIDDEN");
}

#[tokio::test]
async fn deactivation_stops_the_keys_and_activation_lets_them_work_again() {
    let stage = Stage::set().await;
    let (admin, approver) = (&stage.tenant.admin, &stage.tenant.approver);
    assert!(stage.client.delete(admin, &path(approver)).await.expect(204).is_null());
    assert_eq!(stage.status_of(approver).await, 401);
    let _ = stage.client.delete(admin, &path(approver)).await.expect(204);
    assert_eq!(
        stage.client.get(admin, &path(approver)).await.expect(200)["status"],
        "DEACTIVATED"
    );
    stage
        .client
        .patch(admin, &path(approver), json!({"status": "ACTIVE"}))
        .await
        .expect(200);
    assert_eq!(stage.status_of(approver).await, 200);
    let actions: Vec<String> = stage
        .audited(stage.tenant.id)
        .await
        .into_iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(actions, ["user.deactivated", "user.reactivated"]);
}

#[tokio::test]
async fn the_last_active_admin_stays() {
    let stage = Stage::set().await;
    let admin = &stage.tenant.admin;
    let second = TestKey::of_user(&stage.stack, stage.tenant.id, "admin", &[]).await;
    let _ = stage.client.delete(admin, &path(&second)).await.expect(204);
    stage
        .client
        .delete(admin, &path(admin))
        .await
        .expect_error(409, "CONFLICT");
    for body in [json!({"role": "approver"}), json!({"status": "DEACTIVATED"})] {
        stage
            .client
            .patch(admin, &path(admin), body)
            .await
            .expect_error(409, "CONFLICT");
    }
    // What does not touch that is free.
    stage
        .client
        .patch(admin, &path(admin), json!({"name": "Still here"}))
        .await
        .expect(200);
    stage
        .client
        .patch(admin, &path(&second), json!({"status": "ACTIVE"}))
        .await
        .expect(200);
    let _ = stage.client.delete(admin, &path(admin)).await.expect(204);
    assert_eq!(
        (stage.status_of(admin).await, stage.status_of(&second).await),
        (401, 200)
    );
}

#[tokio::test]
async fn two_admins_who_remove_each_other_leave_one() {
    let stage = Stage::set().await;
    for _ in 0..10 {
        let tenant = stage.stack.tenant().await;
        let (first, second) = (
            tenant.admin.clone(),
            TestKey::of_user(&stage.stack, tenant.id, "admin", &[]).await,
        );
        let pairs = [(first.clone(), path(&second)), (second.clone(), path(&first))];
        let attempts = pairs.map(|(key, path)| tokio::spawn(stage.client.request("DELETE", &path).key(&key).send()));
        for attempt in attempts {
            let status = attempt.await.expect("it ran").status;
            assert!([204, 401, 409].contains(&status), "{status}");
        }
        let mut statuses = [stage.status_of(&first).await, stage.status_of(&second).await];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
    }
}

#[tokio::test]
async fn a_taken_email_address_is_409_and_mistakes_are_named() {
    let stage = Stage::set().await;
    let (admin, path) = (&stage.tenant.admin, path(&stage.tenant.approver));
    let taken = format!("{}@EXAMPLE.com", stage.tenant.auditor.user_id.expect("a user"));
    let conflict = stage.client.patch(admin, &path, json!({ "email": taken })).await;
    assert_eq!(conflict.expect_error(409, "CONFLICT")["field"], "email");
    let cases: [(&str, Value); 9] = [
        ("email", json!("x")),
        ("email", json!(null)),
        ("name", json!("")),
        ("name", json!(null)),
        ("role", json!("agent")),
        ("groups", json!(["a/b"])),
        ("groups", json!(null)),
        ("status", json!("SUSPENDED")),
        ("id", json!(stage.tenant.id)),
    ];
    for (field, value) in cases {
        let body = json!({ field: value });
        let answer = stage.client.patch(admin, &path, body.clone()).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
    assert_eq!(stage.audited(stage.tenant.id).await, []);
}
