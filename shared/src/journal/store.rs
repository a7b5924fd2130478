//! The journal's SQL for audit events.
//!
//! A batch travels as one array per column (`unnest`): COPY does not work under row-level security, and a statement per
//! event would cost a round trip per event.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::prepared::PreparedEvent;
use crate::data::Connection;

/// What the log already holds under a recorder's request id.
pub(super) struct Recorded {
    pub(super) event_id: Uuid,
    pub(super) content_salt: Vec<u8>,
    pub(super) content_hash: Vec<u8>,
    pub(super) leaf_hash: Vec<u8>,
    pub(super) received_at: DateTime<Utc>,
}

/// A recorder and its own id of an event: `(recorded_by, request_id)`.
pub(super) type Key = (String, String);

/// Stores the events whose keys are not taken yet, in the order given, and tells when each of those was received.
///
/// Callers give the events sorted by key. Two batches that overlap then wait for each other at their first common key
/// instead of holding what the other needs.
pub(super) async fn insert_events(
    conn: &mut Connection,
    tenant_id: Uuid,
    events: &[&PreparedEvent],
) -> Result<HashMap<Uuid, DateTime<Utc>>, sqlx::Error> {
    let column = Columns { events };
    // The events are joined with the claimed ids, so their clock is read when the transaction has its id, and the pending
    // rows take that same time: the sealer's watermark rests on both.
    let stored = sqlx::query!(
        r#"
        WITH submitted AS (
            SELECT * FROM unnest(
                $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[],
                $10::text[], $11::text[], $12::bigint[], $13::text[], $14::text[], $15::text[], $16::timestamptz[],
                $17::text[], $18::bytea[], $19::text[], $20::text[], $21::bytea[], $22::text[], $23::bytea[], $24::bytea[]
            ) WITH ORDINALITY AS s (
                event_id, request_id, recorded_by, tool, action, correlation_id, environment, trust_level,
                decision, outcome, latency_ms, risk_labels, redaction_flags, raw_args_hash, occurred_at,
                entry, leaf_hash, caller_id, sanitized_args, args_salt, disclosures, content_salt, content_hash, place
            )
        ), claimed AS (
            INSERT INTO audit_request_ids (tenant_id, recorded_by, request_id, content_salt, content_hash, event_id)
            SELECT $1, recorded_by, request_id, content_salt, content_hash, event_id FROM submitted ORDER BY place
            ON CONFLICT DO NOTHING
            RETURNING event_id
        ), stored AS (
            INSERT INTO audit_events (
                tenant_id, event_id, request_id, recorded_by, tool, action, correlation_id, environment, trust_level,
                decision, outcome, latency_ms, risk_labels, redaction_flags, raw_args_hash, occurred_at,
                entry, leaf_hash, caller_id, sanitized_args, args_salt, disclosures
            )
            SELECT
                $1, s.event_id, s.request_id, s.recorded_by, s.tool, s.action, s.correlation_id, s.environment,
                s.trust_level, s.decision, s.outcome, s.latency_ms,
                ARRAY(SELECT json_array_elements_text(s.risk_labels::json)),
                ARRAY(SELECT json_array_elements_text(s.redaction_flags::json)), s.raw_args_hash, s.occurred_at,
                s.entry, s.leaf_hash, s.caller_id, s.sanitized_args::json, s.args_salt,
                ARRAY(SELECT json_array_elements_text(s.disclosures::json))
            FROM submitted s JOIN claimed USING (event_id)
            RETURNING event_id, received_at
        ), pending AS (
            INSERT INTO audit_pending (tenant_id, event_id, received_at)
            SELECT $1, event_id, received_at FROM stored
        )
        SELECT event_id, received_at FROM stored
        "#,
        tenant_id,
        &column.of(|event| event.event_id),
        &column.of(|event| event.request_id.clone()),
        &column.of(|event| event.recorded_by.clone()),
        &column.of(|event| event.tool.clone()),
        &column.of(|event| event.action.clone()) as &[Option<String>],
        &column.of(|event| event.correlation_id.clone()) as &[Option<String>],
        &column.of(|event| event.environment.clone()) as &[Option<String>],
        &column.of(|event| event.trust_level) as &[Option<i16>],
        &column.of(|event| event.decision.clone()) as &[Option<String>],
        &column.of(|event| event.outcome.clone()) as &[Option<String>],
        &column.of(|event| event.latency_ms) as &[Option<i64>],
        &column.of(|event| list(&event.risk_labels)),
        &column.of(|event| list(&event.redaction_flags)),
        &column.of(|event| event.raw_args_hash.clone()),
        &column.of(|event| event.occurred_at) as &[Option<DateTime<Utc>>],
        &column.of(|event| event.entry.clone()),
        &column.of(|event| event.leaf_hash.to_vec()),
        &column.of(|event| event.caller_id.clone()) as &[Option<String>],
        &column.of(|event| event.sanitized_args.clone()),
        &column.of(|event| event.args_salt.map(Vec::from)) as &[Option<Vec<u8>>],
        &column.of(|event| list(&event.disclosures)),
        &column.of(|event| event.content_salt.to_vec()),
        &column.of(|event| event.content_hash.to_vec()),
    )
    .fetch_all(conn)
    .await?;
    Ok(stored.into_iter().map(|row| (row.event_id, row.received_at)).collect())
}

/// What is recorded under these keys.
///
/// A statement of its own, because the snapshot of the one that met a taken key is older than the row which took it.
pub(super) async fn list_recorded(
    conn: &mut Connection,
    tenant_id: Uuid,
    keys: &[&PreparedEvent],
) -> Result<HashMap<Key, Recorded>, sqlx::Error> {
    let column = Columns { events: keys };
    let recorded = sqlx::query!(
        r#"
        SELECT r.recorded_by, r.request_id, r.content_salt, r.content_hash, r.event_id, e.leaf_hash, e.received_at
        FROM unnest($2::text[], $3::text[]) AS k (recorded_by, request_id)
        JOIN audit_request_ids r
            ON r.tenant_id = $1 AND r.recorded_by = k.recorded_by AND r.request_id = k.request_id
        JOIN audit_events e ON e.tenant_id = r.tenant_id AND e.event_id = r.event_id
        "#,
        tenant_id,
        &column.of(|event| event.recorded_by.clone()),
        &column.of(|event| event.request_id.clone()),
    )
    .fetch_all(conn)
    .await?;
    Ok(recorded
        .into_iter()
        .map(|row| {
            let recorded = Recorded {
                event_id: row.event_id,
                content_salt: row.content_salt,
                content_hash: row.content_hash,
                leaf_hash: row.leaf_hash,
                received_at: row.received_at,
            };
            ((row.recorded_by, row.request_id), recorded)
        })
        .collect())
}

struct Columns<'a> {
    events: &'a [&'a PreparedEvent],
}

impl Columns<'_> {
    fn of<T>(&self, value: impl Fn(&PreparedEvent) -> T) -> Vec<T> {
        self.events.iter().map(|event| value(event)).collect()
    }
}

/// A list as JSON: Postgres has no arrays of lists of different lengths.
fn list(items: &[String]) -> String {
    serde_json::Value::from(items).to_string()
}
