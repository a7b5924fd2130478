//! Stops, and what they cancel.
//!
//! A stop and those it stops meet in one advisory lock of the tenant, held until the end of the transaction: shared by
//! whoever asks or redeems, alone by whoever makes a stop. It is taken before any row is locked, so that nobody who holds
//! a row waits for it.

use chrono::{DateTime, Utc};
use shared::data::TenantTx;
use uuid::Uuid;

use super::row::select_approvals;
use crate::{
    approval::{Approval, ApprovalState},
    stop::{Stop, StopInForce},
};

/// How a requester stands when it asks, as of a moment that no stop can overtake any more.
pub(crate) struct Standing {
    /// The database's clock, to the millisecond.
    pub(crate) at: DateTime<Utc>,
    pub(crate) stop: Option<StopInForce>,
    /// How many requests it has pending, as far as that is below the cap.
    pub(crate) pending: i64,
}

/// Below the cap by more than this, requests of one caller do not wait for each other to be counted.
const MARGIN: i32 = 256;

/// How this requester stands, when it may have `most` requests pending. Holds stops off until the transaction ends.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn admit_request(tx: &mut TenantTx, requester: &str, most: u32) -> Result<Standing, sqlx::Error> {
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    let row = sqlx::query!(
        r#"SELECT asked_at AS "asked_at!", is_stopped AS "is_stopped!", stopped_caller, stop_reason, pending AS "pending!"
           FROM admit_request($1, $2, $3, $4)"#,
        tx.tenant_id(),
        requester,
        most,
        MARGIN,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Standing {
        at: row.asked_at,
        stop: row
            .is_stopped
            .then(|| StopInForce::of(row.stopped_caller.as_deref(), row.stop_reason.unwrap_or_default())),
        pending: row.pending,
    })
}

/// Stores a stop when whatever could run into it has ended, and returns when that was.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn insert_stop(
    tx: &mut TenantTx,
    id: Uuid,
    caller_id: Option<&str>,
    reason: &str,
    created_by: &str,
) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(
        "WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock(stops_lock($1)))
         INSERT INTO stops (tenant_id, id, caller_id, reason, created_by, created_at)
         SELECT $1, $2, $3, $4, $5, date_trunc('milliseconds', clock_timestamp()) FROM alone
         RETURNING created_at",
        tx.tenant_id(),
        id,
        caller_id,
        reason,
        created_by,
    )
    .fetch_one(&mut **tx)
    .await
}

/// Locks what is pending of this caller, or of everybody, in the order of the ids. Whoever decides on one of them holds
/// no second row, or locks in the same order; what they decided while this waited is left out.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lock_pending(tx: &mut TenantTx, caller_id: Option<&str>) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM approval_requests
         WHERE tenant_id = $1 AND status = 'PENDING' AND ($2::text IS NULL OR requested_by = 'agent:' || $2)
         ORDER BY id
         FOR NO KEY UPDATE",
        tx.tenant_id(),
        caller_id,
    )
    .fetch_all(&mut **tx)
    .await
}

/// Cancels these locked requests and returns them. Those past their deadline have expired, and are left to the sweep.
///
/// # Errors
/// Postgres does not answer, or the state machine of the schema refuses.
pub(crate) async fn cancel_pending(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Approval>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    select_approvals!(
        "FROM unnest($2::uuid[]) AS locked, settle_approval($1, locked, 'PENDING', $3, NULL) r",
        tenant_id,
        ids,
        ApprovalState::Cancelled.as_str(),
    )
    .fetch_all(&mut **tx)
    .await?
    .into_iter()
    .map(Approval::try_from)
    .collect()
}

/// The stops in force that are older than `before`, newest first.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list_stops(tx: &mut TenantTx, before: Option<Uuid>, limit: i64) -> Result<Vec<Stop>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Stop,
        "SELECT id, caller_id, reason, created_by, created_at FROM stops
         WHERE tenant_id = $1 AND lifted_at IS NULL AND ($2::uuid IS NULL OR id < $2)
         ORDER BY id DESC
         LIMIT $3",
        tenant_id,
        before,
        limit,
    )
    .fetch_all(&mut **tx)
    .await
}

/// The stop with this id, lifted or not, locked against another who lifts it; and whether it is in force.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lock_stop(tx: &mut TenantTx, id: Uuid) -> Result<Option<(Stop, bool)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT id, caller_id, reason, created_by, created_at, lifted_at IS NULL AS "is_in_force!" FROM stops
           WHERE tenant_id = $1 AND id = $2
           FOR NO KEY UPDATE"#,
        tx.tenant_id(),
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| {
        let stop = Stop {
            id: row.id,
            caller_id: row.caller_id,
            reason: row.reason,
            created_by: row.created_by,
            created_at: row.created_at,
        };
        (stop, row.is_in_force)
    }))
}

/// Lifts a locked stop.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lift_stop(tx: &mut TenantTx, id: Uuid, lifted_by: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE stops SET lifted_at = date_trunc('milliseconds', clock_timestamp()), lifted_by = $3
         WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id(),
        id,
        lifted_by,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
