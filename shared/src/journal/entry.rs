//! The exact bytes of an audit event that are hashed, and their hashes. Pure.
//!
//! The form of an entry is that of `countersign_proof`, which verifies it; here stands what an event brings into it.

use std::borrow::Cow;

pub use countersign_proof::entry::{EntryError, MAX_ENTRY_BYTES};
use countersign_proof::{
    disclosure::digest,
    entry::{Entry, VERSION},
    timestamp::Timestamp,
    tree,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    canonical::{canonical_json, salted_hash},
    disclosure::Salt,
    event::NewAuditEvent,
};
use crate::http::timestamp;

/// What the server adds to a submitted event to make it an entry.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The event's id.
    pub event_id: Uuid,
    /// Whose log it is in.
    pub tenant_id: Uuid,
    /// The rules that changed the arguments.
    pub redaction_flags: &'a [String],
    /// See [`raw_args_hash`].
    pub raw_args_hash: &'a str,
    /// The disclosures whose digests the entry holds.
    pub disclosures: &'a [String],
}

/// The entry of an event: its hashed bytes, which are UTF-8.
///
/// # Errors
/// See [`EntryError`]. Arguments do not count to its length, since only a digest of them is in it.
pub fn entry(event: &NewAuditEvent, stamp: Stamp<'_>) -> Result<String, EntryError> {
    // Sorted, so that their order does not tell which of them is which.
    let mut digests: Vec<Cow<'_, str>> = stamp.disclosures.iter().map(|text| digest(text).into()).collect();
    digests.sort_unstable();
    let occurred_at = event.occurred_at.map(|at| timestamp::format(at).parse::<Timestamp>());
    Entry {
        digests,
        action: event.action.as_deref().map(Cow::from),
        correlation_id: event.correlation_id.as_deref().map(Cow::from),
        decision: event.decision.as_deref().map(Cow::from),
        environment: event.environment.as_deref().map(Cow::from),
        event_id: stamp.event_id,
        latency_ms: event.latency_ms,
        occurred_at: occurred_at
            .transpose()
            .map_err(|_| EntryError::Invalid("occurred_at"))?,
        outcome: event.outcome.as_deref().map(Cow::from),
        raw_args_hash: stamp.raw_args_hash.into(),
        recorded_by: event.recorded_by.as_str().into(),
        redaction_flags: stamp.redaction_flags.iter().map(Cow::from).collect(),
        request_id: event.request_id.as_str().into(),
        risk_labels: event.risk_labels.iter().map(Cow::from).collect(),
        tenant_id: stamp.tenant_id,
        tool: event.tool.as_str().into(),
        trust_level: event.trust_level,
        v: VERSION,
    }
    .to_text()
}

/// The leaf hash of an entry: `SHA-256(0x00 ‖ entry)` (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(entry: &str) -> [u8; 32] {
    tree::leaf_hash(entry.as_bytes())
}

/// `SHA-256(salt ‖ JCS(arguments))` in lower-case hex: proves the arguments to whoever has both them and the salt.
#[must_use]
pub fn raw_args_hash(salt: &Salt, arguments: &Map<String, Value>) -> String {
    hex::encode(salted_hash(salt, &canonical_json(arguments)))
}
