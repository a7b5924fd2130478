//! Who may call the routes of this function, and what every one of them refuses.

use serde_json::{Value, json};
use shared::testing::{TestClient, TestKey, TestRequest, TestStack};
use uuid::Uuid;

use crate::client;

/// Every route: method, path, roles that may not call it.
const ROUTES: [(&str, &str, &[&str]); 3] = [
    ("POST", "/api/v1/audit/events", &["approver", "auditor"]),
    ("GET", "/api/v1/audit/events", &["approver"]),
    ("GET", "/api/v1/audit/events/unknown", &["approver"]),
];

fn ask(client: &TestClient, (method, path, _): (&str, &str, &[&str])) -> TestRequest {
    let request = client.request(method, path);
    if method == "POST" {
        request.json(&event())
    } else {
        request
    }
}

fn event() -> Value {
    json!({"request_id": "r-1", "caller_id": "deployer", "tool": "payments.refund"})
}

async fn set(stack: &TestStack, sql: &'static str, id: Uuid) {
    let changed = sqlx::query(sql).bind(id).execute(&stack.owner_pool()).await.unwrap();
    assert_eq!(changed.rows_affected(), 1, "{sql}");
}

#[tokio::test]
async fn the_tenant_comes_before_the_credential() {
    let stack = TestStack::start().await;
    let client = client(&stack);
    for route in ROUTES {
        ask(&client, route).send().await.expect_error(400, "MISSING_TENANT_ID");
        ask(&client, route)
            .header("x-tenant-id", "acme")
            .send()
            .await
            .expect_error(400, "INVALID_TENANT_ID");
    }
}

#[tokio::test]
async fn every_bad_credential_gets_the_same_answer() {
    let stack = TestStack::start().await;
    let client = client(&stack);
    let tenant = stack.tenant().await;
    let other = stack.tenant().await;
    let revoked = TestKey::of_agent(&stack, tenant.id, "revoked", None).await;
    set(
        &stack,
        "UPDATE api_keys SET is_active = false, revoked_at = now() WHERE id = $1",
        revoked.id,
    )
    .await;
    let expired = TestKey::of_agent(&stack, tenant.id, "expired", None).await;
    set(
        &stack,
        "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1",
        expired.id,
    )
    .await;
    let gone = TestKey::of_user(&stack, tenant.id, "admin", &[]).await;
    set(
        &stack,
        "UPDATE users SET status = 'DEACTIVATED' WHERE id = $1",
        gone.user_id.unwrap(),
    )
    .await;
    let suspended = stack.tenant().await;
    set(
        &stack,
        "UPDATE tenants SET status = 'SUSPENDED' WHERE id = $1",
        suspended.id,
    )
    .await;
    let damaged = format!("{}x", tenant.admin.text);

    for route in ROUTES {
        let mut messages = Vec::new();
        for answer in [
            ask(&client, route).tenant(tenant.id).send().await,
            ask(&client, route).tenant(tenant.id).bearer("nonsense").send().await,
            ask(&client, route).tenant(tenant.id).bearer(&damaged).send().await,
            ask(&client, route)
                .tenant(tenant.id)
                .header("authorization", "Basic eDp5")
                .send()
                .await,
            ask(&client, route)
                .tenant(tenant.id)
                .bearer(&other.admin.text)
                .send()
                .await,
            ask(&client, route)
                .tenant(stack.ctx.ids.next())
                .bearer(&tenant.admin.text)
                .send()
                .await,
            ask(&client, route).key(&revoked).send().await,
            ask(&client, route).key(&expired).send().await,
            ask(&client, route).key(&gone).send().await,
            ask(&client, route).key(&suspended.admin).send().await,
        ] {
            assert_eq!(answer.expect_error(401, "UNAUTHORIZED"), Value::Null);
            messages.push(answer.json()["error"]["message"].clone());
        }
        messages.dedup();
        assert_eq!(messages.len(), 1, "{messages:?}");
    }
}

#[tokio::test]
async fn roles_that_may_not_are_told_so_before_the_body_is_read() {
    let stack = TestStack::start().await;
    let client = client(&stack);
    let tenant = stack.tenant().await;
    for (method, path, refused) in ROUTES {
        for (role, key) in tenant.keys() {
            let answer = client
                .request(method, path)
                .key(key)
                .body("text/plain", "not read")
                .send()
                .await;
            if refused.contains(&role) {
                answer.expect_error(403, "FORBIDDEN");
            } else {
                assert_ne!(answer.status, 403, "{role} may {method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn other_methods_and_paths_answer_in_the_envelope() {
    let stack = TestStack::start().await;
    let client = client(&stack);
    for method in ["PUT", "PATCH", "DELETE"] {
        client
            .request(method, "/api/v1/audit/events")
            .send()
            .await
            .expect_error(405, "METHOD_NOT_ALLOWED");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        client
            .request(method, "/api/v1/audit/events/x")
            .send()
            .await
            .expect_error(405, "METHOD_NOT_ALLOWED");
    }
    client
        .request("GET", "/api/v1/audit")
        .send()
        .await
        .expect_error(404, "NOT_FOUND");
    client
        .request("GET", "/api/v1/audit/events/a/b")
        .send()
        .await
        .expect_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn without_postgres_every_route_says_when_to_come_back() {
    let stack = TestStack::with(&[("DATABASE_URL", "postgres://someone:hidden@127.0.0.1:1/x")]).await;
    let client = client(&stack);
    let tenant = stack.tenant().await;
    for route in ROUTES {
        let answer = ask(&client, route).key(&tenant.admin).send().await;
        answer.expect_error(503, "UNAVAILABLE");
        assert!(answer.header("retry-after").is_some());
        assert!(
            !answer.text().contains("someone") && !answer.text().contains("127.0.0.1"),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn without_redis_everything_works() {
    let stack = TestStack::with(&[("REDIS_URL", "redis://127.0.0.1:1"), ("REDIS_TIMEOUT_MS", "100")]).await;
    let client = client(&stack);
    let tenant = stack.tenant().await;
    let recorded = client
        .post(&tenant.agent, "/api/v1/audit/events", event())
        .await
        .expect(202);
    let read = client.get(&tenant.agent, "/api/v1/audit/events/r-1").await.expect(200);
    assert_eq!(recorded["events"][0]["event_id"], read["event_id"]);
}
