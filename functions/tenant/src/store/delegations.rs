//! Who decides in whose place. Seen by the whole tenant, unlike what people set for themselves alone.

use shared::data::TenantTx;
use uuid::Uuid;

use crate::delegation::Delegation;

/// A person's delegation that has not run out by the database's clock.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find(tx: &mut TenantTx, user_id: Uuid) -> Result<Option<Delegation>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Delegation,
        r#"SELECT delegate_to, from_at AS "from", until_at AS "until"
           FROM delegations WHERE tenant_id = $1 AND user_id = $2 AND until_at > clock_timestamp()"#,
        tenant_id,
        user_id,
    )
    .fetch_optional(&mut **tx)
    .await
}

/// Stores a person's delegation in the place of any other.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn save(tx: &mut TenantTx, user_id: Uuid, delegation: &Delegation) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "INSERT INTO delegations (tenant_id, user_id, delegate_to, from_at, until_at, created_at)
         VALUES ($1, $2, $3, $4, $5, date_trunc('milliseconds', clock_timestamp()))
         ON CONFLICT (tenant_id, user_id) DO UPDATE
         SET delegate_to = excluded.delegate_to, from_at = excluded.from_at, until_at = excluded.until_at,
             created_at = excluded.created_at",
        tenant_id,
        user_id,
        delegation.delegate_to,
        delegation.from,
        delegation.until,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes a person's delegation.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn delete(tx: &mut TenantTx, user_id: Uuid) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "DELETE FROM delegations WHERE tenant_id = $1 AND user_id = $2",
        tenant_id,
        user_id,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
