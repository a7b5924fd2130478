//! Upkeep, once an invocation: the audit log's partitions ahead of time, and idempotency records that have expired.

use shared::context::AppContext;

use crate::store::upkeep;

/// Partitions stand at least this many months ahead; the sweep would have to be broken for that long to run out.
const MONTHS_AHEAD: i32 = 6;
/// One deletion is short enough not to hold anybody up.
const BATCH: i64 = 1_000;
/// What is left after this many is the next invocation's.
const MOST_BATCHES: usize = 20;

/// Does the upkeep, unless another sweep is doing it now.
///
/// # Errors
/// Postgres refused or is gone. What was committed before stays.
pub(crate) async fn keep_house(ctx: &AppContext) -> Result<(), sqlx::Error> {
    let mut tx = ctx.db.begin_without_tenant().await?;
    if !upkeep::try_lock(&mut tx).await? {
        return tx.commit().await;
    }
    upkeep::bound_lock_waits(&mut tx).await?;
    let made = upkeep::make_partitions(&mut tx, MONTHS_AHEAD).await?;
    tx.commit().await?;
    if made > 0 {
        tracing::info!(made, "partitions of the audit log were made ahead of time");
    }

    for _ in 0..MOST_BATCHES {
        let mut tx = ctx.db.begin_without_tenant().await?;
        if !upkeep::try_lock(&mut tx).await? {
            return tx.commit().await;
        }
        let deleted = upkeep::delete_expired_idempotency_keys(&mut tx, BATCH).await?;
        tx.commit().await?;
        if i64::try_from(deleted).is_ok_and(|deleted| deleted < BATCH) {
            break;
        }
    }
    Ok(())
}
