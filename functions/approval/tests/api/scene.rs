//! A tenant with requests in every state, and what stands in the database about them.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::{
    http::app,
    testing::{Answer, TestClient, TestKey, TestStack, TestTenant},
};
use sqlx::PgPool;

/// Every status of the contract.
pub(crate) const STATES: [&str; 7] = [
    "PENDING",
    "APPROVED",
    "DENIED",
    "EXPIRED",
    "CANCELLED",
    "CONSUMED",
    "REVOKED",
];

/// A stack, a tenant in it, and a client of the function.
pub(crate) struct Scene {
    pub(crate) stack: TestStack,
    pub(crate) tenant: TestTenant,
    pub(crate) client: TestClient,
    /// Behind the product's back.
    pub(crate) owner: PgPool,
}

/// The call that [`request`] asks for.
pub(crate) fn call() -> Value {
    json!({ "tool": "deploy", "arguments": { "service": "billing", "replicas": 3 } })
}

/// A body that asks for one approval.
pub(crate) fn request() -> Value {
    json!({ "tool_call": call(), "reason": "Release 4.2" })
}

/// The same with some fields set.
pub(crate) fn request_with(fields: Value) -> Value {
    let mut body = request();
    let (Value::Object(body_fields), Value::Object(fields)) = (&mut body, fields) else {
        panic!("fields are an object");
    };
    body_fields.extend(fields);
    body
}

/// The id in a status.
pub(crate) fn id(status: &Value) -> &str {
    status["id"].as_str().expect("a status has an id")
}

/// The secret in a link that was just made.
pub(crate) fn secret(made: &Value) -> String {
    let url = made["url"].as_str().expect("a link");
    let (_, secret) = url.split_once('#').expect("a fragment");
    secret.to_owned()
}

