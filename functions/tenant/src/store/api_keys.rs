//! API keys and the secrets that rotations left valid for a while.

use chrono::{DateTime, Utc};
use shared::{auth::Role, data::TenantTx};
use uuid::Uuid;

use super::known;
use crate::api_key::ApiKey;

/// What a caller id in use violates.
pub(crate) const CALLER_IS_UNIQUE: &str = "caller_id_is_unique_among_active_keys";

struct Row {
    id: Uuid,
    role: String,
    caller_id: Option<String>,
    user_id: Option<Uuid>,
    owner_user_id: Option<Uuid>,
    trust_level: i16,
    environment: String,
    is_active: bool,
    minted_by: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for ApiKey {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            role: known(&row.role)?,
            caller_id: row.caller_id,
            user_id: row.user_id,
            owner_user_id: row.owner_user_id,
            trust_level: row.trust_level,
            environment: known(&row.environment)?,
            is_active: row.is_active,
            minted_by: row.minted_by,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        })
    }
}

/// Stores a key with the hash of its secret.
///
/// # Errors
/// [`CALLER_IS_UNIQUE`], or Postgres does not answer.
pub(crate) async fn insert(tx: &mut TenantTx, key: &ApiKey, hash: &str) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "INSERT INTO api_keys (tenant_id, id, caller_id, user_id, owner_user_id, key_hash, minted_by, role,
                               trust_level, environment, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        tenant_id,
        key.id,
        key.caller_id,
        key.user_id,
        key.owner_user_id,
        hash,
        key.minted_by,
        key.role.as_str(),
        key.trust_level,
        key.environment.as_str(),
        key.created_at,
        key.expires_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Frees a caller's name from its keys that have expired: the unique index cannot know the time.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn retire_expired(tx: &mut TenantTx, caller_id: &str) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "UPDATE api_keys SET is_active = false
         WHERE tenant_id = $1 AND caller_id = $2 AND is_active AND expires_at <= clock_timestamp()",
        tenant_id,
        caller_id,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A key and its secret's hash, which nobody else changes until the transaction ends.
pub(crate) struct LockedKey {
    pub(crate) key: ApiKey,
    pub(crate) hash: String,
    /// The database's clock, which also decides when a secret ends. Read after the lock was got.
    pub(crate) now: DateTime<Utc>,
}

/// A key of the tenant, to change it.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn lock(tx: &mut TenantTx, id: Uuid) -> Result<Option<LockedKey>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    // A statement of its own, so that the second one reads what the wait for the lock has brought.
    let hash = sqlx::query_scalar!(
        "SELECT key_hash FROM api_keys WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        tenant_id,
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(hash) = hash else { return Ok(None) };
    let now = super::database_clock(tx).await?;
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, role, caller_id, user_id, owner_user_id, trust_level, environment,
                  (is_active AND (expires_at IS NULL OR expires_at > $3)) AS "is_active!",
                  minted_by, created_at, last_used_at, expires_at, revoked_at
           FROM api_keys WHERE tenant_id = $1 AND id = $2"#,
        tenant_id,
        id,
        now,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Some(LockedKey {
        key: row.try_into()?,
        hash,
        now,
    }))
}

/// Ends a key and all of its secrets.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn revoke(tx: &mut TenantTx, id: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "UPDATE api_keys SET is_active = false, revoked_at = $3 WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        id,
        now,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM api_key_earlier_secrets WHERE tenant_id = $1 AND api_key_id = $2",
        tenant_id,
        id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives a key a new secret. The one it had, and those before it, stay valid until `overlap_end` at the latest, and not at
/// all without one.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn rotate(
    tx: &mut TenantTx,
    locked: &LockedKey,
    overlap_end: Option<DateTime<Utc>>,
    new_hash: &str,
    minted_by: &str,
) -> Result<(), sqlx::Error> {
    let (tenant_id, id) = (tx.tenant_id(), locked.key.id);
    // Each of them costs a wrong secret one more bcrypt: with the one that joins them now, four are kept.
    sqlx::query!(
        "DELETE FROM api_key_earlier_secrets
         WHERE tenant_id = $1 AND api_key_id = $2
           AND ($4::timestamptz IS NULL OR key_hash NOT IN (
               SELECT key_hash FROM api_key_earlier_secrets
               WHERE tenant_id = $1 AND api_key_id = $2 AND expires_at > $3
               ORDER BY expires_at DESC, key_hash
               LIMIT 3))",
        tenant_id,
        id,
        locked.now,
        overlap_end,
    )
    .execute(&mut **tx)
    .await?;
    if let Some(end) = overlap_end {
        sqlx::query!(
            "UPDATE api_key_earlier_secrets SET expires_at = least(expires_at, $3)
             WHERE tenant_id = $1 AND api_key_id = $2",
            tenant_id,
            id,
            end,
        )
        .execute(&mut **tx)
        .await?;
        sqlx::query!(
            "INSERT INTO api_key_earlier_secrets (tenant_id, api_key_id, key_hash, expires_at)
             VALUES ($1, $2, $3, $4)",
            tenant_id,
            id,
            locked.hash,
            end,
        )
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query!(
        "UPDATE api_keys
         SET key_hash = $3, minted_by = $4, former_minters = array_append(array_remove(former_minters, minted_by), minted_by)
         WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        id,
        new_hash,
        minted_by,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Which keys to list.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) role: Option<Role>,
    pub(crate) caller_id: Option<String>,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) is_active: Option<bool>,
}

/// Keys before an id, newest first.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list(
    tx: &mut TenantTx,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ApiKey>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Row,
        r#"SELECT id, role, caller_id, user_id, owner_user_id, trust_level, environment,
                  (is_active AND (expires_at IS NULL OR expires_at > statement_timestamp())) AS "is_active!",
                  minted_by, created_at, last_used_at, expires_at, revoked_at
           FROM api_keys
           WHERE tenant_id = $1
             AND ($2::uuid IS NULL OR id < $2)
             AND ($3::text IS NULL OR role = $3)
             AND ($4::text IS NULL OR caller_id = $4)
             AND ($5::uuid IS NULL OR user_id = $5)
             AND ($6::boolean IS NULL
                  OR (is_active AND (expires_at IS NULL OR expires_at > statement_timestamp())) = $6)
           ORDER BY id DESC
           LIMIT $7"#,
        tenant_id,
        before,
        filter.role.map(Role::as_str),
        filter.caller_id,
        filter.user_id,
        filter.is_active,
        limit,
    )
    .fetch_all(&mut **tx)
    .await?
    .into_iter()
    .map(ApiKey::try_from)
    .collect()
}
