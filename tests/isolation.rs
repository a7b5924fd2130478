//! Another tenant's key, ids and lists, over every route that there is: the list of routes is the description's, so that a
//! new route cannot be forgotten.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

use serde_json::{Value, json};
use shared::testing::{TestClient, TestKey, TestStack, TestTenant};
use system_tests::{description, product};
use uuid::Uuid;

struct Route {
    method: String,
    path: String,
    public: bool,
    operators: bool,
}

fn routes() -> Vec<Route> {
    let description = serde_json::to_value(description()).expect("JSON");
    let mut routes = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let credentials = operation["security"][0].as_object().cloned().unwrap_or_default();
            routes.push(Route {
                method: method.to_uppercase(),
                path: path.clone(),
                public: credentials.is_empty(),
                operators: credentials.contains_key("api_key") && !credentials.contains_key("tenant_id"),
            });
        }
    }
    assert!(routes.len() >= 30, "{} routes", routes.len());
    routes
}

/// Objects of every kind in a tenant, made through the product.
struct Objects {
    approval: Uuid,
    audit_event: Uuid,
    audit_request_id: String,
    user: Uuid,
    api_key: Uuid,
    task: Uuid,
}

async fn fill(client: &TestClient, tenant: &TestTenant) -> Objects {
    let id = |body: &Value| body["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let approval = client
        .post(
            &tenant.agent,
            "/api/v1/approvals",
            json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "isolation" }),
        )
        .await
        .expect(201);
    let audit_request_id = format!("isolation-{}", tenant.id);
    let event = client
        .post(
            &tenant.agent,
            "/api/v1/audit/events",
            json!({ "request_id": audit_request_id, "caller_id": "dev-agent", "tool": "deploy", "arguments": {} }),
        )
        .await
        .expect(202);
    let task = client
        .post(&tenant.agent, "/api/v1/tasks/ping", json!({}))
        .await
        .expect(202);
    Objects {
        approval: id(&approval),
        audit_event: event["events"][0]["event_id"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .expect("an id"),
        audit_request_id,
        user: tenant.approver.user_id.expect("a person"),
        api_key: tenant.auditor.id,
        task: id(&task),
    }
}

/// The path with the object of its kind in it.
fn with_object(path: &str, objects: &Objects, tenant: Uuid) -> Option<String> {
    let id = [
        ("/api/v1/approvals/{id}", objects.approval),
        ("/api/v1/audit/events/{id}", objects.audit_event),
        ("/api/v1/users/{id}", objects.user),
        ("/api/v1/api-keys/{id}", objects.api_key),
        ("/api/v1/tasks/{id}", objects.task),
        ("/api/v1/tenants/{id}", tenant),
    ]
    .into_iter()
    .find(|(prefix, _)| path.starts_with(prefix))?;
    Some(path.replace("{id}", &id.1.to_string()))
}

fn ask(client: &TestClient, route: &Route, path: &str) -> shared::testing::TestRequest {
    let request = client.request(&route.method, path);
    if ["POST", "PATCH", "PUT"].contains(&route.method.as_str()) {
        request.json(&json!({}))
    } else {
        request
    }
}

#[tokio::test]
async fn anothers_key_is_unknown_on_every_route() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let client = stack.client(product(stack.ctx.clone()));
    let objects = fill(&client, &ours).await;
    let mut asked = 0;
    for route in routes().iter().filter(|route| !route.public && !route.operators) {
        let path = with_object(&route.path, &objects, ours.id).unwrap_or_else(|| route.path.clone());
        for (_, key) in theirs.keys() {
            let request = ask(&client, route, &path).tenant(ours.id).bearer(&key.text);
            request.send().await.expect_error(401, "UNAUTHORIZED");
            asked += 1;
        }
        ask(&client, route, &path)
            .tenant(ours.id)
            .send()
            .await
            .expect_error(401, "UNAUTHORIZED");
        ask(&client, route, &path)
            .bearer(&ours.admin.text)
            .send()
            .await
            .expect_error(400, "MISSING_TENANT_ID");
    }
    println!("{asked} requests with another tenant's key, all 401");
}

#[tokio::test]
async fn a_query_parameter_that_a_route_does_not_know_is_refused_on_every_route() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = stack.client(product(stack.ctx.clone()));
    let objects = fill(&client, &tenant).await;
    let before = snapshot(&stack, tenant.id).await;
    for route in routes() {
        let path = with_object(&route.path, &objects, tenant.id).unwrap_or_else(|| route.path.clone());
        let asked = ask(&client, &route, &format!("{path}?unheard_of=1"));
        let answer = if route.operators {
            asked.bearer(stack.operator()).send().await
        } else {
            asked.key(&tenant.admin).send().await
        };
        let details = answer.expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], "unheard_of", "{} {path}", route.method);
    }
    assert_eq!(snapshot(&stack, tenant.id).await, before, "and nothing was changed");
}

