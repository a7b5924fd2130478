//! Upkeep in every invocation: the audit log's partitions ahead of time, and idempotency records that have expired.

use shared::context::AppContext;

use crate::store::upkeep;

/// Partitions stand at least this many months ahead; the sweep would have to be broken for that long to run out.
const MONTHS_AHEAD: i32 = 6;
/// One deletion is short enough not to hold anybody up.
const BATCH: i64 = 1_000;
/// So many deletions are one turn's, and the events that came meanwhile are next.
const MOST_BATCHES: usize = 5;

/// Does the upkeep, unless another sweep is doing it now. `true` when there are more expired records, for
/// [`delete_expired_records`].
///
/// # Errors
/// Postgres refused or is gone. What was committed before stays.
pub(crate) async fn keep_house(ctx: &AppContext) -> Result<bool, sqlx::Error> {
    let mut tx = ctx.db.begin_without_tenant().await?;
    if !upkeep::try_lock(&mut tx).await? {
        tx.commit().await?;
        return Ok(false);
    }
    upkeep::bound_lock_waits(&mut tx).await?;
    let made = upkeep::make_partitions(&mut tx, MONTHS_AHEAD).await?;
    tx.commit().await?;
    if made > 0 {
        tracing::info!(made, "partitions of the audit log were made ahead of time");
    }
    delete_expired_records(ctx).await
}

/// Deletes idempotency records that have expired, as many as a turn may. `true` when there are more, and no other sweep is at
/// them.
///
/// # Errors
/// Postgres refused or is gone. What was committed before stays.
pub(crate) async fn delete_expired_records(ctx: &AppContext) -> Result<bool, sqlx::Error> {
    for _ in 0..MOST_BATCHES {
        let mut tx = ctx.db.begin_without_tenant().await?;
        let is_full = upkeep::try_lock(&mut tx).await?
            && upkeep::delete_expired_idempotency_keys(&mut tx, BATCH).await? >= BATCH.unsigned_abs();
        tx.commit().await?;
        if !is_full {
            return Ok(false);
        }
    }
    Ok(true)
}
