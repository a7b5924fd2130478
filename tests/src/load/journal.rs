//! What was asked and what was told, for the checker.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

/// What a request was about, in the words by which the checker finds it again.
#[expect(missing_docs, reason = "the fields say it by their names")]
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// A request for approval, with the client's own id for it, and whether an idempotency key went with it.
    Create {
        tenant: Uuid,
        request_id: String,
        has_key: bool,
    },
    /// A vote.
    Vote {
        tenant: Uuid,
        approval: Uuid,
        by: String,
        decision: &'static str,
        note: String,
    },
    /// A withdrawal.
    Cancel { tenant: Uuid, approval: Uuid },
    /// One request for approval was read, or several.
    Read { tenant: Uuid },
    /// Audit events, by their request ids.
    Record {
        tenant: Uuid,
        by: String,
        request_ids: Vec<String>,
    },
    /// A ping task.
    Ping { tenant: Uuid, by: String },
    /// A person's own settings, with what marks this change.
    Settings { tenant: Uuid, user: Uuid, mark: String },
    /// A person was added.
    NewUser { tenant: Uuid, email: String },
    /// A key was made for a new agent.
    NewKey { tenant: Uuid, caller_id: String },
    /// A key got another secret.
    Rotate { tenant: Uuid, key: Uuid },
    /// A key was revoked.
    Revoke { tenant: Uuid, key: Uuid },
    /// Anything that changes nothing.
    Other,
}

impl Operation {
    /// All the names that [`Self::name`] gives.
    pub const NAMES: [&str; 13] = [
        "create approval, with a key",
        "create approval, without",
        "approve or deny",
        "cancel",
        "check, get, wait, list",
        "record audit events",
        "ping task",
        "settings",
        "add a person",
        "make a key",
        "rotate a key",
        "revoke a key",
        "other reads",
    ];

    /// For the summary.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { has_key: true, .. } => "create approval, with a key",
            Self::Create { has_key: false, .. } => "create approval, without",
            Self::Vote { .. } => "approve or deny",
            Self::Cancel { .. } => "cancel",
            Self::Read { .. } => "check, get, wait, list",
            Self::Record { .. } => "record audit events",
            Self::Ping { .. } => "ping task",
            Self::Settings { .. } => "settings",
            Self::NewUser { .. } => "add a person",
            Self::NewKey { .. } => "make a key",
            Self::Rotate { .. } => "rotate a key",
            Self::Revoke { .. } => "revoke a key",
            Self::Other => "other reads",
        }
    }
}

/// What became of a request, as far as its client knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It took effect: a 2xx.
    Acknowledged(Value),
    /// It took none: a 4xx, with its code.
    Refused(u16, String),
    /// Nobody told: a 5xx.
    Unknown(u16),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it was sent.
    pub began: Instant,
    /// When its answer came.
    pub ended: Instant,
    /// What it was about.
    pub operation: Operation,
    /// What became of it.
    pub outcome: Outcome,
}

/// Everything that all clients were told, and every answer that should not have been given.
#[derive(Default)]
pub struct Journal {
    entries: Mutex<Vec<Entry>>,
    mistakes: Mutex<Vec<String>>,
}

impl Journal {
    pub(super) fn note(&self, entry: Entry) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Notes what the product should not have answered.
    pub fn mistake(&self, what: String) {
        self.mistakes.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// All requests, in the order in which their answers came.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All wrong answers.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        self.mistakes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
