//! The same change asked for many times at the same moment, in two processes: one record, whoever is answered what.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::testing::{TestKey, TestStack, TestTenant};
use system_tests::product;
use uuid::Uuid;

const AT_ONCE: usize = 12;

/// A change that can happen once, and the one audit event of it.
struct Change {
    request: (&'static str, String),
    /// Null: none.
    body: Value,
    action: &'static str,
    /// The operator when absent.
    key: Option<TestKey>,
    /// The status of whoever made it, and of everybody else.
    told: (u16, u16),
}

fn change(request: (&'static str, String), body: Value, action: &'static str) -> Change {
    Change {
        request,
        body,
        action,
        key: None,
        told: (200, 200),
    }
}

impl Change {
    fn by(self, key: &TestKey) -> Self {
        Self {
            key: Some(key.clone()),
            ..self
        }
    }

    fn told(self, made: u16, repeated: u16) -> Self {
        Self {
            told: (made, repeated),
            ..self
        }
    }
}

/// One of each, in an order in which each can happen. `bare` has no people yet.
fn changes(tenant: &TestTenant, bare: Uuid, approval: &str, stop: &str) -> Vec<Change> {
    let TestTenant {
        admin,
        approver,
        auditor,
        agent,
        ..
    } = tenant;
    let user = auditor.user_id.expect("a person");
    let at = |path: &str| format!("/api/v1/{path}");
    let person = json!({ "email": "one@example.com", "name": "One" });
    let colleague = json!({ "email": "one@example.com", "name": "One", "role": "auditor" });
    let bot = json!({ "role": "agent", "caller_id": "bot" });
    let away = json!({
        "delegate_to": approver.user_id, "from": "2099-01-01T08:00:00.000Z", "until": "2099-01-15T08:00:00.000Z",
    });
    let event = json!({ "request_id": "once", "caller_id": "ci", "tool": "t", "action": "once" });
    vec![
        change(
            ("POST", at("tenants")),
            json!({ "name": "N", "slug": "n" }),
            "tenant.created",
        )
        .told(201, 409),
        change(
            ("POST", at(&format!("tenants/{bare}/bootstrap"))),
            person,
            "tenant.bootstrapped",
        )
        .told(201, 409),
        change(
            ("PATCH", at(&format!("tenants/{bare}"))),
            json!({ "plan": "annual" }),
            "tenant.updated",
        ),
        change(
            ("DELETE", at(&format!("tenants/{bare}"))),
            Value::Null,
            "tenant.suspended",
        )
        .told(204, 204),
        change(("POST", at("users")), colleague, "user.created")
            .by(admin)
            .told(201, 409),
        change(
            ("PATCH", at(&format!("users/{user}"))),
            json!({ "name": "New" }),
            "user.updated",
        )
        .by(admin),
        change(
            ("PATCH", at("users/me/settings")),
            json!({ "locale": "de" }),
            "settings.updated",
        )
        .by(admin),
        change(("PUT", at("users/me/delegation")), away, "delegation.set").by(admin),
        change(("DELETE", at("users/me/delegation")), Value::Null, "delegation.ended")
            .by(admin)
            .told(204, 204),
        change(("POST", at("api-keys")), bot, "api_key.created")
            .by(admin)
            .told(201, 409),
        change(
            ("DELETE", at(&format!("api-keys/{}", auditor.id))),
            Value::Null,
            "api_key.revoked",
        )
        .by(admin)
        .told(204, 204),
        change(
            ("DELETE", at(&format!("users/{user}"))),
            Value::Null,
            "user.deactivated",
        )
        .by(admin)
        .told(204, 204),
        change(
            ("POST", at(&format!("approvals/{approval}/approve"))),
            json!({}),
            "approval.approved",
        )
        .by(approver),
        change(
            ("POST", at(&format!("approvals/{approval}/cancel"))),
            json!({}),
            "approval.cancelled",
        )
        .by(agent),
        change(("DELETE", at(&format!("stops/{stop}"))), Value::Null, "stop.lifted")
            .by(admin)
            .told(204, 204),
        change(("POST", at("audit/events")), event, "once")
            .by(agent)
            .told(202, 202),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_change_at_once_is_one_change_with_one_record() {
    let stack = TestStack::start().await;
    let second = TestStack::on_same_servers(&stack);
    let clients = [&stack, &second].map(|process| process.client(product(process.ctx.clone())));
    let owner = stack.owner_pool();
    let tenant = stack.tenant().await;
    let bare = stack.ctx.ids.next();
    sqlx::query(
        "INSERT INTO tenants (id, name, slug, created_at, updated_at) VALUES ($1, 'Bare', 'bare', now(), now())",
    )
    .bind(bare)
    .execute(&owner)
    .await
    .expect("a tenant without people");
    let request = json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "x" });
    let asked = clients[0]
        .post(&tenant.agent, "/api/v1/approvals", request)
        .await
        .expect(201);

    let stop = json!({ "caller_id": "nobody", "reason": "x" });
    let stop = clients[0].post(&tenant.admin, "/api/v1/stops", stop).await.expect(201);

    let id = |made: &Value| made["id"].as_str().expect("an id").to_owned();
    for change in changes(&tenant, bare, &id(&asked), &id(&stop)) {
        let (method, path) = &change.request;
        let answers = join_all((0..AT_ONCE).map(|n| {
            let request = clients[n % 2].request(method, path);
            let request = match &change.key {
                Some(key) => request.key(key),
                None => request.bearer(stack.operator()),
            };
            let request = if change.body.is_null() {
                request
            } else {
                request.json(&change.body)
            };
            tokio::spawn(request.send())
        }))
        .await;
        let mut told: BTreeMap<u16, usize> = BTreeMap::new();
        for answer in answers {
            *told.entry(answer.expect("it answers").status).or_default() += 1;
        }
        let (made, repeated) = change.told;
        let mut expected = BTreeMap::from([(repeated, AT_ONCE - 1)]);
        *expected.entry(made).or_default() += 1;
        assert_eq!(told, expected, "{method} {path}");
        let records: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_events WHERE action = $1")
            .bind(change.action)
            .fetch_one(&owner)
            .await
            .expect("counted");
        assert_eq!(records, 1, "{method} {path}");
        println!(
            "{}: asked for {AT_ONCE} times at once, told {told:?}, one record",
            change.action
        );
    }
    let sent: Vec<String> = sqlx::query_scalar("SELECT event_type FROM outbox ORDER BY event_type")
        .fetch_all(&owner)
        .await
        .expect("read");
    let promised = [
        "api_key.revoked",
        "approval.approved",
        "approval.cancelled",
        "approval.requested",
        "stop.created",
        "stop.lifted",
    ];
    assert_eq!(sent, promised, "and one outbox event where one is promised");
}
