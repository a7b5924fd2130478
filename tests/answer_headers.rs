//! The headers of real answers against the description, status by status: what it says is always there is there, and
//! nothing is there that it does not say. Its routes and statuses are asked for, so that new ones are held too.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

use std::{collections::BTreeMap, time::Duration};

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use shared::auth::{ApiKey, Environment};
use shared::testing::{Answer, TestClient, TestRequest, TestStack, TestTenant, context_without_servers, poll_until};
use sqlx::AssertSqlSafe;
use system_tests::{
    objects::Objects,
    product,
    routes::{Access, Route, routes},
    samples::{sample, variants},
};

/// What HTTP, browsers and caches need, on answers of every kind: no client of a route has to be told.
const OF_EVERY_ANSWER: [&str; 5] = [
    "cache-control",
    "content-length",
    "content-type",
    "vary",
    "x-content-type-options",
];
const NOTHING: &str = "019a9f00-0000-7000-8000-000000000001";

/// How many answers of each status were held.
#[derive(Default)]
struct Held(BTreeMap<u16, usize>);

impl Held {
    fn hold(&mut self, route: &Route, answer: &Answer) {
        let what = format!("{} answered {}", route.name(), answer.status);
        let described = route
            .answers
            .get(&answer.status)
            .unwrap_or_else(|| panic!("{what}, which is not described: {}", answer.text()));
        for (name, always) in described {
            assert!(
                !always || answer.header(name).is_some(),
                "{what} without {name}: {:?} {}",
                answer.headers,
                answer.text()
            );
        }
        for name in answer.headers.keys() {
            assert!(
                described.contains_key(name.as_str()) || OF_EVERY_ANSWER.contains(&name.as_str()),
                "{what} with {name}, which is not described"
            );
        }
        *self.0.entry(answer.status).or_default() += 1;
    }

    async fn send(&mut self, route: &Route, request: TestRequest) -> Answer {
        let answer = request.send().await;
        self.hold(route, &answer);
        answer
    }
}

/// A product, and who asks it.
struct Stage {
    stack: TestStack,
    client: TestClient,
    tenant: TestTenant,
}

impl Stage {
    async fn set() -> Self {
        let stack = TestStack::start().await;
        Self {
            client: stack.client(product(stack.ctx.clone())),
            tenant: stack.tenant().await,
            stack,
        }
    }

