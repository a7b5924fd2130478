//! The people who may decide, as the rules of eligibility need to know them.

use shared::data::TenantTx;
use uuid::Uuid;

use crate::eligibility::Approver;

/// Everybody who is active and an approver or admin.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list_approvers(tx: &mut TenantTx) -> Result<Vec<Approver>, sqlx::Error> {
    approvers(tx, None).await
}

/// This person, if they are active and an approver or admin now: they may have ceased to be since they were
/// authenticated.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find_approver(tx: &mut TenantTx, user_id: Uuid) -> Result<Option<Approver>, sqlx::Error> {
    Ok(approvers(tx, Some(user_id)).await?.pop())
}

async fn approvers(tx: &mut TenantTx, only: Option<Uuid>) -> Result<Vec<Approver>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Approver,
        r#"
        WITH live_keys AS (
            SELECT k.id, k.user_id, k.minted_by FROM api_keys k
            WHERE k.tenant_id = $1 AND k.is_active AND k.user_id IS NOT NULL
              AND ($2::uuid IS NULL OR k.user_id = $2)
              AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        ), secrets AS (
            SELECT l.user_id, l.minted_by FROM live_keys l
            UNION
            SELECT l.user_id, e.minted_by FROM live_keys l
            JOIN api_key_earlier_secrets e ON e.tenant_id = $1 AND e.api_key_id = l.id
            WHERE e.expires_at > clock_timestamp()
        )
        SELECT u.id AS user_id, u.groups,
               coalesce(array_agg(s.minted_by) FILTER (WHERE s.minted_by IS NOT NULL), '{}') AS "minted_by!"
        FROM users u LEFT JOIN secrets s ON s.user_id = u.id
        WHERE u.tenant_id = $1 AND u.status = 'ACTIVE' AND u.role IN ('admin', 'approver')
          AND ($2::uuid IS NULL OR u.id = $2)
        GROUP BY u.id, u.groups
        "#,
        tenant_id,
        only,
    )
    .fetch_all(&mut **tx)
    .await
}
