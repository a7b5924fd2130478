//! Every route while Redis or Postgres is out of order: without Redis the same answers, without Postgres 503 in the
//! envelope, and afterwards everything as before. The list of routes is the description's.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use shared::testing::{Answer, FaultProxy, ProxiedStack, ProxyMode, TestClient, TestTenant};
use system_tests::{
    product,
    routes::{Access, Route, routes},
};
use tokio::time::timeout;
use uuid::Uuid;

/// Bounds that a test can wait for.
const SHORT: [(&str, &str); 3] = [
    ("DATABASE_ACQUIRE_TIMEOUT_MS", "300"),
    ("DATABASE_STATEMENT_TIMEOUT_MS", "5000"),
    ("REDIS_TIMEOUT_MS", "500"),
];

/// What takes longer than this is not bounded.
const PATIENCE: Duration = Duration::from_secs(40);

/// A product with something in it for every route to act on.
struct Scene {
    proxied: ProxiedStack,
    client: TestClient,
    tenant: TestTenant,
    /// Approvals nobody has decided: one to read, one for each verb.
    approvals: [Uuid; 4],
    /// Approved ones: to redeem, to revoke.
    approved: [Uuid; 2],
    token: Value,
    audit_event: Uuid,
    task: Uuid,
    /// A tenant without people.
    empty_tenant: Uuid,
}

