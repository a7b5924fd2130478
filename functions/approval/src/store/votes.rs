//! Votes.

use chrono::{DateTime, Utc};
use shared::data::TenantTx;
use uuid::Uuid;

use crate::approval::Decision;

/// Stores a person's first vote.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn insert_vote(
    tx: &mut TenantTx,
    approval_id: Uuid,
    approver: &str,
    decision: Decision,
    note: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO approval_votes (tenant_id, approval_id, approver, decision, note, voted_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        tx.tenant_id(),
        approval_id,
        approver,
        decision.as_str(),
        note,
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Puts another vote in the place of the person's first.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn replace_vote(
    tx: &mut TenantTx,
    approval_id: Uuid,
    approver: &str,
    decision: Decision,
    note: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE approval_votes SET decision = $4, note = $5, voted_at = $6
         WHERE tenant_id = $1 AND approval_id = $2 AND approver = $3",
        tx.tenant_id(),
        approval_id,
        approver,
        decision.as_str(),
        note,
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// How many people have said yes. A statement of its own, after the vote and under the lock: counted any earlier, two
/// people could each miss the other.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn count_approvals(tx: &mut TenantTx, approval_id: Uuid) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "approvals!" FROM approval_votes
           WHERE tenant_id = $1 AND approval_id = $2 AND decision = 'APPROVE'"#,
        tx.tenant_id(),
        approval_id,
    )
    .fetch_one(&mut **tx)
    .await
}
