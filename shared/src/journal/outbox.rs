//! The outbox's one way in: what is to leave the system, written in the transaction that made it true.
//!
//! Who receives an event, and how often that is tried, is the outbox function's business.

use uuid::Uuid;

use crate::{context::AppContext, data::Connection};

/// One event to send.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOutboxEvent {
    /// The kind of object that changed, such as `approval`.
    pub aggregate_type: &'static str,
    /// The object.
    pub aggregate_id: Uuid,
    /// The object's version after the change: the order of one object's events, which their ids are not, since
    /// transactions commit late.
    pub aggregate_version: i32,
    /// What happened, such as `approval.approved`.
    pub event_type: &'static str,
    /// The object as of the event, in the form its GET route shows; never a token or secret.
    pub payload: serde_json::Value,
}

/// Writes an event for the sweep to deliver once the transaction has committed, and returns its id.
///
/// # Errors
/// Postgres refused or is gone, or the tenant does not exist.
pub async fn enqueue(
    conn: &mut Connection,
    ctx: &AppContext,
    tenant_id: Uuid,
    event: NewOutboxEvent,
) -> Result<Uuid, sqlx::Error> {
    let id = ctx.ids.next();
    // The database's clock, because readiness measures by it how long an event waits, and functions' clocks may differ.
    sqlx::query!(
        r#"
        INSERT INTO outbox (
            tenant_id, id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, created_at
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, date_trunc('milliseconds', clock_timestamp()))
        "#,
        tenant_id,
        id,
        event.aggregate_type,
        event.aggregate_id,
        event.aggregate_version,
        event.event_type,
        event.payload,
    )
    .execute(conn)
    .await?;
    Ok(id)
}
