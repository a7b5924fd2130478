//! How each operation that takes a key is asked, and a stage of its own for it.

use serde_json::{Value, json};
use shared::testing::{Answer, TestClient, TestRequest, TestStack, TestTenant};
use system_tests::{product, routes::routes};
use uuid::Uuid;

/// How to ask one operation: two bodies that both succeed.
pub(crate) struct Case {
    pub(crate) operation: &'static str,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) bodies: [Value; 2],
    /// What is shown only once, as JSON pointers.
    pub(crate) shown_once: &'static [&'static str],
    /// What counts the objects that were made, in the tenant.
    pub(crate) made: &'static str,
}

/// The operations, for a tenant that has no admin yet where that matters.
pub(crate) fn cases(fresh: Uuid) -> Vec<Case> {
    let case = |operation, path: &str, status, bodies, shown_once, made| Case {
        operation,
        path: path.to_owned(),
        status,
        bodies,
        shown_once,
        made,
    };
    vec![
        case(
            "create_tenant",
            "/api/v1/tenants",
            201,
            [json!({ "name": "Once" }), json!({ "name": "Twice" })],
            &[],
            "SELECT count(*) FROM tenants",
        ),
        case(
            "bootstrap_tenant",
            &format!("/api/v1/tenants/{fresh}/bootstrap"),
            201,
            [
                json!({ "email": "a@example.com", "name": "A" }),
                json!({ "email": "b@example.com", "name": "B" }),
            ],
            &["/key"],
            "SELECT count(*) FROM users",
        ),
        case(
            "create_user",
            "/api/v1/users",
            201,
            [
                json!({ "email": "c@example.com", "name": "C", "role": "approver" }),
                json!({ "email": "d@example.com", "name": "D", "role": "approver" }),
            ],
            &[],
            "SELECT count(*) FROM users",
        ),
        case(
            "create_api_key",
            "/api/v1/api-keys",
            201,
            [
                json!({ "role": "agent", "caller_id": "once" }),
                json!({ "role": "agent", "caller_id": "twice" }),
            ],
            &["/key"],
            "SELECT count(*) FROM api_keys",
        ),
        case(
            "create_approval",
            "/api/v1/approvals",
            201,
            [
                json!({ "tool_call": { "tool": "t", "arguments": { "n": 1.0 } }, "reason": "once" }),
                json!({ "tool_call": { "tool": "t", "arguments": { "n": 2 } }, "reason": "once" }),
            ],
            &["/token"],
            "SELECT count(*) FROM approval_requests",
        ),
        case(
            "record_events",
            "/api/v1/audit/events",
            202,
            [
                json!([{ "request_id": "r1", "caller_id": "c", "tool": "t", "arguments": {} }]),
                json!([{ "request_id": "r2", "caller_id": "c", "tool": "t", "arguments": {} }]),
            ],
            &[],
            "SELECT count(*) FROM audit_request_ids WHERE request_id IN ('r1', 'r2')",
        ),
    ]
}

/// The operations of the description that take a key, and those that must.
pub(crate) fn operations() -> (Vec<String>, Vec<String>) {
    let (mut takes, mut must) = (Vec::new(), vec!["record_events".to_owned()]);
    for route in routes() {
        if route.takes_idempotency_key() {
            takes.push(route.id.clone());
        }
        if route.answers.contains_key(&201) {
            must.push(route.id);
        }
    }
    (takes, must)
}

/// A stage of its own for a case, so that the counts are the case's.
pub(crate) struct Stage {
    pub(crate) stack: TestStack,
    pub(crate) client: TestClient,
    pub(crate) tenant: TestTenant,
    pub(crate) case: Case,
}

impl Stage {
    pub(crate) async fn of(index: usize) -> Self {
        let stack = TestStack::start().await;
        let tenant = stack.tenant().await;
        let client = stack.client(product(stack.ctx.clone()));
        let fresh = client
            .request("POST", "/api/v1/tenants")
            .bearer(stack.operator())
            .json(&json!({ "name": "Fresh" }))
            .send()
            .await
            .expect(201);
        let fresh = fresh["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let case = cases(fresh).swap_remove(index);
        Self {
            stack,
            client,
            tenant,
            case,
        }
    }

    pub(crate) fn ask(&self, key: &str, body: usize) -> TestRequest {
        let request = self
            .client
            .request("POST", &self.case.path)
            .header("idempotency-key", key)
            .json(&self.case.bodies[body]);
        if self.case.path.starts_with("/api/v1/tenants") {
            request.bearer(self.stack.operator())
        } else {
            request.key(&self.tenant.admin)
        }
    }

    pub(crate) async fn made(&self) -> i64 {
        sqlx::query_scalar(self.case.made)
            .fetch_one(&self.stack.owner_pool())
            .await
            .expect("counted")
    }

    pub(crate) async fn run(&self, sql: &'static str) -> u64 {
        let done = sqlx::query(sql).execute(&self.stack.owner_pool()).await;
        done.expect("the statement runs").rows_affected()
    }
}

pub(crate) fn is_replay(answer: &Answer, first: &Answer, case: &Case) {
    assert_eq!(
        answer.header("idempotency-replayed"),
        Some("true"),
        "{}",
        case.operation
    );
    let mut expected = first.json();
    for pointer in case.shown_once {
        let secret = expected.pointer_mut(pointer).expect("what is shown once");
        assert!(secret.is_string(), "{}: {secret}", case.operation);
        *secret = Value::Null;
    }
    assert_eq!(answer.expect(case.status), expected, "{}", case.operation);
}
