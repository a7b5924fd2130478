//! `POST /api/v1/tenants/{id}/bootstrap`.

use serde_json::{Value, json};
use shared::testing::TestKey;
use uuid::Uuid;

use crate::stage::{Stage, id};

async fn empty_tenant(stage: &Stage) -> (Uuid, String) {
    let tenant = stage
        .operator("POST", "/api/v1/tenants", Some(json!({"name": "Fresh"})))
        .await
        .expect(201);
    (id(&tenant), format!("/api/v1/tenants/{}/bootstrap", id(&tenant)))
}

fn admin() -> Value {
    json!({"email": "root@example.com", "name": "Root"})
}

#[tokio::test]
async fn the_first_admin_can_use_their_key_at_once() {
    let stage = Stage::set().await;
    let (tenant_id, path) = empty_tenant(&stage).await;
    let made = stage.operator("POST", &path, Some(admin())).await.expect(201);
    assert_eq!(
        (&made["user"]["role"], &made["user"]["status"]),
        (&"admin".into(), &"ACTIVE".into())
    );
    assert_eq!(
        (&made["api_key"]["role"], &made["api_key"]["user_id"]),
        (&"admin".into(), &made["user"]["id"])
    );
    assert_eq!(
        (&made["api_key"]["minted_by"], &made["api_key"]["trust_level"]),
        (&"operator".into(), &1.into())
    );
    let text = made["key"].as_str().expect("a key");
    assert!(text.starts_with("cs_dev_"), "{text}");
    let key = TestKey {
        tenant_id,
        ..Stage::with_text(&stage.tenant.admin, &made["key"])
    };
    let users = stage.client.get(&key, "/api/v1/users").await.expect(200);
    assert_eq!(users["data"], json!([made["user"]]));

    let events = stage.audited(tenant_id).await;
    let bootstrapped = events.last().expect("an event");
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(
        (bootstrapped.action.as_str(), bootstrapped.recorded_by.as_str()),
        ("tenant.bootstrapped", "operator")
    );
    assert_eq!(bootstrapped.object, tenant_id.to_string());
    assert_eq!(bootstrapped.arguments["user"]["id"], made["user"]["id"]);
    assert!(!bootstrapped.arguments.to_string().contains(text));
}

#[tokio::test]
async fn once_there_is_an_admin_it_is_409() {
    let stage = Stage::set().await;
    let (tenant_id, path) = empty_tenant(&stage).await;
    stage.operator("POST", &path, Some(admin())).await.expect(201);
    let again = Some(json!({"email": "second@example.com", "name": "Second"}));
    stage.operator("POST", &path, again).await.expect_error(409, "CONFLICT");
    assert_eq!(stage.audited(tenant_id).await.len(), 2);
}

#[tokio::test]
async fn of_two_at_once_the_second_waits_and_sees_the_first() {
    let stage = Stage::set().await;
    let (tenant_id, path) = empty_tenant(&stage).await;
    let pool = stage.stack.owner_pool();
    // The first one, held just before its commit.
    let mut first = pool.begin().await.expect("begun");
    sqlx::query("SELECT FROM tenants WHERE id = $1 FOR NO KEY UPDATE")
        .bind(tenant_id)
        .execute(&mut *first)
        .await
        .expect("locked");
    sqlx::query(
        "INSERT INTO users (tenant_id, id, email, name, role, created_at, updated_at)
         VALUES ($1, $1, 'first@example.com', 'First', 'admin', now(), now())",
    )
    .bind(tenant_id)
    .execute(&mut *first)
    .await
    .expect("stored");

    let request = stage.client.request("POST", &path).bearer(stage.stack.operator());
    let second = tokio::spawn(request.json(&admin()).send());
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity
                                WHERE datname = current_database() AND wait_event_type = 'Lock')";
    while !second.is_finished()
        && !sqlx::query_scalar::<_, bool>(waits)
            .fetch_one(&pool)
            .await
            .expect("seen")
    {}
    first.commit().await.expect("committed");
    second.await.expect("it ran").expect_error(409, "CONFLICT");
    assert_eq!(stage.audited(tenant_id).await.len(), 1);
}

#[tokio::test]
async fn a_suspended_tenant_gets_none() {
    let stage = Stage::set().await;
    let (tenant_id, path) = empty_tenant(&stage).await;
    let _ = stage
        .operator("DELETE", &format!("/api/v1/tenants/{tenant_id}"), None)
        .await
        .expect(204);
    stage
        .operator("POST", &path, Some(admin()))
        .await
        .expect_error(409, "CONFLICT");
}

#[tokio::test]
async fn mistakes_are_named() {
    let stage = Stage::set().await;
    let (_, path) = empty_tenant(&stage).await;
    for (body, field) in [
        (json!({}), "email"),
        (json!({"email": "root@example.com"}), "name"),
        (json!({"email": "root", "name": "Root"}), "email"),
        (json!({"email": "root@example.com", "name": ""}), "name"),
        (
            json!({"email": "root@example.com", "name": "Root", "role": "admin"}),
            "role",
        ),
    ] {
        let answer = stage.operator("POST", &path, Some(body.clone())).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
}
