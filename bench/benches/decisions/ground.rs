//! Tenants with more pending requests than a benchmark decides on, each request with a number.

use std::{fmt::Write as _, sync::Arc};

use bench::pgbench::{NUMBER, Variation, numbered};
use serde_json::json;
use shared::{
    http::app,
    testing::{TestClient, TestKey, TestStack, TestTenant},
};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

/// What numbered requests start with; a UUIDv7 of a time before any other request.
const ID: &str = "01990000-0000-7000";

/// A client of the approval function in a process with this context.
pub(crate) fn client_of(process: &TestStack) -> TestClient {
    process.client(app(process.ctx.clone(), approval::routes()).0)
}

/// The keys of one approver in each tenant.
#[derive(Clone)]
pub(crate) struct Approvals(Arc<Vec<TestKey>>);

impl Approvals {
    /// Approves the request of this number.
    pub(crate) async fn approve(&self, client: &TestClient, number: usize) {
        let approver = &self.0[number % self.0.len()];
        let path = format!("/api/v1/approvals/{ID}-8000-{number:012x}/approve");
        let decided = client.post(approver, &path, json!({})).await;
        // Not parsed, which would be counted as the product's work.
        assert!(
            decided.status == 200 && decided.text().contains("\"status\":\"APPROVED\""),
            "{decided:?}"
        );
    }
}

/// The servers, the tenants, and how many requests were prepared so far.
pub(crate) struct Ground {
    pub(crate) stack: TestStack,
    pub(crate) approvals: Approvals,
    tenants: Vec<TestTenant>,
    templates: Vec<Uuid>,
    owner: PgPool,
    prepared: usize,
    decided: usize,
}

impl Ground {
    /// This many tenants, in each a request that the others are copied from.
    pub(crate) async fn with(tenants: usize) -> Self {
        let stack = TestStack::start().await;
        let owner = stack.owner_pool();
        let mut ground = Self {
            stack,
            approvals: Approvals(Arc::default()),
            tenants: Vec::new(),
            templates: Vec::new(),
            owner,
            prepared: 0,
            decided: 0,
        };
        let client = client_of(&ground.stack);
        let request = json!({
            "tool_call": { "tool": "deploy", "arguments": { "service": "billing", "replicas": 3 } },
            "reason": "Release 4.2",
        });
        for _ in 0..tenants {
            let tenant = ground.stack.tenant().await;
            let asked = client
                .post(&tenant.agent, "/api/v1/approvals", request.clone())
                .await
                .expect(201);
            ground
                .templates
                .push(asked["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"));
            ground.tenants.push(tenant);
        }
        let approvers = ground.tenants.iter().map(|tenant| tenant.approver.clone());
        ground.approvals = Approvals(Arc::new(approvers.collect()));
        ground
    }

    /// How many there are.
    pub(crate) fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// Stores this many more pending requests, by turns in each tenant, and returns the first one's number.
    pub(crate) async fn prepare(&mut self, count: usize) -> usize {
        let first = self.prepared;
        let sql = format!(
            "BEGIN; SET LOCAL session_replication_role = replica;
             INSERT INTO approval_requests
             SELECT copy.* FROM generate_series({first}, {last}) AS n
             JOIN approval_requests like_it ON like_it.id = ({templates})[1 + n % {tenants}],
             LATERAL jsonb_populate_record(like_it, jsonb_build_object(
                 'id', '{ID}-8000-' || lpad(to_hex(n), 12, '0'),
                 'request_id', 'numbered ' || n,
                 'token_digest', '\\x' || encode(sha256(n::text::bytea), 'hex'))) AS copy;
             COMMIT; ANALYZE approval_requests; CHECKPOINT",
            last = first + count - 1,
            templates = array(self.templates.iter()),
            tenants = self.tenants.len(),
        );
        self.run(sql).await;
        self.prepared += count;
        first
    }

    /// Fails unless this many more decisions stand in all four tables than when last asked.
    pub(crate) async fn check(&mut self, more: usize) {
        self.decided += more;
        let expected = i64::try_from(self.decided).expect("few");
        let found: (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM approval_requests WHERE status = 'APPROVED'),
                    (SELECT count(*) FROM approval_votes),
                    (SELECT count(*) FROM audit_events WHERE action = 'approval.approved'),
                    (SELECT count(*) FROM outbox WHERE event_type = 'approval.approved')",
        )
        .fetch_one(&self.owner)
        .await
        .expect("counted");
        assert_eq!(
            found,
            (expected, expected, expected, expected),
            "requests, votes, audit events, outbox events"
        );
    }

    /// How the play of a decision differs from the one that was heard: the request by its number, and with it the tenant, its
    /// approver and the key.
    pub(crate) fn variation(&self) -> Variation {
        let turn = format!("[1 + {NUMBER}::int % {}]", self.tenants.len());
        let of_turn = |of: &dyn Fn(&TestTenant) -> Uuid| format!("({}){turn}", array(self.tenants.iter().map(of)));
        let mut ids = Vec::new();
        for tenant in &self.tenants {
            ids.push((tenant.id.to_string(), of_turn(&|tenant| tenant.id)));
            ids.push((tenant.approver.id.to_string(), of_turn(&|tenant| tenant.approver.id)));
            let person = |tenant: &TestTenant| tenant.approver.user_id.expect("a person's key");
            ids.push((person(tenant).to_string(), of_turn(&person)));
        }
        // Prepared requests are numbered from nought, and the last of the first batch was heard.
        ids.push((format!("{ID}-8000-{:012x}", self.tenants()), numbered(ID)));
        Variation { ids }
    }

    /// Sets or resets parameters for sessions that begin from now on.
    pub(crate) async fn tell_statements(&self, settings: &str) {
        let name = self.stack.database.name();
        let mut sql = String::new();
        for setting in settings.split("; ") {
            let _ = write!(sql, "ALTER DATABASE {name} {setting};");
        }
        self.run(sql).await;
    }

    async fn run(&self, sql: String) {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&self.owner)
            .await
            .expect("it runs");
    }
}

fn array<T: std::fmt::Display>(ids: impl Iterator<Item = T>) -> String {
    let ids: Vec<String> = ids.map(|id| format!("'{id}'")).collect();
    format!("ARRAY[{}]::uuid[]", ids.join(","))
}