    fn request(&self, client: &TestClient, route: &Route, path: &str, body: Option<&Value>) -> Vec<TestRequest> {
        let request = || {
            let request = client.request(route.method, path);
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let of_people = self.tenant.keys().map(|(_, key)| request().key(key));
        match route.access {
            Access::Public => vec![request()],
            Access::Operator | Access::Tenant => of_people
                .into_iter()
                .chain([request().bearer(self.stack.operator())])
                .collect(),
        }
    }

    /// How many they are.
    fn askers(&self, route: &Route) -> usize {
        self.request(&self.client, route, &route.path, None).len()
    }

    /// As everybody who may have a credential, with the least body.
    fn as_everybody(&self, client: &TestClient, route: &Route, path: &str) -> Vec<TestRequest> {
        self.request(client, route, path, route.body.as_ref().map(sample).as_ref())
    }
}

/// What is wrong with the request, or its sender.
async fn hold_refusals(stage: &Stage, route: &Route, held: &mut Held) {
    let path = route.at(NOTHING);
    for request in stage.as_everybody(&stage.client, route, &path) {
        held.send(route, request).await;
    }
    for request in stage.as_everybody(&stage.client, route, &format!("{path}?unheard_of=1")) {
        held.send(route, request).await;
    }
    if route.access == Access::Public {
        return;
    }
    let bare = || stage.client.request(route.method, &path);
    held.send(route, bare().tenant(stage.tenant.id).bearer("nonsense"))
        .await;
    held.send(route, bare().bearer(&stage.tenant.admin.text)).await;
    held.send(
        route,
        bare()
            .header("x-tenant-id", "nonsense")
            .bearer(&stage.tenant.admin.text),
    )
    .await;
    if route.body.is_some() {
        let (long, text) = (format!("[{}]", " ".repeat(1 << 20)), "not JSON at all");
        for (content_type, body) in [("application/json", long), ("text/plain", text.to_owned())] {
            for (_, key) in stage.tenant.keys() {
                held.send(route, bare().key(key).body(content_type, body.clone())).await;
            }
            held.send(route, bare().bearer(stage.stack.operator()).body(content_type, body))
                .await;
        }
    }
}

/// What the route does with an object of its kind: successes, replays and mismatches of each, and conflicts when it is asked
/// again.
async fn hold_successes(stage: &Stage, route: &Route, held: &mut Held) {
    // What one route stopped is not to stop the next.
    sqlx::query("UPDATE stops SET lifted_at = now(), lifted_by = 'test' WHERE lifted_at IS NULL")
        .execute(&stage.stack.owner_pool())
        .await
        .expect("lifted");
    let objects = Objects::make(&stage.stack, &stage.client, &stage.tenant).await;
    let path = objects.in_path(route);
    let bodies = match &route.body {
        // Where somebody or something of one's own is asked for, that; and a new name where it must be one.
        Some(schema) => variants(schema)
            .into_iter()
            .map(|mut body| {
                let unique = stage.stack.ctx.ids.next();
                for (field, own) in [
                    ("user_id", objects.user.to_string()),
                    ("delegate_to", objects.user.to_string()),
                    ("token", objects.token.clone()),
                    ("email", format!("{unique}@example.com")),
                    ("caller_id", format!("agent-{unique}")),
                    ("request_id", unique.to_string()),
                ] {
                    if body.get(field).is_some() {
                        body[field] = json!(own);
                    }
                }
                if let Some(decision) = body.pointer_mut("/decisions/0") {
                    decision["id"] = json!(objects.approval);
                }
                objects.prove(&mut body);
                Some(body)
            })
            .collect(),
        None => vec![None],
    };
    let (mut succeeded, mut replayed) = (0, 0);
    'bodies: for (at, body) in bodies.iter().enumerate() {
        for asker in 0..stage.askers(route) {
            let key = stage.stack.ctx.ids.next().to_string();
            let ask = |body: Option<&Value>| {
                let request = stage.request(&stage.client, route, &path, body).swap_remove(asker);
                if route.takes_idempotency_key() {
                    request.header("idempotency-key", &key)
                } else {
                    request
                }
            };
            let status = held.send(route, ask(body.as_ref())).await.status;
            if !(200..300).contains(&status) {
                continue;
            }
            succeeded += 1;
            // Whoever ends the tenant can ask nothing more of it.
            if route.id == "suspend_tenant" {
                break 'bodies;
            }
            if route.takes_idempotency_key() {
                let again = held.send(route, ask(body.as_ref())).await;
                replayed += usize::from(again.header("idempotency-replayed").is_some());
                let other = bodies[(at + 1) % bodies.len()].as_ref();
                held.send(route, ask(other)).await;
            }
        }
    }
    assert!(
        succeeded > 0 || route.path == "/health/ready",
        "{} never succeeded",
        route.name()
    );
    assert_eq!(replayed > 0, route.takes_idempotency_key(), "{}", route.name());
}

#[tokio::test]
async fn answers_have_the_headers_that_the_description_says() {
    let stage = Stage::set().await;
    let mut held = Held::default();
    for route in &routes() {
        hold_refusals(&stage, route, &mut held).await;
        if route.id != "suspend_tenant" {
            hold_successes(&stage, route, &mut held).await;
        }
    }
    hold_in_flight(&stage, &mut held).await;
    hold_too_many(&stage, &mut held).await;
    hold_outage(&stage, &mut held).await;
    for route in routes().iter().filter(|route| route.id == "suspend_tenant") {
        hold_successes(&stage, route, &mut held).await;
    }
    // Last, since nothing works afterwards.
    hold_breakage(&stage, &mut held).await;
    println!("answers held, by status: {:?}", held.0);
    let described: Vec<u16> = routes()
        .iter()
        .flat_map(|route| route.answers.keys().copied())
        .collect();
    for status in described {
        assert!(
            held.0.contains_key(&status),
            "{status} is described and was never answered"
        );
    }
}

