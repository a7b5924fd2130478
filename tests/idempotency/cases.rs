//! How each operation that takes a key is asked, and a stage of its own for it.

use serde_json::{Value, json};
use shared::testing::{Answer, TestClient, TestRequest, TestStack, TestTenant};
use system_tests::{product, routes::routes};
use uuid::Uuid;

/// How to ask one operation: a body that succeeds, and another one of the right form.
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

/// What has to be there for some operations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    /// A tenant that has no admin yet.
    fresh_tenant: Uuid,
    /// An approval that the admin asked for and may redeem.
    approval: Uuid,
    /// One that somebody else asked for, and the admin may decide on.
    pending: Uuid,
}

/// How to ask each operation.
pub(crate) fn cases(before: Before) -> Vec<Case> {
    let mut cases = of_tenants(before.fresh_tenant);
    cases.extend(of_requests(before));
    cases
}

fn case(
    operation: &'static str,
    path: &str,
    status: u16,
    bodies: [Value; 2],
    shown_once: &'static [&'static str],
    made: &'static str,
) -> Case {
    Case {
        operation,
        path: path.to_owned(),
        status,
        bodies,
        shown_once,
        made,
    }
}

fn of_tenants(fresh_tenant: Uuid) -> Vec<Case> {
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
            &format!("/api/v1/tenants/{fresh_tenant}/bootstrap"),
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
    ]
}

fn of_requests(Before { approval, pending, .. }: Before) -> Vec<Case> {
    vec![
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
            "redeem_approval",
            &format!("/api/v1/approvals/{approval}/redeem"),
            200,
            [
                json!({ "tool_call": { "tool": "t", "arguments": { "n": 1 } } }),
                json!({ "tool_call": { "tool": "t", "arguments": { "n": 2 } } }),
            ],
            &[],
            "SELECT count(*) FROM approval_requests WHERE status = 'CONSUMED'",
        ),
        case(
            "evaluate_tool_call",
            "/api/v1/tool-calls",
            200,
            [
                json!({ "tool_call": { "tool": "deploy", "arguments": { "n": 1 } } }),
                json!({ "tool_call": { "tool": "deploy", "arguments": { "n": 2 } } }),
            ],
            &["/approval/token"],
            "SELECT count(*) FROM approval_requests",
        ),
        case(
            "create_decision_link",
            &format!("/api/v1/approvals/{pending}/links"),
            201,
            // Both say nothing, and are not the same body.
            [json!({}), Value::Null],
            &["/url"],
            "SELECT count(*) FROM audit_events WHERE action = 'decision_link.created'",
        ),
        case(
            "create_stop",
            "/api/v1/stops",
            201,
            [
                json!({ "caller_id": "once", "reason": "once" }),
                json!({ "caller_id": "twice", "reason": "once" }),
            ],
            &[],
            "SELECT count(*) FROM stops",
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
    before: Before,
}

fn case_of(operation: &str, before: Before) -> Case {
    let found = cases(before).into_iter().find(|case| case.operation == operation);
    found.unwrap_or_else(|| panic!("no case of {operation}"))
}

impl Before {
    async fn make(stack: &TestStack, client: &TestClient, tenant: &TestTenant) -> Self {
        let id = |made: &Value| made["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let fresh_tenant = client
            .request("POST", "/api/v1/tenants")
            .bearer(stack.operator())
            .json(&json!({ "name": "Fresh" }))
            .send()
            .await
            .expect(201);
        let call = json!({ "tool": "t", "arguments": { "n": 1 } });
        let body = json!({ "tool_call": call, "reason": "before" });
        let asked = client
            .post(&tenant.admin, "/api/v1/approvals", body.clone())
            .await
            .expect(201);
        let pending = client.post(&tenant.agent, "/api/v1/approvals", body).await.expect(201);
        let before = Self {
            fresh_tenant: id(&fresh_tenant),
            approval: id(&asked),
            pending: id(&pending),
        };
        let approve = format!("/api/v1/approvals/{}/approve", before.approval);
        let _ = client.post(&tenant.approver, &approve, json!({})).await.expect(200);
        before
    }
}

impl Stage {
    pub(crate) async fn of(operation: &str) -> Self {
        let stack = TestStack::start().await;
        let tenant = stack.tenant().await;
        let client = stack.client(product(stack.ctx.clone()));
        let before = Before::make(&stack, &client, &tenant).await;
        Self {
            case: case_of(operation, before),
            before,
            stack,
            client,
            tenant,
        }
    }

    /// The same in another process.
    pub(crate) fn elsewhere(&self) -> Self {
        let stack = TestStack::on_same_servers(&self.stack);
        Self {
            client: stack.client(product(stack.ctx.clone())),
            tenant: self.tenant.clone(),
            case: case_of(self.case.operation, self.before),
            before: self.before,
            stack,
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
        } else if self.case.operation == "evaluate_tool_call" {
            request.key(&self.tenant.agent)
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
