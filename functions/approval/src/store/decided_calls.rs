//! The tool calls that policy decided on, as the log has them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::data::TenantTx;
use uuid::Uuid;

/// A recorded call. What was erased of it is not there.
pub(crate) struct DecidedCall {
    pub(crate) event_id: Uuid,
    pub(crate) recorded_by: String,
    pub(crate) tool: String,
    pub(crate) environment: Option<String>,
    pub(crate) trust_level: Option<i16>,
    pub(crate) decision: Option<String>,
    pub(crate) risk_labels: Vec<String>,
    pub(crate) sanitized_args: Value,
    pub(crate) received_at: DateTime<Utc>,
}

/// The newest `limit` calls that were received within these times and whose arguments were not erased, newest first; without
/// those whose outcome is `but_not`, a regular expression.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list_decided_calls(
    tx: &mut TenantTx,
    action: &str,
    but_not: &str,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    limit: i64,
) -> Result<Vec<DecidedCall>, sqlx::Error> {
    // Ids begin with the time they were minted, by a clock that may be an hour off; bounded by them, partitions outside of
    // the times are not read.
    sqlx::query_as!(
        DecidedCall,
        r#"SELECT event_id, recorded_by, tool, environment, trust_level, decision, risk_labels,
                  sanitized_args AS "sanitized_args!", received_at
           FROM audit_events
           WHERE tenant_id = $1 AND action = $2 AND sanitized_args IS NOT NULL AND (outcome ~ $6) IS NOT TRUE
             AND event_id >= coalesce(uuid7_floor($3::timestamptz - interval '1 hour'), '00000000-0000-0000-0000-000000000000')
             AND event_id < coalesce(uuid7_floor($4::timestamptz + interval '1 hour'), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
             AND ($3::timestamptz IS NULL OR received_at >= $3)
             AND ($4::timestamptz IS NULL OR received_at < $4)
           ORDER BY event_id DESC
           LIMIT $5"#,
        tx.tenant_id(),
        action,
        since,
        until,
        limit,
        but_not,
    )
    .fetch_all(&mut **tx)
    .await
}
