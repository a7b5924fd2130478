//! Hands events on: one delivery for each destination of an event's type.

use shared::context::AppContext;
use uuid::Uuid;

use crate::{handlers::Handlers, store::events};

/// Hands on up to `batch` events and says how many. Their deliveries and the mark that they were handed on commit
/// together, so each event is handed on exactly once, however many sweeps run.
///
/// # Errors
/// Postgres refused or is gone; nothing was handed on.
pub(crate) async fn fan_out(ctx: &AppContext, handlers: &Handlers, batch: u32) -> Result<u64, sqlx::Error> {
    let mut tx = ctx.db.begin_without_tenant().await?;
    let claimed = events::claim(&mut tx, i64::from(batch)).await?;
    if claimed.is_empty() {
        tx.commit().await?;
        return Ok(0);
    }

    let (mut tenant_ids, mut event_ids, mut destinations) = (Vec::new(), Vec::new(), Vec::new());
    for event in &claimed {
        for destination in handlers.destinations_of(&event.event_type) {
            tenant_ids.push(event.tenant_id);
            event_ids.push(event.id);
            destinations.push(destination.to_owned());
        }
    }
    events::insert_deliveries(&mut tx, &tenant_ids, &event_ids, &destinations).await?;
    let (tenant_ids, event_ids): (Vec<Uuid>, Vec<Uuid>) =
        claimed.iter().map(|event| (event.tenant_id, event.id)).unzip();
    events::mark_processed(&mut tx, &tenant_ids, &event_ids).await?;
    tx.commit().await?;
    Ok(claimed.len() as u64)
}
