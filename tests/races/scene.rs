//! Two processes of the whole product on the same servers, and what stands about a request after a race.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use shared::testing::{Answer, TestClient, TestKey, TestStack, TestTenant, poll_until};
use sqlx::{PgPool, Postgres, Transaction};
use system_tests::product;
use tokio::task::JoinHandle;

/// What takes longer than this does not come.
const PATIENCE: Duration = Duration::from_mins(1);

/// Two processes of everything, of which the second believes that it is later.
pub(crate) struct Scene {
    // Before the first, whose database it uses.
    second: TestStack,
    clients: [TestClient; 2],
    tenant: TestTenant,
    owner: PgPool,
    pub(crate) first: TestStack,
}

/// One request past its race.
#[derive(sqlx::FromRow)]
struct Record {
    status: String,
    version: i32,
    decided: bool,
    votes: i64,
    /// The actions in the log.
    logged: Vec<String>,
    /// The types in the outbox, by version.
    sent: Vec<String>,
    versions: Vec<i32>,
    payloads: Value,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let first = TestStack::start().await;
        let second = TestStack::on_same_servers(&first);
        second.clock.shift(chrono::TimeDelta::minutes(7));
        Self {
            clients: [
                first.client(product(first.ctx.clone())),
                second.client(product(second.ctx.clone())),
            ],
            tenant: first.tenant().await,
            owner: first.owner_pool(),
            first,
            second,
        }
    }

    pub(crate) async fn ask(&self) -> String {
        let body = json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "a race" });
        let made = self.clients[0]
            .post(&self.tenant.agent, "/api/v1/approvals", body)
            .await;
        made.expect(201)["id"].as_str().expect("an id").to_owned()
    }

    fn decider(&self, verb: &str) -> &TestKey {
        if verb == "cancel" {
            &self.tenant.agent
        } else {
            &self.tenant.approver
        }
    }

    /// Somebody decides, beside whatever else happens.
    pub(crate) fn decide(&self, process: usize, id: &str, verb: &str) -> JoinHandle<Answer> {
        let (client, key) = (self.clients[process].clone(), self.decider(verb).clone());
        let path = format!("/api/v1/approvals/{id}/{verb}");
        tokio::spawn(async move { client.post(&key, &path, json!({})).await })
    }

    /// Moves the deadline, which a trigger keeps as it was asked for; replication mode passes it by.
    pub(crate) async fn due_in(&self, id: &str, milliseconds: i32) {
        let mut tx = self.owner.begin().await.expect("begun");
        sqlx::raw_sql("SET LOCAL session_replication_role = replica")
            .execute(&mut *tx)
            .await
            .expect("set");
        sqlx::query(
            "UPDATE approval_requests SET created_at = created_at - interval '1 hour',
                 expires_at = date_trunc('milliseconds', clock_timestamp() + make_interval(secs => $2 / 1000.0::double precision))
             WHERE id = $1::uuid",
        )
        .bind(id)
        .bind(milliseconds)
        .execute(&mut *tx)
        .await
        .expect("moved");
        tx.commit().await.expect("moved");
    }

    /// Returns when the deadline has passed by the database's clock.
    pub(crate) async fn until_due(&self, id: &str) {
        sqlx::query(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM expires_at - clock_timestamp())) + 0.001)
             FROM approval_requests WHERE id = $1::uuid",
        )
        .bind(id)
        .execute(&self.owner)
        .await
        .expect("slept");
    }

    /// Sweeps until there is nothing left to expire on this request.
    pub(crate) fn sweep_it(&self, process: usize, id: &str) -> JoinHandle<u64> {
        let sweeper = [&self.first, &self.second][process].sweeper.clone();
        let (owner, id) = (self.owner.clone(), id.to_owned());
        tokio::spawn(async move {
            let expired = AtomicU64::new(0);
            poll_until(PATIENCE, "the request is settled", async || {
                let turn = outbox::run_once(&sweeper).await;
                assert_eq!(turn.failures, 0);
                expired.fetch_add(turn.expired, Ordering::Relaxed);
                match status(&owner, &id).await {
                    open if ["PENDING", "APPROVED"].contains(&open.as_str()) => Err(open),
                    _ => Ok(()),
                }
            })
            .await;
            expired.into_inner()
        })
    }

    async fn record(&self, id: &str) -> Record {
        sqlx::query_as(
            "SELECT status, version, decided_at IS NOT NULL AS decided,
                 (SELECT count(*) FROM approval_votes WHERE approval_id = r.id) AS votes,
                 ARRAY(SELECT action FROM audit_events WHERE correlation_id = r.id::text ORDER BY event_id) AS logged,
                 ARRAY(SELECT event_type FROM outbox WHERE aggregate_id = r.id ORDER BY aggregate_version) AS sent,
                 ARRAY(SELECT aggregate_version FROM outbox WHERE aggregate_id = r.id ORDER BY aggregate_version) AS versions,
                 (SELECT jsonb_agg(payload ORDER BY aggregate_version) FROM outbox WHERE aggregate_id = r.id) AS payloads
             FROM approval_requests r WHERE id = $1::uuid",
        )
        .bind(id)
        .fetch_one(&self.owner)
        .await
        .expect("the request is there")
    }

    /// Asserts that what stands about the request is what its decider was told, and returns whether the decision won.
    pub(crate) async fn check(&self, id: &str, verb: &str, answer: &Answer) -> bool {
        let record = self.record(id).await;
        let (decided, end, event) = match verb {
            "approve" => ("APPROVED", "EXPIRED", "approval.approved"),
            "deny" => ("DENIED", "DENIED", "approval.denied"),
            _ => ("CANCELLED", "CANCELLED", "approval.cancelled"),
        };
        let won = answer.status == 200;
        let mut happened = vec!["approval.requested"];
        if won {
            let told = answer.expect(200);
            assert_eq!(
                (&told["status"], &told["version"]),
                (&json!(decided), &json!(2)),
                "{id}"
            );
            assert_eq!(
                record.payloads[1], told,
                "{id}: the event of the decision shows what its maker was told"
            );
            assert_eq!(record.status, end, "{id}");
            happened.push(event);
        } else {
            assert_eq!(answer.expect_error(409, "APPROVAL_EXPIRED")["status"], "EXPIRED");
            assert_eq!(record.status, "EXPIRED", "{id}");
        }
        // An approval that nobody redeemed expires as well, and then names no decider.
        if record.status == "EXPIRED" {
            happened.push("approval.expired");
        }
        assert_eq!(record.decided, record.status == "DENIED", "{id}");
        assert_eq!(record.votes, i64::from(won && verb != "cancel"), "{id}");
        assert_eq!(record.sent, happened, "{id}: one outbox event a transition");
        let mut logged = record.logged;
        logged.sort_unstable_by_key(|action| happened.iter().position(|happened| happened == action));
        assert_eq!(logged, happened, "{id}: one audit event a transition");
        let versions: Vec<i32> = (1..).take(happened.len()).collect();
        assert_eq!(
            (record.versions, record.version),
            (versions.clone(), versions.len().try_into().expect("few")),
            "{id}"
        );
        let shown = self.clients[1]
            .get(&self.tenant.auditor, &format!("/api/v1/approvals/{id}"))
            .await
            .expect(200);
        assert_eq!(
            record.payloads[versions.len() - 1],
            shown,
            "{id}: the last event shows what everybody sees"
        );
        won
    }

    /// Holds a table so that whoever writes to it waits.
    pub(crate) async fn hold(&self, statement: &'static str) -> Transaction<'static, Postgres> {
        let mut holder = self.owner.begin().await.expect("begun");
        sqlx::raw_sql(statement).execute(&mut *holder).await.expect("held");
        holder
    }

    /// Returns whether a connection of the role came to wait for a lock before `task` was over.
    pub(crate) async fn is_blocked<T>(&self, role: &str, task: &JoinHandle<T>) -> bool {
        poll_until(PATIENCE, "it waits for a lock or is over", async || {
            let blocked: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = $1 AND wait_event_type = 'Lock')",
            )
            .bind(role)
            .fetch_one(&self.owner)
            .await
            .expect("the activity is read");
            if blocked || task.is_finished() {
                Ok(blocked)
            } else {
                Err("neither")
            }
        })
        .await
    }
}

async fn status(owner: &PgPool, id: &str) -> String {
    sqlx::query_scalar("SELECT status FROM approval_requests WHERE id = $1::uuid")
        .bind(id)
        .fetch_one(owner)
        .await
        .expect("the request is there")
}
