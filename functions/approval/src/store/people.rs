//! The people who may decide, as the rules of eligibility need to know them.

use shared::data::TenantTx;
use uuid::Uuid;

use crate::eligibility::{Approver, Candidate};

/// Everybody who is active and an approver or admin.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list_approvers(tx: &mut TenantTx) -> Result<Vec<Approver>, sqlx::Error> {
    approvers(tx, None).await
}

/// This person and those whose delegation to them is in force, if the person is active and an approver or admin now: they
/// may have ceased to be since they were authenticated. A delegator who has is none.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find_candidate(tx: &mut TenantTx, user_id: Uuid) -> Result<Option<Candidate>, sqlx::Error> {
    let mut found = approvers(tx, Some(user_id)).await?;
    let person = found.iter().position(|approver| approver.user_id == user_id);
    Ok(person.map(|at| Candidate {
        person: found.swap_remove(at),
        delegators: found,
    }))
}

/// Everybody, or one person and their delegators. A delegation is in force from its beginning to its end by the database's
/// clock, and while both people are active.
async fn approvers(tx: &mut TenantTx, only: Option<Uuid>) -> Result<Vec<Approver>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Approver,
        r#"
        WITH in_force AS MATERIALIZED (
            SELECT d.user_id, d.delegate_to
            FROM delegations d
            JOIN users a ON a.tenant_id = d.tenant_id AND a.id = d.user_id AND a.status = 'ACTIVE'
            JOIN users b ON b.tenant_id = d.tenant_id AND b.id = d.delegate_to AND b.status = 'ACTIVE'
            WHERE d.tenant_id = $1 AND d.from_at <= clock_timestamp() AND d.until_at > clock_timestamp()
        )
        SELECT u.id AS user_id, u.groups,
               ARRAY(SELECT DISTINCT minter
                     FROM api_keys k, unnest(k.former_minters || k.minted_by) AS minter
                     WHERE k.tenant_id = $1 AND k.user_id = u.id) AS "minted_by!",
               ARRAY(SELECT CASE f.user_id WHEN u.id THEN f.delegate_to ELSE f.user_id END
                     FROM in_force f
                     WHERE u.id IN (f.user_id, f.delegate_to)) AS "tied_to!"
        FROM users u
        WHERE u.tenant_id = $1 AND u.status = 'ACTIVE' AND u.role IN ('admin', 'approver')
          AND ($2::uuid IS NULL OR u.id = $2
               OR u.id IN (SELECT f.user_id FROM in_force f WHERE f.delegate_to = $2))
        "#,
        tenant_id,
        only,
    )
    .fetch_all(&mut **tx)
    .await
}