#[tokio::test]
async fn anothers_objects_do_not_exist_on_any_route() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let client = stack.client(product(stack.ctx.clone()));
    let objects = fill(&client, &theirs).await;
    let before = snapshot(&stack, theirs.id).await;
    let mut asked = 0;
    for route in routes()
        .iter()
        .filter(|route| !route.public && route.path.contains("{id}"))
    {
        let path = with_object(&route.path, &objects, theirs.id)
            .unwrap_or_else(|| panic!("{}: say which object stands in this path", route.path));
        let missing = route.path.replace(
            "{id}",
            &Uuid::from_u128(0x019a_9f00_0000_7000_8000_0000_0000_0001).to_string(),
        );
        for (role, key) in ours.keys() {
            let theirs = ask(&client, route, &path).key(key).send().await;
            let nobodys = ask(&client, route, &missing).key(key).send().await;
            assert_eq!(theirs.status, nobodys.status, "{} {path} as {role}", route.method);
            assert!(
                [403, 404].contains(&theirs.status),
                "{} {path} as {role}: {}",
                route.method,
                theirs.text()
            );
            assert_eq!(
                theirs.json()["error"],
                nobodys.json()["error"],
                "{} {path} as {role}",
                route.method
            );
            asked += 1;
        }
    }
    let by_request_id = format!("/api/v1/audit/events/{}", objects.audit_request_id);
    client
        .get(&ours.admin, &by_request_id)
        .await
        .expect_error(404, "NOT_FOUND");
    assert_eq!(
        snapshot(&stack, theirs.id).await,
        before,
        "nothing of theirs was changed"
    );
    println!("{asked} requests on another tenant's objects, none answered");
}

#[tokio::test]
async fn lists_show_ones_own_and_nothing_else() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let client = stack.client(product(stack.ctx.clone()));
    fill(&client, &theirs).await;
    let mut listed = 0;
    for route in routes()
        .iter()
        .filter(|route| !route.public && !route.operators && route.method == "GET")
    {
        if route.path.contains("{id}") {
            continue;
        }
        let answer = client.get(&ours.admin, &route.path).await;
        let text = answer.text();
        for key in [
            &theirs.admin,
            &theirs.approver,
            &theirs.second_approver,
            &theirs.auditor,
            &theirs.agent,
        ] {
            assert!(
                !text.contains(&key.id.to_string()),
                "{} shows another tenant's key",
                route.path
            );
            let user = key.user_id.unwrap_or(theirs.id).to_string();
            assert!(!text.contains(&user), "{} shows another tenant's user", route.path);
        }
        assert!(
            !text.contains(&theirs.id.to_string()),
            "{} names another tenant",
            route.path
        );
        listed += 1;
    }
    println!("{listed} lists");
    assert!(listed >= 5, "{listed} lists");
}

#[tokio::test]
async fn a_foreign_id_in_a_body_is_as_unknown_as_one_in_a_path() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let client = stack.client(product(stack.ctx.clone()));
    let key = |user: &TestKey| json!({ "role": "approver", "user_id": user.user_id });
    client
        .post(&ours.admin, "/api/v1/api-keys", key(&theirs.approver))
        .await
        .expect_error(404, "NOT_FOUND");
    client
        .post(&ours.admin, "/api/v1/api-keys", key(&ours.approver))
        .await
        .expect(201);
    let owned = |user: &TestKey| json!({ "role": "agent", "caller_id": "owned", "owner_user_id": user.user_id });
    client
        .post(&ours.admin, "/api/v1/api-keys", owned(&theirs.approver))
        .await
        .expect_error(404, "NOT_FOUND");

    let made = client
        .post(
            &theirs.agent,
            "/api/v1/approvals",
            json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "x" }),
        )
        .await
        .expect(201);
    let check = json!({ "token": made["token"] });
    client
        .post(&ours.agent, "/api/v1/approvals/check", check.clone())
        .await
        .expect_error(404, "NOT_FOUND");
    assert_eq!(
        client
            .post(&theirs.agent, "/api/v1/approvals/check", check)
            .await
            .expect(200)["id"],
        made["id"]
    );
}

/// Everything of a tenant that a stranger might have changed.
async fn snapshot(stack: &TestStack, tenant: Uuid) -> String {
    sqlx::query_scalar(
        "SELECT jsonb_build_object(
             'tenant', (SELECT to_jsonb(t) FROM tenants t WHERE id = $1),
             'users', (SELECT jsonb_agg(u ORDER BY id) FROM users u WHERE tenant_id = $1),
             'keys', (SELECT jsonb_agg(to_jsonb(k) - 'last_used_at' ORDER BY id) FROM api_keys k WHERE tenant_id = $1),
             'approvals', (SELECT jsonb_agg(a ORDER BY id) FROM approval_requests a WHERE tenant_id = $1),
             'votes', (SELECT count(*) FROM approval_votes WHERE tenant_id = $1),
             'events', (SELECT count(*) FROM audit_events WHERE tenant_id = $1),
             'outbox', (SELECT count(*) FROM outbox WHERE tenant_id = $1))::text",
    )
    .bind(tenant)
    .fetch_one(&stack.owner_pool())
    .await
    .expect("counted")
}
