//! `POST /api/v1/users`.

use serde_json::{Value, json};

use crate::stage::{Stage, id};

const PATH: &str = "/api/v1/users";

#[tokio::test]
async fn a_person_is_added_with_an_audit_event() {
    let stage = Stage::set().await;
    let admin = &stage.tenant.admin;
    let body = json!({"email": " Ada@Example.com ", "name": "Ada", "role": "approver", "groups": ["ops", "eu", "ops"]});
    let user = stage.client.post(admin, PATH, body).await.expect(201);
    assert_eq!(
        (&user["email"], &user["role"], &user["groups"], &user["status"]),
        (
            &"Ada@Example.com".into(),
            &"approver".into(),
            &json!(["ops", "eu"]),
            &"ACTIVE".into()
        )
    );
    assert_eq!(user.as_object().map(serde_json::Map::len), Some(8), "{user}");
    let event = stage.audited_once(stage.tenant.id).await;
    assert_eq!(
        (event.action.as_str(), &event.recorded_by),
        ("user.created", &admin.principal)
    );
    assert_eq!(event.object, user["id"].as_str().expect("an id"));
    assert_eq!(
        stage
            .client
            .get(admin, &format!("{PATH}/{}", id(&user)))
            .await
            .expect(200),
        user
    );
}

#[tokio::test]
async fn an_email_address_is_unique_in_its_tenant_whatever_its_case() {
    let stage = Stage::set().await;
    let body = |email: &str| json!({"email": email, "name": "A", "role": "auditor"});
    stage
        .client
        .post(&stage.tenant.admin, PATH, body("a@example.com"))
        .await
        .expect(201);
    let again = stage
        .client
        .post(&stage.tenant.admin, PATH, body("A@EXAMPLE.com"))
        .await;
    assert_eq!(again.expect_error(409, "CONFLICT")["field"], "email");
    assert!(!again.text().contains("user_email_is_unique"), "{}", again.text());
    let other = stage.stack.tenant().await;
    stage
        .client
        .post(&other.admin, PATH, body("a@example.com"))
        .await
        .expect(201);
}

#[tokio::test]
async fn mistakes_are_named() {
    let stage = Stage::set().await;
    let valid = json!({"email": "a@example.com", "name": "A", "role": "auditor"});
    let many: Vec<String> = (0..51).map(|number| format!("g{number}")).collect();
    let cases: [(&str, Value); 13] = [
        ("email", json!("nobody")),
        ("email", json!("a b@example.com")),
        ("email", json!(format!("{}@example.com", "a".repeat(250)))),
        ("email", json!(null)),
        ("name", json!("")),
        ("name", json!("x".repeat(201))),
        ("role", json!("agent")),
        ("role", json!("ADMIN")),
        ("groups", json!(["a b"])),
        ("groups", json!([""])),
        ("groups", json!(many)),
        ("groups", json!(null)),
        ("status", json!("ACTIVE")),
    ];
    for (field, value) in cases {
        let mut body = valid.clone();
        body[field] = value;
        let answer = stage.client.post(&stage.tenant.admin, PATH, body.clone()).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
    for field in ["email", "name", "role"] {
        let mut body = valid.clone();
        body.as_object_mut().expect("an object").remove(field);
        let answer = stage.client.post(&stage.tenant.admin, PATH, body).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field);
    }
    assert_eq!(stage.audited(stage.tenant.id).await, []);
}
