//! Single requests: stored, found, locked and moved.

use chrono::{DateTime, Utc};
use shared::data::TenantTx;
use sqlx::types::Json;
use uuid::Uuid;

use super::row::select_approvals;
use crate::{
    approval::{Approval, ApprovalState, ToolCall},
    stop::StopInForce,
};

/// Stores a new request.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn insert(tx: &mut TenantTx, approval: &Approval, nonce: &[u8; 32]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO approval_requests (
             tenant_id, id, request_id, status, version, requested_by, owner_user_id, tool_call, display_hash,
             action_digest, action_nonce, reason, risk_labels, required_approvals, approver_groups, token_digest,
             policy_id, policy_version, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        tx.tenant_id(),
        approval.id,
        approval.request_id,
        approval.stored_state.as_str(),
        approval.version,
        approval.requested_by,
        approval.owner_user_id,
        Json(&approval.tool_call) as Json<&ToolCall>,
        approval.display_hash,
        approval.action_digest,
        nonce.as_slice(),
        approval.reason,
        &approval.risk_labels,
        approval.required_approvals,
        &approval.approver_groups,
        approval.token_digest.as_slice(),
        approval.policy.as_ref().map(|policy| policy.id.as_str()),
        approval.policy.as_ref().map(|policy| policy.version),
        approval.created_at,
        approval.expires_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The request with this id.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find(tx: &mut TenantTx, id: Uuid) -> Result<Option<Approval>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    select_approvals!(
        "FROM approval_requests r WHERE r.tenant_id = $1 AND r.id = $2",
        tenant_id,
        id
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(Approval::try_from)
    .transpose()
}

/// The request whose token has this digest.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find_by_token(tx: &mut TenantTx, digest: &[u8; 32]) -> Result<Option<Approval>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    select_approvals!(
        "FROM approval_requests r WHERE r.tenant_id = $1 AND r.token_digest = $2",
        tenant_id,
        digest.as_slice()
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(Approval::try_from)
    .transpose()
}

/// The request with this id, locked against every other decision until the transaction ends.
///
/// Two statements on purpose: the votes and the clock are read when the lock is held. In one statement they would be as
/// old as the wait for it was long. `NO KEY`, because `FOR UPDATE` would also block the inserts of votes, whose foreign
/// key points here.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lock(tx: &mut TenantTx, id: Uuid) -> Result<Option<Approval>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    let locked = sqlx::query_scalar!(
        "SELECT id FROM approval_requests WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        tenant_id,
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    read_locked(tx, locked).await
}

async fn read_locked(tx: &mut TenantTx, locked: Option<Uuid>) -> Result<Option<Approval>, sqlx::Error> {
    match locked {
        Some(id) => find(tx, id).await,
        None => Ok(None),
    }
}

/// As [`lock`], and no stop comes into force until the transaction ends. The lock against stops is had first: rows are
/// locked when what they are joined with is known.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lock_to_redeem(tx: &mut TenantTx, id: Uuid) -> Result<Option<Approval>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    let locked = sqlx::query_scalar!(
        "WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(stops_lock($1)))
         SELECT r.id FROM held, approval_requests r WHERE r.tenant_id = $1 AND r.id = $2 FOR NO KEY UPDATE OF r",
        tenant_id,
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    read_locked(tx, locked).await
}

/// What a request that is [locked to be redeemed](lock_to_redeem) needs beside its row: what its action digest was salted
/// with, and the stop in force for its requester.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find_redemption(
    tx: &mut TenantTx,
    approval: &Approval,
) -> Result<(Vec<u8>, Option<StopInForce>), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT r.action_nonce, s.reason AS "reason?", s.caller_id AS "caller_id?"
           FROM approval_requests r
           LEFT JOIN LATERAL (
               SELECT s.reason, s.caller_id FROM stops s
               WHERE s.tenant_id = $1 AND s.lifted_at IS NULL
                 AND (s.caller_id IS NULL OR 'agent:' || s.caller_id = r.requested_by)
               ORDER BY s.id
               LIMIT 1) s ON true
           WHERE r.tenant_id = $1 AND r.id = $2"#,
        tx.tenant_id(),
        approval.id,
    )
    .fetch_one(&mut **tx)
    .await?;
    let stop = row
        .reason
        .map(|reason| StopInForce::of(row.caller_id.as_deref(), reason));
    Ok((row.action_nonce, stop))
}

/// Moves a locked request on (or only its version, when `to` is where it stands) and returns it with its votes. `None`:
/// its deadline passed in between, since under the lock nothing else can have changed.
///
/// # Errors
/// Postgres does not answer, or the state machine of the schema refuses.
pub(crate) async fn settle(
    tx: &mut TenantTx,
    approval: &Approval,
    to: ApprovalState,
    at: DateTime<Utc>,
) -> Result<Option<Approval>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    select_approvals!(
        "FROM settle_approval($1, $2, $3, $4, $5) r",
        tenant_id,
        approval.id,
        approval.stored_state.as_str(),
        to.as_str(),
        at
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(|row| {
        // As of the clock that the transition was made by: the deadline may pass while the row is on its way here, and
        // what is told of a decision must be that decision.
        Approval::try_from(row).map(|settled| Approval {
            read_at: approval.read_at,
            ..settled
        })
    })
    .transpose()
}
