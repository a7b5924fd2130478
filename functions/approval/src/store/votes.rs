//! Votes.

use shared::data::TenantTx;
use uuid::Uuid;

use crate::approval::Vote;

/// Stores a person's first vote.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn insert_vote(tx: &mut TenantTx, approval_id: Uuid, vote: &Vote) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO approval_votes (tenant_id, approval_id, approver, on_behalf_of, decision, note, voted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        tx.tenant_id(),
        approval_id,
        vote.by,
        vote.on_behalf_of,
        vote.decision.as_str(),
        vote.note,
        vote.at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Puts another vote in the place of the person's first.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn replace_vote(tx: &mut TenantTx, approval_id: Uuid, vote: &Vote) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE approval_votes SET on_behalf_of = $4, decision = $5, note = $6, voted_at = $7
         WHERE tenant_id = $1 AND approval_id = $2 AND approver = $3",
        tx.tenant_id(),
        approval_id,
        vote.by,
        vote.on_behalf_of,
        vote.decision.as_str(),
        vote.note,
        vote.at,
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
