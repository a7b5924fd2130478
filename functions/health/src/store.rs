//! What readiness asks the database.

use shared::data::Connections;

/// How far behind the outbox is, over all tenants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    /// Events not handed on yet.
    pub(crate) pending: i64,
    /// The age of the oldest of them, in seconds.
    pub(crate) oldest_seconds: f64,
}

/// Counts what waits.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn outbox_backlog(connections: &Connections) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as!(
        Backlog,
        r#"SELECT pending AS "pending!", oldest_seconds AS "oldest_seconds!" FROM lookup.outbox_backlog()"#
    )
    .fetch_one(connections)
    .await
}
