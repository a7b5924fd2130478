//! Decision links.

use chrono::{DateTime, Utc};
use shared::data::TenantTx;
use uuid::Uuid;

/// A link as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewLink {
    pub(crate) approval_id: Uuid,
    /// Whose it is.
    pub(crate) user_id: Uuid,
    /// SHA-256 of its secret.
    pub(crate) secret_digest: [u8; 32],
    /// The key that its person asked with.
    pub(crate) api_key_id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Stores a person's link to a request, in the place of the one they had. It is bound to the secret that their key has now.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn replace_link(tx: &mut TenantTx, link: &NewLink) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO decision_links (tenant_id, approval_id, user_id, secret_digest, api_key_id, key_digest, created_at, expires_at)
         SELECT $1, $2, $3, $4, k.id, sha256(convert_to(k.key_hash, 'UTF8')), $6, $7
         FROM api_keys k
         WHERE k.tenant_id = $1 AND k.id = $5
         ON CONFLICT (tenant_id, approval_id, user_id) DO UPDATE
         SET secret_digest = excluded.secret_digest, api_key_id = excluded.api_key_id, key_digest = excluded.key_digest,
             created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL",
        tx.tenant_id(),
        link.approval_id,
        link.user_id,
        link.secret_digest.as_slice(),
        link.api_key_id,
        link.created_at,
        link.expires_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whose link to this request has a secret of this digest, if it works: not used, not expired, of an active person in an active
/// tenant, and made with a secret that still opens its key.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find_link_holder(
    tx: &mut TenantTx,
    approval_id: Uuid,
    secret_digest: &[u8; 32],
) -> Result<Option<Uuid>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_scalar!(
        "SELECT l.user_id FROM decision_links l
         JOIN tenants t ON t.id = l.tenant_id AND t.status = 'ACTIVE'
         JOIN users u ON u.tenant_id = l.tenant_id AND u.id = l.user_id AND u.status = 'ACTIVE'
         JOIN api_keys k ON k.tenant_id = l.tenant_id AND k.id = l.api_key_id
              AND k.is_active AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
         WHERE l.tenant_id = $1 AND l.approval_id = $2 AND l.secret_digest = $3
           AND l.used_at IS NULL AND l.expires_at > clock_timestamp()
           AND (l.key_digest = sha256(convert_to(k.key_hash, 'UTF8'))
                OR EXISTS (SELECT FROM api_key_earlier_secrets e
                    WHERE e.tenant_id = k.tenant_id AND e.api_key_id = k.id AND e.expires_at > clock_timestamp()
                      AND l.key_digest = sha256(convert_to(e.key_hash, 'UTF8'))))",
        tenant_id,
        approval_id,
        secret_digest.as_slice(),
    )
    .fetch_optional(&mut **tx)
    .await
}

/// Uses the person's link up, and says whether it works still. Under the request's lock, so that of two who present it at once
/// the second finds it used.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn use_link(
    tx: &mut TenantTx,
    approval_id: Uuid,
    user_id: Uuid,
    secret_digest: &[u8; 32],
) -> Result<bool, sqlx::Error> {
    if find_link_holder(tx, approval_id, secret_digest).await? != Some(user_id) {
        return Ok(false);
    }
    let used = sqlx::query!(
        "UPDATE decision_links SET used_at = clock_timestamp()
         WHERE tenant_id = $1 AND approval_id = $2 AND user_id = $3 AND secret_digest = $4 AND used_at IS NULL",
        tx.tenant_id(),
        approval_id,
        user_id,
        secret_digest.as_slice(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(used.rows_affected() == 1)
}
