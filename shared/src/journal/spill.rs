//! Where audit events go that Postgres did not take: one structured log line each, whole enough to be replayed.
//!
//! Raw arguments and salts never enter a line. Lines carry the writer (one per process) and its sequence number, so that
//! whoever collects them sees from a gap that one was lost; lines lost at the very end leave none.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    audit_log::AppendError,
    disclosure,
    entry::{Stamp, entry, leaf_hash},
    event::NewAuditEvent,
    prepared::{CALLER_ID, PreparedEvent, SANITIZED_ARGS},
};
use crate::context::AppContext;

/// The target of every line here. The field `event` of such a line is exempt from the mask of logs.
pub(crate) const TARGET: &str = "audit.spill";

/// The member of an entry that holds the digests of disclosures.
const DIGESTS: &str = "_sd";

// The sequence belongs to the process and to nothing in it: two contexts that counted apart would show false gaps.
static WRITER: OnceLock<Uuid> = OnceLock::new();
static LINES: AtomicU64 = AtomicU64::new(0);

/// An audit event as a spill line carries it in its field `event`, in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpilledEvent {
    pub(super) tenant_id: Uuid,
    pub(super) event: PreparedEvent,
}

impl SpilledEvent {
    pub(super) fn new(tenant_id: Uuid, event: PreparedEvent) -> Self {
        Self {
            tenant_id,
            event: event.without_salts(),
        }
    }

    /// Whose log it belongs to.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    /// Whether this is still the event that was hashed: the leaf hash is its entry's, and everything beside the entry says
    /// what the entry says or commits to. So what happened to a line on its way is noticed; whoever computes the hashes
    /// anew is not.
    pub(super) fn is_intact(&self) -> bool {
        leaf_hash(&self.event.entry) == self.event.leaf_hash && self.agrees_with_its_entry().unwrap_or(false)
    }

    /// `None` if a part cannot be read.
    fn agrees_with_its_entry(&self) -> Option<bool> {
        let event = &self.event;
        let told = NewAuditEvent {
            request_id: event.request_id.clone(),
            recorded_by: event.recorded_by.clone(),
            caller_id: event.caller_id.clone(),
            tool: event.tool.clone(),
            action: event.action.clone(),
            correlation_id: event.correlation_id.clone(),
            environment: event.environment.clone(),
            trust_level: event.trust_level,
            decision: event.decision.clone(),
            outcome: event.outcome.clone(),
            latency_ms: event.latency_ms,
            arguments: Map::new(),
            risk_labels: event.risk_labels.clone(),
            occurred_at: event.occurred_at,
        };
        let told = entry(
            &told,
            Stamp {
                event_id: event.event_id,
                tenant_id: self.tenant_id,
                redaction_flags: &event.redaction_flags,
                raw_args_hash: &event.raw_args_hash,
                disclosures: &event.disclosures,
            },
        );
        let mut told: Map<String, Value> = serde_json::from_str(&told.ok()?).ok()?;
        let mut hashed: Map<String, Value> = serde_json::from_str(&event.entry).ok()?;
        // The entry also commits to the salt, whose disclosure was never logged.
        let (disclosed, committed) = (told.remove(DIGESTS)?, hashed.remove(DIGESTS)?);
        let (disclosed, committed) = (disclosed.as_array()?, committed.as_array()?);

        let opened = event.disclosures.iter().map(|text| disclosure::open(text));
        let mut shown = opened.collect::<Option<Map<String, Value>>>()?;
        let arguments: Value = serde_json::from_str(&event.sanitized_args).ok()?;
        Some(
            told == hashed
                && disclosed.iter().all(|digest| committed.contains(digest))
                && shown.remove(SANITIZED_ARGS)? == arguments
                && shown.remove(CALLER_ID) == event.caller_id.clone().map(Value::String)
                && shown.is_empty(),
        )
    }
}

/// Why an event was not stored in time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    /// Postgres said no, or nothing.
    #[error("{0}")]
    Failed(AppendError),
    /// The answer took too long; the event may have been stored all the same.
    #[error("the deadline passed")]
    Deadline,
}

/// Logs an event that was not stored.
pub(super) fn spill(ctx: &AppContext, spilled: &SpilledEvent, reason: &Reason) {
    let (writer, sequence) = next_line(ctx);
    match serde_json::to_string(spilled) {
        Ok(event) => tracing::error!(
            target: TARGET,
            %writer, sequence, tenant_id = %spilled.tenant_id, event_id = %spilled.event.event_id, %reason, event,
            "an audit event was not stored and is to be replayed"
        ),
        Err(error) => tracing::error!(
            target: TARGET,
            %writer, sequence, tenant_id = %spilled.tenant_id, event_id = %spilled.event.event_id, %reason, %error,
            "an audit event was not stored and could not be written down"
        ),
    }
}

/// Logs that an event can never be stored, because of what it is.
pub(super) fn report_unrecordable(ctx: &AppContext, tenant_id: Uuid, event: &NewAuditEvent, error: &AppendError) {
    let (writer, sequence) = next_line(ctx);
    tracing::error!(
        target: TARGET,
        %writer, sequence, %tenant_id, request_id = event.request_id, recorded_by = event.recorded_by, reason = %error,
        "an audit event is beyond what the log takes and is lost"
    );
}

fn next_line(ctx: &AppContext) -> (Uuid, u64) {
    (
        *WRITER.get_or_init(|| ctx.ids.next()),
        LINES.fetch_add(1, Ordering::Relaxed),
    )
}
