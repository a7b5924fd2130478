//! Keeping the tables in shape.

use shared::data::Connection;

/// Takes the right to do the upkeep, until the transaction ends. `false` when another sweep is at it.
pub(crate) async fn try_lock(conn: &mut Connection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended('countersign.housekeeping', 0)) AS "locked!""#
    )
    .fetch_one(conn)
    .await
}

/// Bounds every wait for a lock in this transaction. A new partition locks the whole log for a moment, and while it
/// waits for that moment everybody else waits behind it.
pub(crate) async fn bound_lock_waits(conn: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT set_config('lock_timeout', '1s', true) AS bounded")
        .fetch_one(conn)
        .await?;
    Ok(())
}

/// Makes the partitions of this month and the `months_ahead` after it that are not there yet, and counts them.
pub(crate) async fn make_partitions(conn: &mut Connection, months_ahead: i32) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT make_audit_partitions(now(), $1 + 1) AS "made!""#,
        months_ahead
    )
    .fetch_one(conn)
    .await
}

/// Deletes up to `limit` idempotency records that have expired, and counts them.
pub(crate) async fn delete_expired_idempotency_keys(conn: &mut Connection, limit: i64) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM idempotency_keys
         WHERE (tenant_id, principal, route, idempotency_key) IN (
             SELECT tenant_id, principal, route, idempotency_key FROM idempotency_keys
             WHERE expires_at <= now()
             ORDER BY expires_at
             LIMIT $1)",
        limit
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
