//! Single requests: stored, found, locked and moved.

use chrono::{DateTime, Utc};
use shared::data::TenantTx;
use sqlx::types::Json;
use uuid::Uuid;

use super::row::select_approvals;
use crate::approval::{Approval, ApprovalState, ToolCall};

/// The database's clock now (not at the transaction's start), to the millisecond.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn database_clock(tx: &mut TenantTx) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT date_trunc('milliseconds', clock_timestamp()) AS "now!""#)
        .fetch_one(&mut **tx)
        .await
}

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
    match locked {
        Some(id) => find(tx, id).await,
        None => Ok(None),
    }
}

/// What the request's action digest was salted with.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn action_nonce(tx: &mut TenantTx, id: Uuid) -> Result<Vec<u8>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT action_nonce FROM approval_requests WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id(),
        id,
    )
    .fetch_one(&mut **tx)
    .await
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
