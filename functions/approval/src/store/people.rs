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
        SELECT u.id AS user_id, u.groups,
               ARRAY(SELECT DISTINCT minter
                     FROM api_keys k, unnest(k.former_minters || k.minted_by) AS minter
                     WHERE k.tenant_id = $1 AND k.user_id = u.id) AS "minted_by!"
        FROM users u
        WHERE u.tenant_id = $1 AND u.status = 'ACTIVE' AND u.role IN ('admin', 'approver')
          AND ($2::uuid IS NULL OR u.id = $2)
        "#,
        tenant_id,
        only,
    )
    .fetch_all(&mut **tx)
    .await
}