fn id(body: &Value) -> Uuid {
    body["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

impl Scene {
    async fn set() -> Self {
        let proxied = ProxiedStack::with(&SHORT).await;
        let tenant = proxied.stack.tenant().await;
        let client = proxied.stack.client(product(proxied.stack.ctx.clone()));
        let mut approvals = Vec::new();
        let mut token = Value::Null;
        for _ in 0..6 {
            let made = client
                .post(&tenant.agent, "/api/v1/approvals", approval())
                .await
                .expect(201);
            approvals.push(id(&made));
            token = made["token"].clone();
        }
        let approved = [approvals[4], approvals[5]];
        for id in approved {
            let approve = format!("/api/v1/approvals/{id}/approve");
            let _ = client.post(&tenant.approver, &approve, json!({})).await.expect(200);
        }
        let event = client
            .post(&tenant.agent, "/api/v1/audit/events", audit_event("scene"))
            .await
            .expect(202);
        let task = client
            .post(&tenant.agent, "/api/v1/tasks/ping", json!({}))
            .await
            .expect(202);
        let empty = client
            .request("POST", "/api/v1/tenants")
            .bearer(proxied.stack.operator())
            .json(&json!({ "name": "Empty" }))
            .send()
            .await
            .expect(201);
        Self {
            approvals: [approvals[0], approvals[1], approvals[2], approvals[3]],
            approved,
            token,
            audit_event: event["events"][0]["event_id"]
                .as_str()
                .and_then(|id| id.parse().ok())
                .expect("an id"),
            task: id(&task),
            empty_tenant: id(&empty),
            proxied,
            client,
            tenant,
        }
    }

    /// A request on the route that succeeds while everything is in order.
    async fn ask(&self, route: &Route) -> Answer {
        let [readable, approvable, deniable, cancellable] = self.approvals;
        let [redeemable, revocable] = self.approved;
        let tenant = &self.tenant;
        let spare = tenant.auditor.user_id.expect("a person");
        let plain = (None, &tenant.admin, json!({}));
        let (id, key, body) = match (route.method, route.path.as_str()) {
            ("POST", "/api/v1/api-keys") => (None, &tenant.admin, json!({ "role": "agent", "caller_id": "another" })),
            ("DELETE", "/api/v1/api-keys/{id}") => (Some(tenant.second_approver.id), &tenant.admin, json!({})),
            ("POST", "/api/v1/api-keys/{id}/rotate") => (
                Some(tenant.approver.id),
                &tenant.admin,
                json!({ "overlap_seconds": 600 }),
            ),
            ("POST", "/api/v1/approvals") => (None, &tenant.agent, approval()),
            ("POST", "/api/v1/approvals/check") => (None, &tenant.agent, json!({ "token": self.token })),
            ("GET", "/api/v1/approvals/{id}") => (Some(readable), &tenant.agent, json!({})),
            ("POST", "/api/v1/approvals/{id}/approve") => (Some(approvable), &tenant.approver, json!({})),
            ("POST", "/api/v1/approvals/{id}/deny") => (Some(deniable), &tenant.approver, json!({})),
            ("POST", "/api/v1/approvals/{id}/cancel") => (Some(cancellable), &tenant.agent, json!({})),
            ("POST", "/api/v1/approvals/{id}/redeem") => (
                Some(redeemable),
                &tenant.agent,
                json!({ "tool_call": approval()["tool_call"] }),
            ),
            ("POST", "/api/v1/approvals/{id}/revoke") => (Some(revocable), &tenant.approver, json!({ "reason": "x" })),
            ("POST", "/api/v1/tool-calls") => (None, &tenant.agent, json!({ "tool_call": { "tool": "deploy" } })),
            ("PUT", "/api/v1/policies") => (
                None,
                &tenant.admin,
                json!({ "cedar": "permit (principal, action, resource);" }),
            ),
            ("POST", "/api/v1/policies/simulate") => (None, &tenant.admin, json!({})),
            ("POST", "/api/v1/audit/events") => (None, &tenant.agent, audit_event("asked")),
            ("GET", "/api/v1/audit/events/{id}") => (Some(self.audit_event), &tenant.agent, json!({})),
            ("POST", "/api/v1/tasks/ping") => (None, &tenant.agent, json!({})),
            ("GET", "/api/v1/tasks/{id}") => (Some(self.task), &tenant.agent, json!({})),
            ("POST", "/api/v1/tenants") => (None, &tenant.admin, json!({ "name": "Another" })),
            ("PATCH", "/api/v1/tenants/{id}") => (Some(tenant.id), &tenant.admin, json!({ "name": "Renamed" })),
            ("GET", "/api/v1/tenants/{id}") => (Some(tenant.id), &tenant.admin, json!({})),
            ("DELETE", "/api/v1/tenants/{id}") => (Some(self.empty_tenant), &tenant.admin, json!({})),
            ("POST", "/api/v1/tenants/{id}/bootstrap") => (
                Some(self.empty_tenant),
                &tenant.admin,
                json!({ "email": "first@example.com", "name": "First" }),
            ),
            ("POST", "/api/v1/users") => (
                None,
                &tenant.admin,
                json!({ "email": "new@example.com", "name": "New", "role": "approver" }),
            ),
            ("PATCH", "/api/v1/users/{id}") => (Some(spare), &tenant.admin, json!({ "name": "Renamed" })),
            ("GET" | "DELETE", "/api/v1/users/{id}") => (Some(spare), &tenant.admin, json!({})),
            ("PATCH", "/api/v1/users/me/settings") => (None, &tenant.approver, json!({ "locale": "de-CH" })),
            ("GET", path) if !path.contains("{id}") => plain,
            (method, path) => panic!("{method} {path}: say what succeeds on this route"),
        };
        let path = id.map_or_else(|| route.path.clone(), |id| route.path.replace("{id}", &id.to_string()));
        let request = match route.access {
            Access::Public => self.client.request(route.method, &path),
            Access::Operator => self
                .client
                .request(route.method, &path)
                .bearer(self.proxied.stack.operator()),
            Access::Tenant => self.client.request(route.method, &path).key(key),
        };
        let request = if ["GET", "DELETE"].contains(&route.method) {
            request
        } else {
            request.json(&body)
        };
        timeout(PATIENCE, request.send())
            .await
            .unwrap_or_else(|_| panic!("{} {path} has no end", route.method))
    }
}

fn approval() -> Value {
    json!({ "tool_call": { "tool": "deploy", "arguments": { "to": "production" } }, "reason": "outage" })
}

fn audit_event(request_id: &str) -> Value {
    json!({ "request_id": request_id, "caller_id": "dev-agent", "tool": "deploy", "arguments": {} })
}

/// Reads before writes, and what ends an object last, so that each succeeds in this order.
fn in_order() -> Vec<Route> {
    let mut routes = routes();
    routes.sort_by_key(|route| match route.method {
        "GET" => 0,
        "DELETE" => 2,
        _ => 1,
    });
    routes
}

/// The names and kinds of everything in an answer, without what differs from run to run.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!(0),
        other => other.clone(),
    }
}

/// Each route's status and the shape of its answer, in order; the health of Redis itself is another matter.
async fn answers(scene: &Scene) -> Vec<(Route, u16, Value)> {
    let mut answers = Vec::new();
    for route in in_order() {
        let answer = scene.ask(&route).await;
        assert!(
            answer.status < 300,
            "{} {}: {}",
            route.method,
            route.path,
            answer.text()
        );
        let is_json = answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"));
        let shape = if is_json && route.path != "/health/ready" {
            shape(&answer.json())
        } else {
            Value::Null
        };
        answers.push((route, answer.status, shape));
    }
    answers
}

/// Puts the server behind a proxy out of order.
type Break<'a> = &'a dyn Fn(&FaultProxy);