/// A status as the holder of a link is shown it who has answered this.
pub(crate) fn linked(mut status: Value, own_vote: Option<&str>) -> Value {
    status["own_vote"] = json!(own_vote);
    status
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let stack = TestStack::with(settings).await;
        let tenant = stack.tenant().await;
        let client = stack.client(app(stack.ctx.clone(), approval::routes()).0);
        let owner = stack.owner_pool();
        Self {
            stack,
            tenant,
            client,
            owner,
        }
    }

    /// The agent asks.
    pub(crate) async fn ask(&self, body: Value) -> Value {
        self.ask_as(&self.tenant.agent, body).await
    }

    pub(crate) async fn ask_as(&self, key: &TestKey, body: Value) -> Value {
        self.client.post(key, "/api/v1/approvals", body).await.expect(201)
    }

    /// Somebody does something to a request.
    pub(crate) async fn act(&self, key: &TestKey, id: &str, verb: &str, body: Value) -> Answer {
        self.client
            .post(key, &format!("/api/v1/approvals/{id}/{verb}"), body)
            .await
    }

    pub(crate) async fn approve(&self, key: &TestKey, id: &str) -> Answer {
        self.act(key, id, "approve", json!({})).await
    }

    pub(crate) async fn deny(&self, key: &TestKey, id: &str) -> Answer {
        self.act(key, id, "deny", json!({})).await
    }

    /// Presents a call as the live one.
    pub(crate) async fn redeem(&self, key: &TestKey, id: &str, call: Value) -> Answer {
        self.act(key, id, "redeem", json!({ "tool_call": call })).await
    }

    /// The secret of a link of this person's to a request.
    pub(crate) async fn link(&self, key: &TestKey, id: &str) -> String {
        let made = self.act(key, id, "links", json!({})).await.expect(201);
        secret(&made)
    }

    /// Looks at a request by a link.
    pub(crate) async fn view_by_link(&self, id: &str, secret: &str) -> Answer {
        let body = json!({ "secret": secret });
        let request = self.client.request("POST", &format!("/decide/{id}/view"));
        request.json(&body).send().await
    }

    /// Decides by a link, as somebody who saw `seen`.
    pub(crate) async fn decide_by_link(&self, seen: &Value, secret: &str, decision: &str) -> Answer {
        let body = json!({ "secret": secret, "decision": decision, "display_hash": seen["display_hash"] });
        let request = self.client.request("POST", &format!("/decide/{}", id(seen)));
        request.json(&body).send().await
    }

    pub(crate) async fn get(&self, key: &TestKey, id: &str) -> Value {
        self.client
            .get(key, &format!("/api/v1/approvals/{id}"))
            .await
            .expect(200)
    }

    /// A request in the given state, which `approver` approved if anybody did; denied by `second_approver`. Also
    /// returns its token.
    pub(crate) async fn request_in(&self, state: &str) -> (String, String) {
        let asked = self.ask(request()).await;
        let id = id(&asked).to_owned();
        match state {
            "PENDING" => {}
            "APPROVED" | "CONSUMED" | "REVOKED" => {
                let _ = self.approve(&self.tenant.approver, &id).await.expect(200);
                if state == "CONSUMED" {
                    let _ = self.redeem(&self.tenant.agent, &id, call()).await.expect(200);
                }
                if state == "REVOKED" {
                    let reason = json!({ "reason": "changed my mind" });
                    let _ = self.act(&self.tenant.approver, &id, "revoke", reason).await.expect(200);
                }
            }
            "DENIED" => {
                let _ = self.deny(&self.tenant.second_approver, &id).await.expect(200);
            }
            "EXPIRED" => self.expire(&id).await,
            "CANCELLED" => {
                let _ = self.act(&self.tenant.agent, &id, "cancel", json!({})).await.expect(200);
            }
            other => panic!("no state {other}"),
        }
        (id, asked["token"].as_str().expect("a token").to_owned())
    }

    /// An admin stops an agent, or everybody.
    pub(crate) async fn stop(&self, caller_id: Option<&str>) -> Value {
        let mut body = json!({ "reason": "it went wild" });
        if let Some(caller_id) = caller_id {
            body["caller_id"] = json!(caller_id);
        }
        self.client
            .post(&self.tenant.admin, "/api/v1/stops", body)
            .await
            .expect(201)
    }

    /// A person's delegation to another from `from` to `until`, each an interval from now, in the place of any before.
    pub(crate) async fn delegate(&self, from: &TestKey, to: &TestKey, [begins, ends]: [&str; 2]) {
        sqlx::query(
            "INSERT INTO delegations (tenant_id, user_id, delegate_to, from_at, until_at, created_at)
             VALUES ($1, $2, $3, now() + $4::interval, now() + $5::interval, now())
             ON CONFLICT (tenant_id, user_id) DO UPDATE
             SET delegate_to = excluded.delegate_to, from_at = excluded.from_at, until_at = excluded.until_at",
        )
        .bind(self.tenant.id)
        .bind(from.user_id)
        .bind(to.user_id)
        .bind(begins)
        .bind(ends)
        .execute(&self.owner)
        .await
        .expect("delegated");
    }

    /// A person with this role in these groups.
    pub(crate) async fn person(&self, role: &str, groups: &[&str]) -> TestKey {
        TestKey::of_user(&self.stack, self.tenant.id, role, groups).await
    }

    /// Puts the deadline into the past, as time would.
    pub(crate) async fn expire(&self, id: &str) {
        self.force(
            id,
            "created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'",
        )
        .await;
    }

    /// Sets columns of a request behind the product's back, and its triggers'.
    pub(crate) async fn force(&self, id: &str, assignments: &str) {
        let sql = format!(
            "BEGIN; SET LOCAL session_replication_role = replica;
             UPDATE approval_requests SET {assignments} WHERE id = '{id}'; COMMIT"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&self.owner)
            .await
            .expect("the row is set");
    }

    /// The actions in the audit log about a request, in their order, with who recorded them.
    pub(crate) async fn audit(&self, id: &str) -> Vec<(String, String)> {
        sqlx::query_as(
            "SELECT action, recorded_by FROM audit_events WHERE correlation_id = $1 ORDER BY received_at, event_id",
        )
        .bind(id)
        .fetch_all(&self.owner)
        .await
        .expect("the log is read")
    }

    /// The outbox events of a request by version: type, version, payload.
    pub(crate) async fn outbox(&self, id: &str) -> Vec<(String, i32, Value)> {
        sqlx::query_as(
            "SELECT event_type, aggregate_version, payload FROM outbox
             WHERE aggregate_type = 'approval' AND aggregate_id = $1::uuid ORDER BY aggregate_version, id",
        )
        .bind(id)
        .fetch_all(&self.owner)
        .await
        .expect("the outbox is read")
    }

    /// Asserts that exactly these things happened to a request, in the log and in the outbox, and that the last event
    /// shows the request as `now`.
    pub(crate) async fn expect_events(&self, id: &str, names: &[&str], now: &Value) {
        let logged: Vec<String> = self.audit(id).await.into_iter().map(|(action, _)| action).collect();
        assert_eq!(logged, names, "audit events of {id}");
        let sent = self.outbox(id).await;
        assert_eq!(
            sent.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(),
            names,
            "outbox events of {id}"
        );
        let versions: Vec<i32> = sent.iter().map(|(_, version, _)| *version).collect();
        let expected: Vec<i32> = (1..).take(names.len()).collect();
        assert_eq!(versions, expected, "versions of {id}");
        assert_eq!(&sent.last().expect("an event").2, now, "the last event's payload");
    }

    /// Puts a text in force.
    pub(crate) async fn put_policies(&self, key: &TestKey, cedar: &str) -> Answer {
        self.client
            .request("PUT", "/api/v1/policies")
            .key(key)
            .json(&json!({ "cedar": cedar }))
            .send()
            .await
    }

    /// An agent asks policy for a call.
    pub(crate) async fn call_tool(&self, key: &TestKey, body: Value) -> Answer {
        self.client.post(key, "/api/v1/tool-calls", body).await
    }

    pub(crate) fn shift_clock(&self, by: TimeDelta) {
        self.stack.clock.shift(by);
    }
}
