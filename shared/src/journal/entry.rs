//! The exact bytes of an audit event that are hashed, and their hashes. Pure.
//!
//! An entry is canonical JSON (RFC 8785). What may have to be erased one day stands in it only as salted digests
//! ([`super::disclosure`]); everything else stands in the clear and stays forever. A change of this form is a new `v`,
//! since old entries must keep verifying.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    canonical::{canonical_json, salted_hash},
    disclosure::Salt,
    event::NewAuditEvent,
};
use crate::http::timestamp;

/// An entry is at most this long, in bytes: C2SP tlog-tiles gives an entry of a bundle a length of 16 bits.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// The domain separator of a leaf, which no inner node shares (RFC 6962 §2.1).
const LEAF_PREFIX: [u8; 1] = [0x00];

/// The entry would be longer than [`MAX_ENTRY_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit entry would be longer than {MAX_ENTRY_BYTES} bytes")]
pub struct EntryTooLarge;

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
/// [`EntryTooLarge`]. Arguments do not count, since only a digest of them is in it.
pub fn entry(event: &NewAuditEvent, stamp: Stamp<'_>) -> Result<String, EntryTooLarge> {
    #[derive(Serialize)]
    struct Entry<'a> {
        v: u8,
        event_id: Uuid,
        tenant_id: Uuid,
        request_id: &'a str,
        recorded_by: &'a str,
        tool: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        action: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        correlation_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        trust_level: Option<i16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        decision: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        latency_ms: Option<i64>,
        risk_labels: &'a [String],
        redaction_flags: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        occurred_at: Option<String>,
        raw_args_hash: &'a str,
        _sd: Vec<String>,
    }
    // Sorted, so that their order does not tell which of them is which.
    let mut digests: Vec<String> = stamp
        .disclosures
        .iter()
        .map(|text| super::disclosure::digest(text))
        .collect();
    digests.sort_unstable();
    let entry = canonical_json(&Entry {
        v: 1,
        event_id: stamp.event_id,
        tenant_id: stamp.tenant_id,
        request_id: &event.request_id,
        recorded_by: &event.recorded_by,
        tool: &event.tool,
        action: event.action.as_deref(),
        correlation_id: event.correlation_id.as_deref(),
        environment: event.environment.as_deref(),
        trust_level: event.trust_level,
        decision: event.decision.as_deref(),
        outcome: event.outcome.as_deref(),
        latency_ms: event.latency_ms,
        risk_labels: &event.risk_labels,
        redaction_flags: stamp.redaction_flags,
        occurred_at: event.occurred_at.map(timestamp::format),
        raw_args_hash: stamp.raw_args_hash,
        _sd: digests,
    });
    if entry.len() > MAX_ENTRY_BYTES {
        Err(EntryTooLarge)
    } else {
        Ok(entry)
    }
}

/// The leaf hash of an entry: `SHA-256(0x00 ‖ entry)` (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(entry: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(LEAF_PREFIX)
        .chain_update(entry)
        .finalize()
        .into()
}

/// `SHA-256(salt ‖ JCS(arguments))` in lower-case hex: proves the arguments to whoever has both them and the salt.
#[must_use]
pub fn raw_args_hash(salt: &Salt, arguments: &Map<String, Value>) -> String {
    hex::encode(salted_hash(salt, &canonical_json(arguments)))
}
