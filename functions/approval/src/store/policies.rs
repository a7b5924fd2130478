//! The versions of a tenant's policies, which are only ever added to.

use shared::data::TenantTx;
use uuid::Uuid;

use crate::policy_version::PolicyVersion;

/// The policies and the version that is in force.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn current_policy_version(tx: &mut TenantTx) -> Result<Option<(Uuid, i32)>, sqlx::Error> {
    let current = sqlx::query!(
        "SELECT id, version FROM policies WHERE tenant_id = $1 ORDER BY version DESC LIMIT 1",
        tx.tenant_id(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(current.map(|row| (row.id, row.version)))
}

/// The version that is in force, with its text.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn current_policies(tx: &mut TenantTx) -> Result<Option<PolicyVersion>, sqlx::Error> {
    Ok(list_policy_versions(tx, None, 1).await?.pop())
}

/// This version.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find_policies(tx: &mut TenantTx, version: i32) -> Result<Option<PolicyVersion>, sqlx::Error> {
    sqlx::query_as!(
        PolicyVersion,
        "SELECT id, version, cedar, created_by, created_at FROM policies WHERE tenant_id = $1 AND version = $2",
        tx.tenant_id(),
        version,
    )
    .fetch_optional(&mut **tx)
    .await
}

/// Up to `limit` versions before this one, newest first.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list_policy_versions(
    tx: &mut TenantTx,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<PolicyVersion>, sqlx::Error> {
    sqlx::query_as!(
        PolicyVersion,
        "SELECT id, version, cedar, created_by, created_at FROM policies
         WHERE tenant_id = $1 AND ($2::integer IS NULL OR version < $2)
         ORDER BY version DESC LIMIT $3",
        tx.tenant_id(),
        before,
        limit,
    )
    .fetch_all(&mut **tx)
    .await
}

/// Keeps everybody else from storing a version until the transaction ends. The lock is on the tenant's row, because the
/// rows of versions may not be updated and so not be locked.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lock_policies(tx: &mut TenantTx) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE", tx.tenant_id())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(())
}

/// Stores a text as this version, which is in force from the commit on.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn insert_policies(
    tx: &mut TenantTx,
    id: Uuid,
    version: i32,
    cedar: &str,
    created_by: &str,
) -> Result<PolicyVersion, sqlx::Error> {
    sqlx::query_as!(
        PolicyVersion,
        "INSERT INTO policies (tenant_id, version, id, cedar, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, date_trunc('milliseconds', clock_timestamp()))
         RETURNING id, version, cedar, created_by, created_at",
        tx.tenant_id(),
        version,
        id,
        cedar,
        created_by,
    )
    .fetch_one(&mut **tx)
    .await
}
