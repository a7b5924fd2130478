//! Where audit events go that Postgres did not take: one structured log line each, whole enough to be replayed.
//!
//! Raw arguments and salts never enter a line. Lines carry the writer (one per process) and its sequence number, so that
//! whoever collects them sees from a gap that one was lost; lines lost at the very end leave none.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{audit_log::AppendError, event::NewAuditEvent, prepared::PreparedEvent};
use crate::context::AppContext;

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
            target: "audit.spill",
            %writer, sequence, tenant_id = %spilled.tenant_id, event_id = %spilled.event.event_id, %reason, event,
            "an audit event was not stored and is to be replayed"
        ),
        Err(error) => tracing::error!(
            target: "audit.spill",
            %writer, sequence, tenant_id = %spilled.tenant_id, event_id = %spilled.event.event_id, %reason, %error,
            "an audit event was not stored and could not be written down"
        ),
    }
}

/// Logs that an event can never be stored, because of what it is.
pub(super) fn report_unrecordable(ctx: &AppContext, tenant_id: Uuid, event: &NewAuditEvent, error: &AppendError) {
    let (writer, sequence) = next_line(ctx);
    tracing::error!(
        target: "audit.spill",
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
