//! People.

use chrono::{DateTime, Utc};
use shared::data::TenantTx;
use uuid::Uuid;

use super::known;
use crate::user::{PersonRole, User, UserStatus};

/// What a taken email address violates.
pub(crate) const EMAIL_IS_UNIQUE: &str = "user_email_is_unique_in_its_tenant";

struct Row {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    groups: Vec<String>,
    status: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for User {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            email: row.email,
            name: row.name,
            role: known(&row.role)?,
            groups: row.groups,
            status: known(&row.status)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Stores a person.
///
/// # Errors
/// [`EMAIL_IS_UNIQUE`], or Postgres does not answer.
pub(crate) async fn insert(tx: &mut TenantTx, user: &User) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "INSERT INTO users (tenant_id, id, email, name, role, groups, status, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant_id,
        user.id,
        user.email,
        user.name,
        user.role.as_str(),
        &user.groups,
        user.status.as_str(),
        user.created_at,
        user.updated_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A person of the tenant.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find(tx: &mut TenantTx, id: Uuid) -> Result<Option<User>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Row,
        "SELECT id, email, name, role, groups, status, created_at, updated_at
         FROM users WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        id,
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(User::try_from)
    .transpose()
}

/// A person of the tenant, whom nobody else changes until the transaction ends.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lock(tx: &mut TenantTx, id: Uuid) -> Result<Option<User>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Row,
        "SELECT id, email, name, role, groups, status, created_at, updated_at
         FROM users WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        tenant_id,
        id,
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(User::try_from)
    .transpose()
}

/// Whether somebody but this person is an active admin.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn another_admin_exists(tx: &mut TenantTx, but: Uuid) -> Result<bool, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM users WHERE tenant_id = $1 AND id <> $2 AND role = 'admin' AND status = 'ACTIVE'
           ) AS "exists!""#,
        tenant_id,
        but,
    )
    .fetch_one(&mut **tx)
    .await
}

/// Whether the tenant ever got an admin, active or not.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn any_admin_exists(tx: &mut TenantTx) -> Result<bool, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE tenant_id = $1 AND role = 'admin') AS "exists!""#,
        tenant_id,
    )
    .fetch_one(&mut **tx)
    .await
}

/// Stores the changed state of a person, and gives their keys their role.
///
/// # Errors
/// [`EMAIL_IS_UNIQUE`], or Postgres does not answer.
pub(crate) async fn update(tx: &mut TenantTx, user: &User) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "UPDATE users SET email = $3, name = $4, role = $5, groups = $6, status = $7, updated_at = $8
         WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        user.id,
        user.email,
        user.name,
        user.role.as_str(),
        &user.groups,
        user.status.as_str(),
        user.updated_at,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE api_keys SET role = $3 WHERE tenant_id = $1 AND user_id = $2 AND role <> $3",
        tenant_id,
        user.id,
        user.role.as_str(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Which people to list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter {
    pub(crate) role: Option<PersonRole>,
    pub(crate) status: Option<UserStatus>,
}

/// People before an id, newest first.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list(
    tx: &mut TenantTx,
    filter: Filter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<User>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Row,
        "SELECT id, email, name, role, groups, status, created_at, updated_at
         FROM users
         WHERE tenant_id = $1
           AND ($2::uuid IS NULL OR id < $2)
           AND ($3::text IS NULL OR role = $3)
           AND ($4::text IS NULL OR status = $4)
         ORDER BY id DESC
         LIMIT $5",
        tenant_id,
        before,
        filter.role.map(PersonRole::as_str),
        filter.status.map(UserStatus::as_str),
        limit,
    )
    .fetch_all(&mut **tx)
    .await?
    .into_iter()
    .map(User::try_from)
    .collect()
}
