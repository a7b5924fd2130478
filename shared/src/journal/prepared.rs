//! An audit event ready to be stored: sanitized, salted, hashed. Pure; ids and salts come from the caller.

use chrono::{DateTime, SubsecRound as _, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    canonical::{canonical_json, salted_hash},
    disclosure::{self, Salt, disclosure},
    entry::{EntryError, Stamp, entry, leaf_hash, raw_args_hash},
    event::NewAuditEvent,
    redaction::sanitize,
};
use crate::context::Random;

const ARGS_SALT: &str = "args_salt";
pub(super) const CALLER_ID: &str = "caller_id";
pub(super) const SANITIZED_ARGS: &str = "sanitized_args";

/// The columns of one audit event. Holds no raw arguments.
///
/// Its serialized form leaves out both salts: with them, short raw arguments could be guessed from the hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PreparedEvent {
    pub(super) event_id: Uuid,
    pub(super) request_id: String,
    pub(super) recorded_by: String,
    pub(super) tool: String,
    pub(super) action: Option<String>,
    pub(super) correlation_id: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) trust_level: Option<i16>,
    pub(super) decision: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) latency_ms: Option<i64>,
    pub(super) risk_labels: Vec<String>,
    pub(super) redaction_flags: Vec<String>,
    pub(super) raw_args_hash: String,
    pub(super) occurred_at: Option<DateTime<Utc>>,
    pub(super) entry: String,
    #[serde(with = "hex::serde")]
    pub(super) leaf_hash: [u8; 32],
    pub(super) caller_id: Option<String>,
    /// Canonical JSON.
    pub(super) sanitized_args: String,
    #[serde(skip)]
    pub(super) args_salt: Option<Salt>,
    pub(super) disclosures: Vec<String>,
    #[serde(skip)]
    pub(super) content_salt: Salt,
    #[serde(with = "hex::serde")]
    pub(super) content_hash: [u8; 32],
}

/// The fresh salts of one event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Salts {
    pub(super) arguments: Salt,
    pub(super) content: Salt,
    pub(super) disclosures: [Salt; 3],
}

impl Salts {
    pub(super) fn draw(random: &Random) -> Self {
        let bytes = random.bytes::<80>();
        let mut parts = bytes.as_chunks::<16>().0.iter().copied();
        let mut next = || parts.next().unwrap_or_default();
        Self {
            arguments: next(),
            content: next(),
            disclosures: [next(), next(), next()],
        }
    }
}

impl PreparedEvent {
    /// Hashes and sanitizes a submitted event, whose [`NewAuditEvent::canonical_content`] the caller has at hand.
    pub(super) fn new(
        event: &NewAuditEvent,
        content: &str,
        event_id: Uuid,
        tenant_id: Uuid,
        salts: &Salts,
    ) -> Result<Self, EntryError> {
        let sanitized = sanitize(&event.arguments);
        let raw_args_hash = raw_args_hash(&salts.arguments, &event.arguments);
        let sanitized_args = canonical_json(&sanitized.arguments);

        let [for_args, for_salt, for_caller] = &salts.disclosures;
        let mut disclosures = vec![
            disclosure(for_args, SANITIZED_ARGS, &Value::Object(sanitized.arguments)),
            disclosure(for_salt, ARGS_SALT, &json!(hex::encode(salts.arguments))),
        ];
        disclosures.extend(
            event
                .caller_id
                .as_ref()
                .map(|caller| disclosure(for_caller, CALLER_ID, &json!(caller))),
        );

        let entry = entry(
            event,
            Stamp {
                event_id,
                tenant_id,
                redaction_flags: &sanitized.flags,
                raw_args_hash: &raw_args_hash,
                disclosures: &disclosures,
            },
        )?;
        Ok(Self {
            event_id,
            request_id: event.request_id.clone(),
            recorded_by: event.recorded_by.clone(),
            tool: event.tool.clone(),
            action: event.action.clone(),
            correlation_id: event.correlation_id.clone(),
            environment: event.environment.clone(),
            trust_level: event.trust_level,
            decision: event.decision.clone(),
            outcome: event.outcome.clone(),
            latency_ms: event.latency_ms,
            risk_labels: event.risk_labels.clone(),
            redaction_flags: sanitized.flags,
            raw_args_hash,
            occurred_at: event.occurred_at.map(|at| at.trunc_subsecs(3)),
            leaf_hash: leaf_hash(&entry),
            entry,
            caller_id: event.caller_id.clone(),
            sanitized_args,
            args_salt: Some(salts.arguments),
            disclosures,
            content_salt: salts.content,
            content_hash: salted_hash(&salts.content, content),
        })
    }

    /// The same event with the salt of its arguments erased, and with it the disclosure that holds the salt.
    pub(super) fn without_salts(mut self) -> Self {
        self.args_salt = None;
        self.content_salt = Salt::default();
        self.disclosures
            .retain(|text| disclosure::open(text).is_some_and(|(name, _)| name != ARGS_SALT));
        self
    }
}

#[cfg(test)]
pub(super) mod tests;
