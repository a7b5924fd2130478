//! Tenants.

use chrono::{DateTime, Utc};
use shared::data::{Connections, TenantTx};
use uuid::Uuid;

use super::known;
use crate::tenant::Tenant;

/// What a taken slug violates.
pub(crate) const SLUG_IS_UNIQUE: &str = "tenant_slug_is_unique";

struct Row {
    id: Uuid,
    name: String,
    slug: String,
    plan: String,
    status: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Tenant {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            plan: known(&row.plan)?,
            status: known(&row.status)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Stores a tenant, in a transaction that is in that tenant already; `false` when another has its slug.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn insert(tx: &mut TenantTx, tenant: &Tenant) -> Result<bool, sqlx::Error> {
    let stored = sqlx::query!(
        "INSERT INTO tenants (id, name, slug, plan, status, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT ON CONSTRAINT tenant_slug_is_unique DO NOTHING",
        tenant.id,
        tenant.name,
        tenant.slug,
        tenant.plan.as_str(),
        tenant.status.as_str(),
        tenant.created_at,
        tenant.updated_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// The tenant of the transaction.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find(tx: &mut TenantTx) -> Result<Option<Tenant>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Row,
        "SELECT id, name, slug, plan, status, created_at, updated_at FROM tenants WHERE id = $1",
        tenant_id,
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(Tenant::try_from)
    .transpose()
}

/// The tenant of the transaction, which nobody else changes until it ends. Whoever decides by the tenant's people takes
/// this lock too; new rows that refer to the tenant do not wait for it.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lock(tx: &mut TenantTx) -> Result<Option<Tenant>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Row,
        "SELECT id, name, slug, plan, status, created_at, updated_at FROM tenants WHERE id = $1 FOR NO KEY UPDATE",
        tenant_id,
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(Tenant::try_from)
    .transpose()
}

/// Stores the changed state of a tenant.
///
/// # Errors
/// [`SLUG_IS_UNIQUE`], or Postgres does not answer.
pub(crate) async fn update(tx: &mut TenantTx, tenant: &Tenant) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE tenants SET name = $2, slug = $3, plan = $4, status = $5, updated_at = $6 WHERE id = $1",
        tenant.id,
        tenant.name,
        tenant.slug,
        tenant.plan.as_str(),
        tenant.status.as_str(),
        tenant.updated_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// All tenants before an id, newest first. Only for the operator.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list(
    connections: &Connections,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Tenant>, sqlx::Error> {
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    sqlx::query_as!(
        Row,
        r#"SELECT id AS "id!", name AS "name!", slug AS "slug!", plan AS "plan!", status AS "status!",
                  created_at AS "created_at!", updated_at AS "updated_at!"
           FROM lookup.tenants_page($1, $2)"#,
        before,
        limit,
    )
    .fetch_all(connections)
    .await?
    .into_iter()
    .map(Tenant::try_from)
    .collect()
}
