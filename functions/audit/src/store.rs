//! What is read from the log.

use shared::data::Connection;
use uuid::Uuid;

use crate::{
    event::AuditEvent,
    filters::{Filters, IdRange},
};

/// As many ids as an answer about an ambiguous request id names.
const MAX_AMBIGUOUS: i64 = 100;

/// The newest `limit` events in the range of ids that pass the filters.
pub(crate) async fn list(
    conn: &mut Connection,
    tenant_id: Uuid,
    filters: &Filters,
    range: IdRange,
    limit: i64,
) -> Result<Vec<AuditEvent>, sqlx::Error> {
    // The range is compared bare, without a test for null, so that partitions outside of it are not even opened. Request
    // ids are looked up where they are indexed.
    sqlx::query_as!(
        AuditEvent,
        r#"
        SELECT
            e.event_id, e.request_id, e.recorded_by, e.caller_id, e.tool, e.action, e.correlation_id, e.environment,
            e.trust_level, e.decision, e.outcome, e.latency_ms, e.risk_labels, e.occurred_at, e.raw_args_hash,
            encode(e.args_salt, 'hex') AS args_salt, e.sanitized_args, e.redaction_flags, e.received_at,
            encode(e.leaf_hash, 'hex') AS "leaf_hash!",
            NOT EXISTS (
                SELECT FROM audit_pending p WHERE p.tenant_id = e.tenant_id AND p.event_id = e.event_id
            ) AS "sealed!"
        FROM audit_events e
        WHERE e.tenant_id = $1 AND e.event_id >= $2 AND e.event_id < $3
          AND ($4::text IS NULL OR e.recorded_by = $4)
          AND ($5::text IS NULL OR e.event_id = ANY (ARRAY(
                  SELECT r.event_id FROM audit_request_ids r WHERE r.tenant_id = $1 AND r.request_id = $5)))
          AND ($6::text IS NULL OR e.correlation_id = $6)
          AND ($7::text IS NULL OR e.caller_id = $7)
          AND ($8::text IS NULL OR e.recorded_by = $8)
          AND ($9::text IS NULL OR e.decision = $9)
          AND ($10::text IS NULL OR e.tool = $10)
          AND ($11::text IS NULL OR e.action = $11)
          AND ($12::text IS NULL OR $12 = ANY (e.risk_labels))
          AND ($13::timestamptz IS NULL OR e.received_at >= $13)
          AND ($14::timestamptz IS NULL OR e.received_at < $14)
        ORDER BY e.event_id DESC
        LIMIT $15
        "#,
        tenant_id,
        range.from,
        range.until,
        filters.own.as_deref(),
        filters.request_id.as_deref(),
        filters.correlation_id.as_deref(),
        filters.caller_id.as_deref(),
        filters.recorded_by.as_deref(),
        filters.decision.as_deref(),
        filters.tool.as_deref(),
        filters.action.as_deref(),
        filters.risk_label.as_deref(),
        filters.from,
        filters.to,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// The event with this id, if it is `own`'s where `own` is named.
pub(crate) async fn find(
    conn: &mut Connection,
    tenant_id: Uuid,
    event_id: Uuid,
    own: Option<&str>,
) -> Result<Option<AuditEvent>, sqlx::Error> {
    let filters = Filters {
        own: own.map(str::to_owned),
        ..Filters::default()
    };
    Ok(list(conn, tenant_id, &filters, IdRange::only(event_id), 1).await?.pop())
}

/// The newest ids of the events recorded under a request id, by `own` where `own` is named.
pub(crate) async fn list_ids_of_request(
    conn: &mut Connection,
    tenant_id: Uuid,
    request_id: &str,
    own: Option<&str>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT event_id FROM audit_request_ids
         WHERE tenant_id = $1 AND request_id = $2 AND ($3::text IS NULL OR recorded_by = $3)
         ORDER BY event_id DESC
         LIMIT $4",
        tenant_id,
        request_id,
        own,
        MAX_AMBIGUOUS,
    )
    .fetch_all(conn)
    .await
}
