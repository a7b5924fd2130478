//! `GET` and `PUT /api/v1/policies`, and `GET /api/v1/policies/versions`.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{
    http::app,
    testing::{Answer, TestStack},
};

use crate::scene::Scene;

const DEFAULT: &str = include_str!("../../../../policies/default.cedar");
const ALLOW: &str = "permit (principal, action, resource);";

async fn get(scene: &Scene) -> Value {
    scene
        .client
        .get(&scene.tenant.admin, "/api/v1/policies")
        .await
        .expect(200)
}

async fn put(scene: &Scene, body: Value) -> Answer {
    let request = scene.client.request("PUT", "/api/v1/policies").key(&scene.tenant.admin);
    request.json(&body).send().await
}

async fn versions(scene: &Scene, query: &str) -> Value {
    let path = format!("/api/v1/policies/versions{query}");
    scene.client.get(&scene.tenant.admin, &path).await.expect(200)
}

/// How much stands in the log and the outbox about policies.
async fn events(scene: &Scene) -> (Vec<String>, Vec<(i32, Value)>) {
    let logged = sqlx::query_scalar(
        "SELECT sanitized_args::text FROM audit_events WHERE action = 'policy.updated' ORDER BY event_id",
    )
    .fetch_all(&scene.owner)
    .await
    .expect("the log is read");
    let sent =
        sqlx::query_as("SELECT aggregate_version, payload FROM outbox WHERE event_type = 'policy.updated' ORDER BY id")
            .fetch_all(&scene.owner)
            .await
            .expect("the outbox is read");
    (logged, sent)
}

#[tokio::test]
async fn a_tenant_begins_with_the_published_default() {
    let scene = Scene::start().await;
    let shown = get(&scene).await;
    assert_eq!(
        (&shown["version"], &shown["cedar"], &shown["created_by"]),
        (&json!(1), &json!(DEFAULT), &json!("system"))
    );
    let id = shown["id"]
        .as_str()
        .expect("an id")
        .parse::<uuid::Uuid>()
        .expect("a UUID");
    assert_eq!(id.get_version_num(), 7);
    let stored: String = sqlx::query_scalar("SELECT default_policies()")
        .fetch_one(&scene.owner)
        .await
        .expect("the migration's text");
    assert_eq!(stored, DEFAULT);
    let other = scene.stack.tenant().await;
    let theirs = scene.client.get(&other.admin, "/api/v1/policies").await.expect(200);
    assert_ne!(theirs["id"], shown["id"]);
}

#[tokio::test]
async fn a_sound_text_becomes_the_next_version() {
    let scene = Scene::start().await;
    let first = get(&scene).await;
    let second = put(&scene, json!({ "cedar": ALLOW })).await.expect(200);
    assert_eq!(second, get(&scene).await);
    assert_eq!(
        (
            &second["id"],
            &second["version"],
            &second["cedar"],
            &second["created_by"]
        ),
        (
            &first["id"],
            &json!(2),
            &json!(ALLOW),
            &json!(scene.tenant.admin.principal)
        )
    );
    let (logged, sent) = events(&scene).await;
    assert_eq!(logged.len(), 1);
    assert_eq!(sent, [(2, second.clone())]);

    // The same text again changes nothing.
    assert_eq!(put(&scene, json!({ "cedar": ALLOW })).await.expect(200), second);
    assert_eq!(events(&scene).await.1.len(), 1);
    assert_eq!(versions(&scene, "").await["data"], json!([second, first]));
}

#[tokio::test]
async fn an_earlier_version_comes_into_force_again_as_a_new_one() {
    let scene = Scene::start().await;
    let _ = put(&scene, json!({ "cedar": ALLOW })).await.expect(200);
    let restored = put(&scene, json!({ "version": 1 })).await.expect(200);
    assert_eq!((&restored["version"], &restored["cedar"]), (&json!(3), &json!(DEFAULT)));
    // It is in force already, under whichever number.
    for version in [1, 3] {
        assert_eq!(put(&scene, json!({ "version": version })).await.expect(200), restored);
    }
    put(&scene, json!({ "version": 4 }))
        .await
        .expect_error(404, "NOT_FOUND");
    let (logged, sent) = events(&scene).await;
    assert_eq!(sent.len(), 2);
    assert!(logged[1].contains("\"restored_version\":1"), "{}", logged[1]);
}

#[tokio::test]
async fn a_broken_text_never_comes_into_force_and_says_where_it_is_broken() {
    let scene = Scene::start().await;
    let before = get(&scene).await;
    for (cedar, line, column) in [
        ("permit (principal, action, resource)\n  whn { true };".to_owned(), 2, 3),
        (
            "\npermit (principal, action, resource) when { principal.rol == \"x\" };".to_owned(),
            2,
            45,
        ),
        (
            "@require_approval(\"quorum=0\") permit (principal, action, resource);".to_owned(),
            1,
            1,
        ),
        ("permit (principal == ?principal, action, resource);".to_owned(), 1, 1),
        ("\n".repeat(65_537), 65_537, 1),
        (ALLOW.repeat(1_001), 1, 37_001),
    ] {
        let details = put(&scene, json!({ "cedar": cedar }))
            .await
            .expect_error(400, "VALIDATION_ERROR");
        assert_eq!(
            (&details["field"], &details["line"], &details["column"]),
            (&json!("cedar"), &json!(line), &json!(column)),
            "{details}"
        );
        assert!(
            details["message"].as_str().is_some_and(|message| !message.is_empty()),
            "{details}"
        );
    }
    for body in [
        json!({}),
        json!({ "cedar": ALLOW, "version": 1 }),
        json!({ "cedar": null }),
        json!({ "cedar": 1 }),
        json!({ "version": "1" }),
        json!({ "cedar": ALLOW, "id": "x" }),
    ] {
        put(&scene, body).await.expect_error(400, "VALIDATION_ERROR");
    }
    for version in [0, -1] {
        let details = put(&scene, json!({ "version": version })).await;
        assert_eq!(details.expect_error(400, "VALIDATION_ERROR")["field"], "version");
    }
    put(&scene, json!({ "version": i32::MAX }))
        .await
        .expect_error(404, "NOT_FOUND");
    assert_eq!(get(&scene).await, before);
    assert_eq!(events(&scene).await, (vec![], vec![]));
}

