//! `POST /api/v1/tenants`.

use serde_json::{Value, json};

use crate::stage::{Stage, id};

const PATH: &str = "/api/v1/tenants";

#[tokio::test]
async fn a_tenant_is_made_with_its_first_audit_event() {
    let stage = Stage::set().await;
    let body = json!({"name": "  Acme, Inc. ", "slug": "acme", "plan": "annual"});
    let tenant = stage.operator("POST", PATH, Some(body)).await.expect(201);
    assert_eq!(
        (&tenant["name"], &tenant["slug"], &tenant["plan"], &tenant["status"]),
        (&"Acme, Inc.".into(), &"acme".into(), &"annual".into(), &"ACTIVE".into())
    );
    assert_eq!(tenant["created_at"], tenant["updated_at"]);
    assert_eq!(tenant.as_object().map(serde_json::Map::len), Some(7), "{tenant}");
    let event = stage.audited_once(id(&tenant)).await;
    assert_eq!(
        (event.action.as_str(), event.recorded_by.as_str()),
        ("tenant.created", "operator")
    );
    assert_eq!(event.object, tenant["id"].as_str().expect("an id"));
    assert_eq!(event.arguments["slug"], "acme");
    let read = stage
        .operator("GET", &format!("{PATH}/{}", id(&tenant)), None)
        .await
        .expect(200);
    assert_eq!(read, tenant);
}

#[tokio::test]
async fn a_slug_that_is_not_given_comes_from_the_name() {
    let stage = Stage::set().await;
    let create = |name: &'static str| stage.operator("POST", PATH, Some(json!({ "name": name })));
    let first = create("Blue Ocean!").await.expect(201);
    assert_eq!((&first["slug"], &first["plan"]), (&"blue-ocean".into(), &"free".into()));
    let second = create("Blue Ocean").await.expect(201);
    let slug = second["slug"].as_str().expect("a slug");
    assert!(
        slug.starts_with("blue-ocean-") && slug.len() == "blue-ocean-".len() + 8,
        "{slug}"
    );
    let unspellable = create("株式会社").await.expect(201);
    assert!(
        unspellable["slug"]
            .as_str()
            .is_some_and(|slug| slug.starts_with("tenant-")),
        "{unspellable}"
    );
    // The refused attempt left nothing behind.
    assert_eq!(stage.audited(id(&second)).await.len(), 1);
}

#[tokio::test]
async fn a_given_slug_that_is_taken_is_409() {
    let stage = Stage::set().await;
    let body = json!({"name": "One", "slug": "one"});
    stage.operator("POST", PATH, Some(body.clone())).await.expect(201);
    let details = stage
        .operator("POST", PATH, Some(body))
        .await
        .expect_error(409, "CONFLICT");
    assert_eq!(details["field"], "slug");
}

#[tokio::test]
async fn mistakes_are_named() {
    let stage = Stage::set().await;
    let cases: [(Value, &str); 12] = [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "   "}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"name": "x".repeat(201)}), "name"),
        (json!({"name": 1}), "name"),
        (json!({"name": "a", "slug": "A"}), "slug"),
        (json!({"name": "a", "slug": ""}), "slug"),
        (json!({"name": "a", "slug": "-a"}), "slug"),
        (json!({"name": "a", "slug": "a".repeat(64)}), "slug"),
        (json!({"name": "a", "plan": "FREE"}), "plan"),
        (json!({"name": "a", "status": "ACTIVE"}), "status"),
    ];
    for (body, field) in cases {
        let answer = stage.operator("POST", PATH, Some(body.clone())).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
    // An absent body is an object without its required field.
    assert_eq!(
        stage
            .operator("POST", PATH, None)
            .await
            .expect_error(400, "VALIDATION_ERROR")["field"],
        "name"
    );
}
