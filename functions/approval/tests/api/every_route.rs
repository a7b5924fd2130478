//! What every route of the function answers alike.

use serde_json::{Value, json};
use shared::{
    http::app,
    testing::{TestKey, TestRequest, TestStack},
};

use crate::scene::{Scene, call, request};

const UNKNOWN_ID: &str = "01930000-0000-7000-8000-000000000000";

/// Every route: method, path, the roles it is for, and whether it takes a body.
const ROUTES: [(&str, &str, &[&str], bool); 14] = [
    ("POST", "/api/v1/approvals", &["agent", "admin"], true),
    ("POST", "/api/v1/approvals/check", &["agent", "admin"], true),
    (
        "GET",
        "/api/v1/approvals",
        &["agent", "admin", "approver", "auditor"],
        false,
    ),
    (
        "GET",
        "/api/v1/approvals/{id}",
        &["agent", "admin", "approver", "auditor"],
        false,
    ),
    ("POST", "/api/v1/approvals/{id}/approve", &["admin", "approver"], true),
    ("POST", "/api/v1/approvals/{id}/deny", &["admin", "approver"], true),
    ("POST", "/api/v1/approvals/{id}/cancel", &["agent", "admin"], true),
    ("POST", "/api/v1/approvals/{id}/redeem", &["agent", "admin"], true),
    ("POST", "/api/v1/approvals/{id}/revoke", &["admin", "approver"], true),
    ("POST", "/api/v1/tool-calls", &["agent"], true),
    ("GET", "/api/v1/policies", &["admin"], false),
    ("PUT", "/api/v1/policies", &["admin"], true),
    ("GET", "/api/v1/policies/versions", &["admin"], false),
    ("POST", "/api/v1/policies/simulate", &["admin"], true),
];

/// A body that the route accepts, as far as it goes.
fn body(path: &str) -> Value {
    match path.rsplit('/').next() {
        Some("approvals") => request(),
        Some("check") => json!({ "token": format!("cst_{}", "A".repeat(43)) }),
        Some("redeem" | "tool-calls") => json!({ "tool_call": call() }),
        Some("revoke") => json!({ "reason": "x" }),
        Some("policies") => json!({ "cedar": "" }),
        _ => json!({}),
    }
}

fn plain(scene: &Scene, method: &str, path: &str) -> TestRequest {
    scene.client.request(method, &path.replace("{id}", UNKNOWN_ID))
}

#[tokio::test]
async fn this_is_every_route_there_is() {
    let scene = Scene::start().await;
    let (_, description) = app(scene.stack.ctx.clone(), approval::routes());
    let mut described = Vec::new();
    for (path, item) in &description.paths.paths {
        for (method, operation) in [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put)] {
            described.extend(operation.as_ref().map(|_| (method, path.as_str())));
        }
    }
    let mut known: Vec<_> = ROUTES.iter().map(|(method, path, ..)| (*method, *path)).collect();
    described.sort_unstable();
    known.sort_unstable();
    assert_eq!(described, known);
}

#[tokio::test]
async fn no_tenant_header_or_a_bad_one_is_400() {
    let scene = Scene::start().await;
    for (method, path, ..) in ROUTES {
        let with_key = || plain(&scene, method, path).bearer(&scene.tenant.admin.text);
        with_key().send().await.expect_error(400, "MISSING_TENANT_ID");
        with_key()
            .header("x-tenant-id", "acme")
            .send()
            .await
            .expect_error(400, "INVALID_TENANT_ID");
        with_key()
            .tenant(scene.tenant.id)
            .tenant(scene.tenant.id)
            .send()
            .await
            .expect_error(400, "INVALID_TENANT_ID");
    }
}

#[tokio::test]
async fn every_unusable_credential_is_the_same_401() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    let other_tenant = scene.stack.tenant().await;
    let suspended = scene.stack.tenant().await;
    let deactivated = TestKey::of_user(&scene.stack, tenant.id, "admin", &[]).await;
    let revoked = tenant.admin.another(&scene.stack, "admin", "operator").await;
    let expired = tenant.admin.another(&scene.stack, "admin", "operator").await;
    for (sql, id) in [
        (
            "UPDATE tenants SET status = 'SUSPENDED' WHERE id = $1",
            Some(suspended.id),
        ),
        (
            "UPDATE users SET status = 'DEACTIVATED' WHERE id = $1",
            deactivated.user_id,
        ),
        ("UPDATE api_keys SET is_active = false WHERE id = $1", Some(revoked.id)),
        (
            "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1",
            Some(expired.id),
        ),
    ] {
        sqlx::query(sql).bind(id).execute(&scene.owner).await.expect("set");
    }
    let mut wrong_secret = tenant.admin.text.clone();
    let changed = if wrong_secret.pop() == Some('0') { '1' } else { '0' };
    wrong_secret.push(changed);
    for (method, path, ..) in ROUTES {
        let mut bodies: Vec<Value> = Vec::new();
        let credentials = [
            (tenant.id, None),
            (tenant.id, Some("nonsense")),
            (tenant.id, Some(wrong_secret.as_str())),
            (tenant.id, Some(other_tenant.admin.text.as_str())),
            (other_tenant.id, Some(tenant.admin.text.as_str())),
            (tenant.id, Some(deactivated.text.as_str())),
            (tenant.id, Some(revoked.text.as_str())),
            (tenant.id, Some(expired.text.as_str())),
            (suspended.id, Some(suspended.admin.text.as_str())),
        ];
        for (tenant_id, credential) in credentials {
            let asked = plain(&scene, method, path).tenant(tenant_id);
            let answer = match credential {
                Some(credential) => asked.bearer(credential).send().await,
                None => asked.send().await,
            };
            answer.expect_error(401, "UNAUTHORIZED");
            bodies.push(answer.json()["error"].clone());
        }
        assert!(
            bodies.windows(2).all(|pair| pair[0] == pair[1]),
            "{method} {path}: {bodies:?}"
        );
    }
}