#[tokio::test]
async fn an_earlier_text_that_no_longer_compiles_stays_where_it_is() {
    let scene = Scene::start().await;
    sqlx::query("INSERT INTO policies SELECT tenant_id, 2, id, 'permit (all);', 'system', now() FROM policies WHERE tenant_id = $1")
        .bind(scene.tenant.id)
        .execute(&scene.owner)
        .await
        .expect("stored behind the product's back");
    let _ = put(&scene, json!({ "cedar": ALLOW })).await.expect(200);
    let details = put(&scene, json!({ "version": 2 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!((&details["line"], &details["column"]), (&json!(1), &json!(9)));
    assert_eq!(get(&scene).await["version"], 3);
}

#[tokio::test]
async fn versions_are_listed_a_page_at_a_time() {
    let scene = Scene::start().await;
    for n in 2..=5 {
        let _ = put(&scene, json!({ "cedar": format!("// {n}\n{ALLOW}") }))
            .await
            .expect(200);
    }
    let mut seen = Vec::new();
    let mut page = versions(&scene, "?limit=2").await;
    loop {
        let data = page["data"].as_array().expect("a list");
        assert!(data.len() <= 2);
        seen.extend(
            data.iter()
                .map(|version| version["version"].as_i64().expect("a number")),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        page = versions(&scene, &format!("?limit=2&cursor={cursor}")).await;
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let path = |query: &str| format!("/api/v1/policies/versions?{query}");
    let admin = &scene.tenant.admin;
    scene
        .client
        .get(admin, &path("cursor=x"))
        .await
        .expect_error(400, "INVALID_CURSOR");
    scene
        .client
        .get(admin, &path("limit=0"))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    scene
        .client
        .get(admin, &path("version=1"))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    scene
        .client
        .get(admin, "/api/v1/policies?x=1")
        .await
        .expect_error(400, "VALIDATION_ERROR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn texts_put_at_once_each_get_a_version_of_their_own() {
    let scene = Scene::start().await;
    let second = TestStack::on_same_servers(&scene.stack);
    let clients = [stack_client(&scene.stack), stack_client(&second)];
    let puts = (0..12).map(|n| {
        let request = clients[n % 2]
            .request("PUT", "/api/v1/policies")
            .key(&scene.tenant.admin);
        request.json(&json!({ "cedar": format!("// {n}\n{ALLOW}") })).send()
    });
    let mut given: Vec<i64> = join_all(puts)
        .await
        .into_iter()
        .map(|answer| answer.expect(200)["version"].as_i64().expect("a number"))
        .collect();
    given.sort_unstable();
    assert_eq!(given, (2..14).collect::<Vec<_>>());
    let (logged, sent) = events(&scene).await;
    let mut told: Vec<i32> = sent.iter().map(|(version, _)| *version).collect();
    told.sort_unstable();
    assert_eq!((logged.len(), told), (12, (2..14).collect::<Vec<_>>()));
}

fn stack_client(stack: &TestStack) -> shared::testing::TestClient {
    stack.client(app(stack.ctx.clone(), approval::routes()).0)
}

#[tokio::test]
async fn versions_can_be_neither_changed_nor_removed() {
    let scene = Scene::start().await;
    let app = scene.stack.database.url("countersign_app");
    let pool = sqlx::PgPool::connect(&app).await.expect("connected");
    for sql in ["UPDATE policies SET cedar = ''", "DELETE FROM policies"] {
        let mut tx = pool.begin().await.expect("begun");
        sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
            .bind(scene.tenant.id.to_string())
            .execute(&mut *tx)
            .await
            .expect("in the tenant");
        let refused = sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut *tx)
            .await
            .expect_err(sql);
        assert!(refused.to_string().contains("permission denied"), "{refused}");
    }
}

#[tokio::test]
async fn a_policy_names_the_tool_as_its_action() {
    let scene = Scene::start().await;
    let cedar = r#"@id("deploys") permit (principal, action == Action::"deploy", resource);"#;
    let _ = scene.put_policies(&scene.tenant.admin, cedar).await.expect(200);
    for (tool, decision, policy_ids) in [
        ("deploy", "ALLOW", json!(["deploys"])),
        ("destroy", "REQUIRE_APPROVAL", json!([])),
    ] {
        let body = json!({ "tool_call": { "tool": tool, "arguments": {} } });
        let decided = scene.call_tool(&scene.tenant.agent, body).await.expect(200);
        assert_eq!(
            (&decided["decision"], &decided["policy_ids"]),
            (&json!(decision), &policy_ids)
        );
    }
}
