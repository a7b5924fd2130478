//! A sweep that dies between its attempts and their record, and what becomes of the deliveries that it had leased.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgPool;
use system_tests::{
    fleet::{Ask, Fate, Moment},
    load::{Cast, Operation, Sender},
};
use uuid::Uuid;

use crate::sweeps::sweep;

/// Long enough for a process that has just begun to lease what is due.
const DIES_AFTER: Duration = Duration::from_secs(2);
/// On a machine that is too slow for that.
const MOST_TRIES: usize = 10;
const DUE: usize = 4;

/// A delivery under the lease of a sweep that is dead.
#[derive(sqlx::FromRow)]
pub(crate) struct Lease {
    tenant_id: Uuid,
    event_id: Uuid,
    destination: String,
    leased_until: DateTime<Utc>,
}

/// Makes tasks due, lets nobody record what comes of them, and kills the sweep that has leased them. No other sweeps.
pub(crate) async fn die_holding_leases(sender: &Sender, cast: &Cast, superuser: &PgPool) -> Vec<Lease> {
    let order = |statements: &'static str| async move {
        sqlx::raw_sql(statements)
            .execute(superuser)
            .await
            .expect("the superuser may");
    };
    order(
        "CREATE FUNCTION never_recorded() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
         CREATE TRIGGER never_recorded BEFORE UPDATE ON outbox_deliveries FOR EACH ROW
             WHEN (OLD.lease_token IS NOT NULL AND NEW.lease_token IS NULL) EXECUTE FUNCTION never_recorded()",
    )
    .await;
    let mut leases = Vec::new();
    for _ in 0..MOST_TRIES {
        for _ in 0..DUE {
            let agent = &cast.agents[0];
            let operation = Operation::Ping {
                tenant: agent.tenant,
                by: agent.principal.clone(),
            };
            let ask = Ask::new("POST", "/api/v1/tasks/ping").json(json!({}));
            sender.once(agent, operation, ask, &[]).await;
        }
        sender.fleet.kill_next("outbox", Moment::During(DIES_AFTER));
        let fate = sweep(&sender.fleet).await;
        assert!(matches!(fate, Fate::Killed(_)), "{fate:?}");
        // Its server process has not noticed, and would still record what the dead one asked for.
        order("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").await;
        leases = leased(superuser).await;
        if !leases.is_empty() {
            break;
        }
    }
    order("DROP FUNCTION never_recorded CASCADE").await;
    leases
}

async fn leased(superuser: &PgPool) -> Vec<Lease> {
    sqlx::query_as(
        "SELECT tenant_id, event_id, destination, leased_until FROM outbox_deliveries
         WHERE status = 'PENDING' AND leased_until > clock_timestamp()",
    )
    .fetch_all(superuser)
    .await
    .expect("deliveries are readable")
}

/// The deliveries that nobody made after all, or that somebody made while they were still leased to the dead.
pub(crate) async fn not_taken_over(leases: &[Lease], superuser: &PgPool) -> Vec<String> {
    let mut wrong = Vec::new();
    for lease in leases {
        let (status, attempts, finished_at): (String, i32, Option<DateTime<Utc>>) = sqlx::query_as(
            "SELECT status, attempts, finished_at FROM outbox_deliveries
             WHERE (tenant_id, event_id, destination) = ($1, $2, $3)",
        )
        .bind(lease.tenant_id)
        .bind(lease.event_id)
        .bind(&lease.destination)
        .fetch_one(superuser)
        .await
        .expect("the delivery is there");
        let is_taken_over = finished_at.is_some_and(|at| at >= lease.leased_until);
        if status != "DELIVERED" || attempts < 2 || !is_taken_over {
            wrong.push(format!(
                "{}, leased by a dead sweep until {}, is {status} since {finished_at:?} after {attempts} attempts",
                lease.event_id, lease.leased_until
            ));
        }
    }
    wrong
}
