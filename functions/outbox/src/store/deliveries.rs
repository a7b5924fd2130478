//! Deliveries and their leases.

use std::time::Duration;

use shared::data::Connections;
use uuid::Uuid;

use crate::handlers::Event;

/// A delivery under a lease.
pub(crate) struct Claimed {
    pub(crate) event: Event,
    pub(crate) destination: String,
    /// How many attempts were begun, the one this lease is for included.
    pub(crate) attempts: i32,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was taken.
    Delivered,
    /// It failed and is due again after this long.
    Retry { pause: Duration, error: String },
    /// It failed for the last time.
    Dead { error: String },
}

/// Leases up to `limit` due deliveries to the holder of `lease_token`, those due longest first, and counts the attempt.
///
/// A lease that has run out is as good as none: whoever held it is taken to be dead.
pub(crate) async fn claim(
    connections: &Connections,
    lease_token: Uuid,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        WITH due AS (
            SELECT tenant_id, event_id, destination FROM outbox_deliveries
            WHERE status = 'PENDING' AND next_attempt_at <= now() AND (leased_until IS NULL OR leased_until <= now())
            ORDER BY next_attempt_at
            LIMIT $3
            FOR UPDATE SKIP LOCKED
        ), claimed AS (
            UPDATE outbox_deliveries d
            SET lease_token = $1,
                leased_until = clock_timestamp() + interval '1 millisecond' * $2::bigint,
                attempts = d.attempts + 1
            FROM due
            WHERE d.tenant_id = due.tenant_id AND d.event_id = due.event_id AND d.destination = due.destination
            RETURNING d.tenant_id, d.event_id, d.destination, d.attempts
        )
        SELECT
            c.tenant_id, c.event_id, c.destination, c.attempts,
            o.aggregate_type, o.aggregate_id, o.aggregate_version, o.event_type, o.payload
        FROM claimed c JOIN outbox o ON o.tenant_id = c.tenant_id AND o.id = c.event_id
        "#,
        lease_token,
        millis(lease),
        limit,
    )
    .fetch_all(connections)
    .await?;
    let claimed = rows.into_iter().map(|row| Claimed {
        event: Event {
            tenant_id: row.tenant_id,
            id: row.event_id,
            aggregate_type: row.aggregate_type,
            aggregate_id: row.aggregate_id,
            aggregate_version: row.aggregate_version,
            event_type: row.event_type,
            payload: row.payload,
        },
        destination: row.destination,
        attempts: row.attempts,
    });
    Ok(claimed.collect())
}

/// Records what came of an attempt and ends the lease. `false` when the lease is another's by now: then that holder's
/// outcome counts and this one is forgotten.
pub(crate) async fn record(
    connections: &Connections,
    lease_token: Uuid,
    claimed: &Claimed,
    outcome: &Outcome,
) -> Result<bool, sqlx::Error> {
    let (status, pause, error) = match outcome {
        Outcome::Delivered => ("DELIVERED", Duration::ZERO, None),
        Outcome::Retry { pause, error } => ("PENDING", *pause, Some(error.as_str())),
        Outcome::Dead { error } => ("DEAD", Duration::ZERO, Some(error.as_str())),
    };
    let recorded = sqlx::query!(
        "UPDATE outbox_deliveries
         SET status = $5,
             next_attempt_at = CASE $5
                 WHEN 'PENDING' THEN clock_timestamp() + interval '1 millisecond' * $6::bigint
                 ELSE next_attempt_at END,
             finished_at = CASE $5 WHEN 'PENDING' THEN NULL ELSE clock_timestamp() END,
             last_error = $7,
             lease_token = NULL,
             leased_until = NULL
         WHERE tenant_id = $1 AND event_id = $2 AND destination = $3 AND lease_token = $4 AND status = 'PENDING'",
        claimed.event.tenant_id,
        claimed.event.id,
        claimed.destination,
        lease_token,
        status,
        millis(pause),
        error,
    )
    .execute(connections)
    .await?;
    Ok(recorded.rows_affected() == 1)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