#[tokio::test]
async fn only_the_roles_of_a_route_get_past_403() {
    let scene = Scene::start().await;
    for (method, path, allowed, _) in ROUTES {
        for (role, key) in scene.tenant.keys() {
            let answer = plain(&scene, method, path).key(key).send().await;
            if allowed.contains(&role) {
                assert_ne!(answer.status, 403, "{role} {method} {path}");
            } else {
                answer.expect_error(403, "FORBIDDEN");
            }
        }
    }
}

#[tokio::test]
async fn ids_that_name_nothing_here_are_404_and_malformed_ones_400() {
    let scene = Scene::start().await;
    let other_tenant = scene.stack.tenant().await;
    let theirs = scene
        .client
        .post(&other_tenant.agent, "/api/v1/approvals", request())
        .await
        .expect(201);
    let theirs = theirs["id"].as_str().expect("an id");
    for (method, path, _, takes_body) in ROUTES.into_iter().filter(|(_, path, ..)| path.contains("{id}")) {
        for id in [UNKNOWN_ID, theirs] {
            let mut asked = scene.client.request(method, &path.replace("{id}", id));
            if takes_body {
                asked = asked.json(&body(path));
            }
            asked
                .key(&scene.tenant.admin)
                .send()
                .await
                .expect_error(404, "NOT_FOUND");
        }
        for id in ["x", "01930000000070008000000000000000", "check%00"] {
            let path = path.replace("{id}", id);
            let answer = scene
                .client
                .request(method, &path)
                .key(&scene.tenant.admin)
                .send()
                .await;
            assert_eq!(
                answer.expect_error(400, "VALIDATION_ERROR")["field"],
                "id",
                "{method} {path}"
            );
        }
    }
    let untouched = scene
        .client
        .get(&other_tenant.admin, &format!("/api/v1/approvals/{theirs}"))
        .await
        .expect(200);
    assert_eq!(untouched["version"], 1);
}

#[tokio::test]
async fn other_methods_are_405_and_other_paths_404() {
    let scene = Scene::start().await;
    for (_, path, ..) in ROUTES {
        let others = ["PUT", "PATCH", "DELETE"].into_iter();
        for method in others.filter(|method| !ROUTES.iter().any(|route| (route.0, route.1) == (*method, path))) {
            plain(&scene, method, path)
                .key(&scene.tenant.admin)
                .send()
                .await
                .expect_error(405, "METHOD_NOT_ALLOWED");
        }
    }
    for path in [
        "/api/v1/approvals/",
        "/api/v1/approvals/{id}/approve/",
        "/api/v1/approval",
        "/",
    ] {
        plain(&scene, "GET", path)
            .key(&scene.tenant.admin)
            .send()
            .await
            .expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_or_not_json_are_refused() {
    let scene = Scene::start().await;
    for (method, path, roles, _) in ROUTES.into_iter().filter(|(.., takes_body)| *takes_body) {
        let mut keys = scene.tenant.keys().into_iter();
        let (_, key) = keys.find(|(role, _)| roles.contains(role)).expect("a role may");
        let asked = || plain(&scene, method, path).key(key);
        let large = format!("{{\"note\":\"{}\"}}", "x".repeat(1 << 20));
        asked()
            .body("application/json", large)
            .send()
            .await
            .expect_error(413, "PAYLOAD_TOO_LARGE");
        asked()
            .body("text/plain", "{}")
            .send()
            .await
            .expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
        asked()
            .body("", "{}")
            .send()
            .await
            .expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
        asked()
            .body("application/json", "{")
            .send()
            .await
            .expect_error(400, "VALIDATION_ERROR");
        asked()
            .body("application/json", r#"{"a":1,"a":1}"#)
            .send()
            .await
            .expect_error(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn without_postgres_everything_is_503() {
    let scene = Scene::start().await;
    let nowhere = [
        ("DATABASE_URL", "postgres://someone:hidden@127.0.0.1:1/x"),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "200"),
    ];
    let down = TestStack::with(&nowhere).await;
    let down = down.client(app(down.ctx.clone(), approval::routes()).0);
    for (method, path, ..) in ROUTES {
        let asked = down
            .request(method, &path.replace("{id}", UNKNOWN_ID))
            .key(&scene.tenant.admin);
        let answer = asked.json(&json!({})).send().await;
        answer.expect_error(503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(
            !answer.text().contains("hidden") && !answer.text().contains("127.0.0.1"),
            "{}",
            answer.text()
        );
    }
}
