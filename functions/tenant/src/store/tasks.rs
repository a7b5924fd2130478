//! Tasks, which are nothing but their outbox events.

use shared::data::TenantTx;
use uuid::Uuid;

use crate::task::Outcome;

/// How far a task has come, if there is one of this id.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find(tx: &mut TenantTx, id: Uuid) -> Result<Option<Outcome>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    let delivery = sqlx::query_scalar!(
        r#"SELECT d.status AS "status?"
           FROM outbox o
           LEFT JOIN outbox_deliveries d ON d.tenant_id = o.tenant_id AND d.event_id = o.id AND d.destination = 'pong'
           WHERE o.tenant_id = $1 AND o.aggregate_id = $2 AND o.aggregate_type = 'task'"#,
        tenant_id,
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(delivery.map(|status| Outcome::of_delivery(status.as_deref())))
}
