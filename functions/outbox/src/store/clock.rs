//! The database's clock.

use chrono::{DateTime, Utc};
use shared::data::Connections;

/// What it reads now.
pub(crate) async fn now(connections: &Connections) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#)
        .fetch_one(connections)
        .await
}
