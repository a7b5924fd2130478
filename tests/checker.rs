//! The checker of the fault run, shown to find what it is there to find: for each of its rules a row that breaks it, and
//! for the journal answers that are not what is stored.
#![expect(clippy::print_stdout, reason = "the count is shown with the result")]

use serde_json::{Value, json};
use shared::testing::{TestClient, TestStack, TestTenant};
use sqlx::{Connection as _, PgConnection};
use system_tests::{
    checker::{RULES, broken_rows, check},
    load::{Entry, Operation, Outcome},
    product,
};
use tokio::time::Instant;
use uuid::Uuid;

/// For each rule, in their order, what breaks it.
const BREAKAGES: [&str; 12] = [
    "UPDATE approval_requests SET status = 'DENIED' WHERE status = 'APPROVED'",
    "DELETE FROM outbox WHERE event_type = 'approval.voted'",
    "DELETE FROM audit_events WHERE action = 'approval.voted'",
    "DELETE FROM approval_votes WHERE decision = 'APPROVE'",
    "UPDATE outbox SET payload = jsonb_set(payload, '{decisions,0,note}', '\"other\"') WHERE event_type = 'approval.approved'",
    "DELETE FROM approval_requests WHERE status = 'APPROVED'",
    "UPDATE audit_events SET entry = entry || ' '",
    "DELETE FROM outbox WHERE event_type = 'tasks.ping'",
    "DELETE FROM audit_events WHERE action = 'user.created'",
    "UPDATE api_keys SET is_active = true, revoked_at = NULL WHERE revoked_at IS NOT NULL",
    "UPDATE outbox_deliveries SET status = 'DEAD' WHERE event_id = (SELECT event_id FROM outbox_deliveries LIMIT 1)",
    "UPDATE approval_requests SET request_id = 'the same'",
];

/// A tenant in which one of everything happened.
struct Scene {
    stack: TestStack,
    tenant: TestTenant,
    client: TestClient,
}

impl Scene {
    async fn set() -> Self {
        let stack = TestStack::start().await;
        let tenant = stack.tenant().await;
        let client = stack.client(product(stack.ctx.clone()));
        let scene = Self { stack, tenant, client };
        let (client, tenant) = (&scene.client, &scene.tenant);
        client
            .post(&tenant.agent, "/api/v1/tasks/ping", json!({}))
            .await
            .expect(202);
        let event = json!({ "request_id": "event-1", "caller_id": "somebody", "tool": "search", "arguments": {} });
        client
            .post(&tenant.agent, "/api/v1/audit/events", event)
            .await
            .expect(202);
        let user = json!({ "email": "person-1@example.com", "name": "Somebody", "role": "auditor" });
        client.post(&tenant.admin, "/api/v1/users", user).await.expect(201);
        let key = json!({ "role": "agent", "caller_id": "caller-1" });
        let key = client.post(&tenant.admin, "/api/v1/api-keys", key).await.expect(201);
        let path = format!("/api/v1/api-keys/{}", key["id"].as_str().expect("an id"));
        client.delete(&tenant.admin, &path).await.expect(204);
        // The people and keys that tests make behind the product's back are in no log.
        let mut superuser = scene.superuser().await;
        for statement in [
            "UPDATE api_keys SET minted_by = 'operator' WHERE caller_id IS DISTINCT FROM 'caller-1'",
            "INSERT INTO audit_request_ids
             SELECT tenant_id, 'user:x', id::text, '', '', id FROM users WHERE email NOT LIKE 'person-%'",
            "INSERT INTO audit_pending SELECT tenant_id, id, '2026-11-20' FROM users WHERE email NOT LIKE 'person-%'",
            "INSERT INTO audit_events (tenant_id, event_id, request_id, recorded_by, tool, action, correlation_id,
                                       raw_args_hash, received_at, entry, leaf_hash)
             SELECT tenant_id, id, id::text, 'user:x', '', 'user.created', id::text, '', '2026-11-20', '{}',
                    sha256('\\x00'::bytea || '{}'::bytea)
             FROM users WHERE email NOT LIKE 'person-%'",
        ] {
            break_with(&mut superuser, statement).await;
        }
        scene
    }

    async fn superuser(&self) -> PgConnection {
        self.stack.owner_pool().acquire().await.expect("a connection").detach()
    }

    /// A request that two people approved, and one that nobody saw.
    async fn approve(&self) -> (Value, Value) {
        let ask = |name: &str| {
            let call = json!({ "tool": "deploy", "arguments": {} });
            let body = json!({ "tool_call": call, "reason": "now", "request_id": name, "required_approvals": 2 });
            self.client.post(&self.tenant.agent, "/api/v1/approvals", body)
        };
        let made = ask("asked-1").await.expect(201);
        ask("asked-2").await.expect(201);
        let approve = format!("/api/v1/approvals/{}/approve", made["id"].as_str().expect("an id"));
        let note = json!({ "note": "said-1" });
        self.client
            .post(&self.tenant.approver, &approve, note)
            .await
            .expect(200);
        let note = json!({ "note": "said-2" });
        let approved = self
            .client
            .post(&self.tenant.second_approver, &approve, note)
            .await
            .expect(200);
        (made, approved)
    }
}

