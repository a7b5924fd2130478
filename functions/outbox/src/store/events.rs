//! Events that have not been handed to their destinations.

use shared::data::Connection;
use uuid::Uuid;

/// An event to hand on.
pub(crate) struct Unprocessed {
    pub(crate) tenant_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) event_type: String,
}

/// Locks the oldest events not handed on yet, but for those another sweep is at, until the transaction ends.
pub(crate) async fn claim(conn: &mut Connection, limit: i64) -> Result<Vec<Unprocessed>, sqlx::Error> {
    sqlx::query_as!(
        Unprocessed,
        "SELECT tenant_id, id, event_type FROM outbox
         WHERE processed_at IS NULL
         ORDER BY created_at
         LIMIT $1
         FOR UPDATE SKIP LOCKED",
        limit
    )
    .fetch_all(conn)
    .await
}

/// Makes the deliveries: one for each place of the three lists.
pub(crate) async fn insert_deliveries(
    conn: &mut Connection,
    tenant_ids: &[Uuid],
    event_ids: &[Uuid],
    destinations: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO outbox_deliveries (tenant_id, event_id, destination, next_attempt_at)
         SELECT wanted.tenant_id, wanted.event_id, wanted.destination, now()
         FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS wanted (tenant_id, event_id, destination)
         ON CONFLICT DO NOTHING",
        tenant_ids,
        event_ids,
        destinations,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Says that these events were handed on.
pub(crate) async fn mark_processed(
    conn: &mut Connection,
    tenant_ids: &[Uuid],
    event_ids: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE outbox SET processed_at = clock_timestamp()
         FROM unnest($1::uuid[], $2::uuid[]) AS done (tenant_id, id)
         WHERE outbox.tenant_id = done.tenant_id AND outbox.id = done.id",
        tenant_ids,
        event_ids,
    )
    .execute(conn)
    .await?;
    Ok(())
}