#[tokio::test]
async fn without_redis_every_route_answers_the_same() {
    let with_redis = answers(&Scene::set().await).await;
    let modes: [(&str, Break); 4] = [
        ("stopped", &FaultProxy::stop),
        ("silent", &|proxy| proxy.set(ProxyMode::BlackHole)),
        ("lost", &FaultProxy::lose),
        ("broken", &|proxy| {
            proxy.set(ProxyMode::Answer(Arc::new(|_| Some(b"-LOADING as told\r\n".to_vec()))));
        }),
    ];
    for (name, break_redis) in modes {
        let scene = Scene::set().await;
        break_redis(&scene.proxied.redis);
        let without = answers(&scene).await;
        for (with, without) in with_redis.iter().zip(&without) {
            assert_eq!(with, without, "with Redis, and with it {name}");
        }
        println!("{} routes with Redis {name}: the same answers", without.len());
    }
}

async fn every_route_is_503(scene: &Scene, how: &str) {
    let before = scene.proxied.stack.snapshot().await;
    let mut asked = 0;
    for route in in_order().iter().filter(|route| route.access != Access::Public) {
        let answer = scene.ask(route).await;
        answer.expect_error(503, "UNAVAILABLE");
        let retry_after = answer
            .header("retry-after")
            .and_then(|seconds| seconds.parse::<u32>().ok());
        assert!(
            retry_after.is_some_and(|seconds| seconds > 0),
            "{} {}",
            route.method,
            route.path
        );
        asked += 1;
    }
    assert_eq!(
        scene.proxied.stack.snapshot().await,
        before,
        "{how}: what was not acknowledged was not done"
    );
    println!("{asked} routes with Postgres {how}: 503");
}

/// Public routes that need no dependency answer whatever happens.
async fn health_is_untouched(scene: &Scene) {
    for route in in_order().iter().filter(|route| route.access == Access::Public) {
        let expected = if route.path == "/health/ready" { 503 } else { 200 };
        assert_eq!(scene.ask(route).await.status, expected, "{}", route.path);
    }
}

#[tokio::test]
async fn without_postgres_every_route_is_503_in_the_envelope_and_recovers() {
    let scene = Scene::set().await;
    let proxy = &scene.proxied.postgres;
    proxy.stop();
    every_route_is_503(&scene, "stopped").await;
    health_is_untouched(&scene).await;

    proxy.set(ProxyMode::BlackHole);
    every_route_is_503(&scene, "silent").await;
    health_is_untouched(&scene).await;

    proxy.stop();
    let owner = scene.proxied.stack.owner_pool();
    let limit = async |limit: i32| {
        let name = scene.proxied.stack.database.name();
        let sql = sqlx::AssertSqlSafe(format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}"));
        sqlx::raw_sql(sql).execute(&owner).await.expect("the superuser may");
    };
    limit(0).await;
    proxy.set(ProxyMode::Pass);
    every_route_is_503(&scene, "out of connections").await;
    health_is_untouched(&scene).await;
    limit(-1).await;

    assert_eq!(
        answers(&scene).await.len(),
        in_order().len(),
        "by itself it serves again"
    );
}

/// What Postgres sends before it closes a connection on an administrator's word.
fn terminated() -> Vec<u8> {
    let fields = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
    let length = u32::try_from(fields.len() + 4).expect("short");
    [b"E", &length.to_be_bytes()[..], fields].concat()
}

#[tokio::test]
async fn postgres_dying_in_the_middle_of_a_request_is_503_and_nothing_is_half_done() {
    for command in ["BEGIN", "COMMIT"] {
        let scene = Scene::set().await;
        let before = scene.proxied.stack.snapshot().await;
        scene.proxied.postgres.set(ProxyMode::Answer(Arc::new(move |sent| {
            // A simple query (`Q`), its length, and the text.
            let is_it =
                sent.first() == Some(&b'Q') && sent.get(5..).is_some_and(|text| text.starts_with(command.as_bytes()));
            is_it.then(terminated)
        })));
        let mut refused = 0;
        for route in in_order().iter().filter(|route| route.access != Access::Public) {
            let answer = scene.ask(route).await;
            if answer.status < 300 {
                let reads = route.method == "GET" || route.path.ends_with("/check");
                assert!(
                    reads,
                    "{} {} was acknowledged without {command}",
                    route.method, route.path
                );
            } else {
                answer.expect_error(503, "UNAVAILABLE");
                refused += 1;
            }
        }
        assert_eq!(scene.proxied.stack.snapshot().await, before, "{command}");
        println!("{refused} routes without an answer to {command}: 503, and nothing was done");
        assert!(refused >= 17, "{refused} routes");
        scene.proxied.postgres.set(ProxyMode::Pass);
        answers(&scene).await;
    }
}
