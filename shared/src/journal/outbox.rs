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

/// Writes any number of events in one statement, as [`enqueue`] writes one.
///
/// # Errors
/// As [`enqueue`].
pub async fn enqueue_all(
    conn: &mut Connection,
    ctx: &AppContext,
    tenant_id: Uuid,
    events: &[NewOutboxEvent],
) -> Result<(), sqlx::Error> {
    let column = |text: fn(&NewOutboxEvent) -> &'static str| -> Vec<String> {
        events.iter().map(|event| text(event).to_owned()).collect()
    };
    let ids: Vec<Uuid> = events.iter().map(|_| ctx.ids.next()).collect();
    let aggregate_ids: Vec<Uuid> = events.iter().map(|event| event.aggregate_id).collect();
    let versions: Vec<i32> = events.iter().map(|event| event.aggregate_version).collect();
    let payloads: Vec<serde_json::Value> = events.iter().map(|event| event.payload.clone()).collect();
    sqlx::query!(
        r#"
        INSERT INTO outbox (
            tenant_id, id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, created_at
        )
        SELECT $1, e.*, date_trunc('milliseconds', clock_timestamp())
        FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::integer[], $6::text[], $7::jsonb[]) AS e
        "#,
        tenant_id,
        &ids,
        &column(|event| event.aggregate_type),
        &aggregate_ids,
        &versions,
        &column(|event| event.event_type),
        &payloads,
    )
    .execute(conn)
    .await?;
    Ok(())
}
