//! Votes.

use shared::data::TenantTx;
use uuid::Uuid;

use crate::approval::Vote;

/// Stores a person's first vote, and counts how many people have then said yes.
///
/// Only under the lock on the request: without it, two people could each miss the other.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn insert_vote(tx: &mut TenantTx, approval_id: Uuid, vote: &Vote) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH cast_now AS (
               INSERT INTO approval_votes (tenant_id, approval_id, approver, on_behalf_of, decision, note, voted_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               RETURNING decision)
           SELECT count(*) AS "approvals!" FROM (
               SELECT decision FROM cast_now
               UNION ALL
               SELECT decision FROM approval_votes WHERE tenant_id = $1 AND approval_id = $2) AS votes
           WHERE decision = 'APPROVE'"#,
        tx.tenant_id(),
        approval_id,
        vote.by,
        vote.on_behalf_of,
        vote.decision.as_str(),
        vote.note,
        vote.at,
    )
    .fetch_one(&mut **tx)
    .await
}

/// Puts another vote in the place of the person's first, and counts as [`insert_vote`] does.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn replace_vote(tx: &mut TenantTx, approval_id: Uuid, vote: &Vote) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH cast_now AS (
               UPDATE approval_votes SET on_behalf_of = $4, decision = $5, note = $6, voted_at = $7
               WHERE tenant_id = $1 AND approval_id = $2 AND approver = $3
               RETURNING decision)
           SELECT count(*) AS "approvals!" FROM (
               SELECT decision FROM cast_now
               UNION ALL
               SELECT decision FROM approval_votes
               WHERE tenant_id = $1 AND approval_id = $2 AND approver <> $3) AS votes
           WHERE decision = 'APPROVE'"#,
        tx.tenant_id(),
        approval_id,
        vote.by,
        vote.on_behalf_of,
        vote.decision.as_str(),
        vote.note,
        vote.at,
    )
    .fetch_one(&mut **tx)
    .await
}