/// The second of two requests with the same key, while the first is held up.
async fn hold_in_flight(stage: &Stage, held: &mut Held) {
    let all = routes();
    let route = all.iter().find(|route| route.id == "create_approval").expect("there");
    let ask = || {
        let body = json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "x" });
        let request = stage.client.request(route.method, &route.path).key(&stage.tenant.agent);
        request.header("idempotency-key", "in-flight").json(&body)
    };
    let owner = stage.stack.owner_pool();
    let mut holder = owner.begin().await.expect("begun");
    sqlx::raw_sql("LOCK TABLE approval_requests IN SHARE MODE")
        .execute(&mut *holder)
        .await
        .expect("locked");
    let first = tokio::spawn(ask().send());
    poll_until(
        Duration::from_secs(30),
        "the first request waits for the lock",
        async || {
            let waiting: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_stat_activity
                 WHERE datname = current_database() AND usename = 'countersign_app' AND wait_event_type = 'Lock')",
            )
            .fetch_one(&owner)
            .await
            .expect("the activity is read");
            if waiting { Ok(()) } else { Err("it does not") }
        },
    )
    .await;
    let second = held.send(route, ask()).await;
    second.expect_error(409, "IDEMPOTENCY_IN_FLIGHT");
    assert_eq!(second.header("retry-after"), Some("1"));
    holder.rollback().await.expect("let go");
    held.hold(route, &first.await.expect("no panic"));
}

/// More than the rate allows, and more wrong secrets than that.
async fn hold_too_many(stage: &Stage, held: &mut Held) {
    let limited = TestStack::sharing(
        &stage.stack,
        &[("RATE_LIMIT_PER_SECOND", "1"), ("RATE_LIMIT_BURST", "1")],
    );
    let client = limited.client(product(limited.ctx.clone()));
    for route in &routes() {
        for _ in 0..2 {
            for request in stage.as_everybody(&client, route, &route.at(NOTHING)) {
                held.send(route, request).await;
            }
        }
    }
    let key = &stage.tenant.auditor;
    let all = routes();
    let route = all.iter().find(|route| route.id == "get_index").expect("there");
    let mut wrong = key.clone();
    let mut refused = BTreeMap::<u16, usize>::new();
    for _ in 0..100 {
        let minted = ApiKey::mint(Environment::Dev, key.id, &stage.stack.ctx.random);
        minted.text.expose_secret().clone_into(&mut wrong.text);
        let request = stage
            .client
            .request(route.method, &route.path)
            .key(&wrong)
            .from_address("192.0.2.1");
        *refused.entry(held.send(route, request).await.status).or_default() += 1;
    }
    assert!(refused.contains_key(&401) && refused.contains_key(&429), "{refused:?}");
}

/// Without Postgres and Redis.
async fn hold_outage(stage: &Stage, held: &mut Held) {
    let client = TestClient::new(product(context_without_servers()));
    for route in &routes() {
        for request in stage.as_everybody(&client, route, &route.at(NOTHING)) {
            held.send(route, request).await;
        }
    }
}

/// With tables that are not as the functions know them.
async fn hold_breakage(stage: &Stage, held: &mut Held) {
    let tenant = stage.stack.tenant().await;
    let stage = Stage {
        stack: TestStack::on_same_servers(&stage.stack),
        client: stage.client.clone(),
        tenant,
    };
    // The tables that the credential is not looked up in come first, so that the failure is after it, and then before.
    for table in ["approval_requests", "audit_events", "user_settings", "tenants"] {
        let rename = format!("ALTER TABLE {table} RENAME TO renamed_{table}");
        sqlx::raw_sql(AssertSqlSafe(rename))
            .execute(&stage.stack.owner_pool())
            .await
            .expect("renamed");
        for route in &routes() {
            for request in stage.as_everybody(&stage.client, route, &route.at(NOTHING)) {
                held.send(route, request).await;
            }
        }
    }
}