/// Past every trigger and constraint that would not let it happen.
async fn break_with(superuser: &mut PgConnection, statement: &'static str) -> u64 {
    sqlx::raw_sql("SET session_replication_role = replica")
        .execute(&mut *superuser)
        .await
        .expect("set");
    sqlx::raw_sql(statement)
        .execute(superuser)
        .await
        .expect(statement)
        .rows_affected()
}

#[tokio::test]
async fn each_rule_finds_the_rows_that_break_it() {
    let scene = Scene::set().await;
    scene.approve().await;
    for _ in 0..3 {
        outbox::run_once(&scene.stack.sweeper).await;
    }
    let mut superuser = scene.superuser().await;
    assert_eq!(broken_rows(&mut superuser).await, [""; 0]);
    for ((rule, _), breakage) in RULES.iter().zip(BREAKAGES) {
        let mut tx = superuser.begin().await.expect("begun");
        assert!(break_with(&mut tx, breakage).await > 0, "{breakage}");
        let broken = broken_rows(&mut tx).await;
        assert!(broken.iter().any(|found| found.starts_with(rule)), "{rule}: {broken:?}");
        tx.rollback().await.expect("rolled back");
    }
    println!("{} rules, each broken and found", BREAKAGES.len());
}

#[tokio::test]
async fn an_answer_that_is_not_what_is_stored_is_found() {
    let scene = Scene::set().await;
    let (made, approved) = scene.approve().await;
    let (tenant, approval) = (
        scene.tenant.id,
        made["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"),
    );
    let vote = |by: &str, note: &str| Operation::Vote {
        tenant,
        approval,
        by: by.to_owned(),
        decision: "APPROVE",
        note: note.to_owned(),
    };
    let create = |request_id: &str| Operation::Create {
        tenant,
        request_id: request_id.to_owned(),
        has_key: false,
    };
    let (first, second) = (
        &scene.tenant.approver.principal,
        &scene.tenant.second_approver.principal,
    );
    let sound = vec![
        entry(create("asked-1"), Outcome::Acknowledged(made.clone())),
        entry(create("asked-2"), Outcome::Unknown(503)),
        entry(vote(first, "said-1"), Outcome::Unknown(502)),
        entry(vote(second, "said-2"), Outcome::Acknowledged(approved.clone())),
        entry(
            record(tenant, &scene.tenant.agent.principal, "event-1"),
            Outcome::Unknown(503),
        ),
        entry(ping(tenant, &scene.tenant.agent.principal), Outcome::Unknown(503)),
        entry(
            Operation::NewUser {
                tenant,
                email: "person-1@example.com".to_owned(),
            },
            Outcome::Unknown(503),
        ),
        entry(
            Operation::NewKey {
                tenant,
                caller_id: "caller-1".to_owned(),
            },
            Outcome::Unknown(503),
        ),
        entry(
            Operation::Revoke {
                tenant,
                key: revoked_key(&scene).await,
            },
            Outcome::Unknown(503),
        ),
    ];
    let superuser = scene.stack.owner_pool();
    assert_eq!(check(&superuser, &sound).await.wrong, [""; 0]);

    // A row that nobody asked for, whichever it is.
    for left_out in 0..sound.len() {
        let entries: Vec<Entry> = sound
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != left_out)
            .map(|(_, entry)| entry.clone())
            .collect();
        let wrong = check(&superuser, &entries).await.wrong;
        assert!(!wrong.is_empty(), "without {:?}", sound[left_out]);
    }
    // What was acknowledged and is not there, or is there otherwise.
    let mut other = approved.clone();
    other["decisions"][0]["note"] = json!("something else");
    let lost = [
        entry(create("asked-3"), Outcome::Acknowledged(made.clone())),
        entry(vote(second, "said-2"), Outcome::Acknowledged(other)),
        entry(vote("user:nobody", "said-3"), Outcome::Acknowledged(approved)),
        entry(
            record(tenant, &scene.tenant.agent.principal, "event-2"),
            Outcome::Acknowledged(json!({ "events": [{ "request_id": "event-2", "duplicate": false }] })),
        ),
        entry(
            ping(tenant, &scene.tenant.agent.principal),
            Outcome::Acknowledged(json!({ "id": Uuid::nil(), "status": "QUEUED" })),
        ),
    ];
    for entry in lost {
        let mut entries = sound.clone();
        entries.push(entry.clone());
        assert!(!check(&superuser, &entries).await.wrong.is_empty(), "with {entry:?}");
    }
}

fn entry(operation: Operation, outcome: Outcome) -> Entry {
    Entry {
        began: Instant::now(),
        ended: Instant::now(),
        operation,
        outcome,
    }
}

fn record(tenant: Uuid, by: &str, request_id: &str) -> Operation {
    Operation::Record {
        tenant,
        by: by.to_owned(),
        request_ids: vec![request_id.to_owned()],
    }
}

fn ping(tenant: Uuid, by: &str) -> Operation {
    Operation::Ping {
        tenant,
        by: by.to_owned(),
    }
}

async fn revoked_key(scene: &Scene) -> Uuid {
    sqlx::query_scalar("SELECT id FROM api_keys WHERE revoked_at IS NOT NULL")
        .fetch_one(&scene.stack.owner_pool())
        .await
        .expect("one key")
}
