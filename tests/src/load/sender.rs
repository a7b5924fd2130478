//! Sends a request, holds its answer against the contract, and writes both down.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Entry, Journal, Key, Operation, Outcome, Tickets};
use crate::fleet::{Answer, Ask, Fleet};

/// How often a client asks again when it was not told.
const ATTEMPTS: usize = 200;
/// What this client makes of `Retry-After`, so that a run does not last for ever.
const PAUSE: Duration = Duration::from_millis(25);

/// How clients reach the product.
#[derive(Clone)]
pub struct Sender {
    /// The product.
    pub fleet: Arc<Fleet>,
    /// What is counted.
    pub tickets: Arc<Tickets>,
    /// What is written down.
    pub journal: Arc<Journal>,
}

impl Sender {
    /// Sends a request once. Any 4xx but those expected is a mistake: a status and a code each.
    pub async fn once(&self, key: &Key, operation: Operation, ask: Ask, expected: &[(u16, &str)]) -> Outcome {
        let number = self.tickets.take();
        let request_id = format!("load-{number}");
        let what = format!(
            "{} {}?{} ({request_id}, {operation:?})",
            ask.method, ask.path, ask.query
        );
        let ask = key.sign(ask).header("x-request-id", &request_id);
        let began = Instant::now();
        let answer = self.fleet.ask(ask).await;
        let ended = Instant::now();
        if let Some(mistake) = envelope_mistake(&answer, &request_id) {
            self.journal.mistake(format!("{what}: {mistake}: {answer:?}"));
        }
        let outcome = match answer.status {
            200..=299 => Outcome::Acknowledged(answer.body),
            status @ 500.. => Outcome::Unknown(status),
            status => {
                let code = answer.body["error"]["code"].as_str().unwrap_or_default().to_owned();
                if !expected.contains(&(status, code.as_str())) {
                    self.journal
                        .mistake(format!("{what}: not expected: {status} {}", answer.body));
                }
                Outcome::Refused(status, code)
            }
        };
        self.journal.note(Entry {
            began,
            ended,
            operation,
            outcome: outcome.clone(),
        });
        outcome
    }

    /// Sends the same request until it is known what became of it. `None` is never known: that is noted as a mistake.
    pub async fn until_known(
        &self,
        key: &Key,
        operation: &Operation,
        ask: &Ask,
        expected: &[(u16, &str)],
        expected_again: &[(u16, &str)],
    ) -> Option<Outcome> {
        let all: Vec<(u16, &str)> = expected.iter().chain(expected_again).copied().collect();
        for attempt in 0..ATTEMPTS {
            let allowed = if attempt == 0 { expected } else { &all };
            let outcome = self.once(key, operation.clone(), ask.clone(), allowed).await;
            let in_flight = matches!(&outcome, Outcome::Refused(409, code) if code == "IDEMPOTENCY_IN_FLIGHT");
            if !in_flight && !matches!(outcome, Outcome::Unknown(_)) {
                return Some(outcome);
            }
            sleep(PAUSE).await;
        }
        self.journal
            .mistake(format!("{operation:?}: not answered in {ATTEMPTS} attempts"));
        None
    }
}

/// The statuses that the contract has for errors, and the codes of each.
const CODES: [(u16, &[&str]); 13] = [
    (
        400,
        &[
            "MISSING_TENANT_ID",
            "INVALID_TENANT_ID",
            "VALIDATION_ERROR",
            "INVALID_CURSOR",
        ],
    ),
    (401, &["UNAUTHORIZED"]),
    (403, &["FORBIDDEN", "SELF_APPROVAL", "NOT_ELIGIBLE"]),
    (404, &["NOT_FOUND"]),
    (405, &["METHOD_NOT_ALLOWED"]),
    (
        409,
        &[
            "CONFLICT",
            "ALREADY_DECIDED",
            "APPROVAL_EXPIRED",
            "IDEMPOTENCY_IN_FLIGHT",
        ],
    ),
    (413, &["PAYLOAD_TOO_LARGE"]),
    (415, &["UNSUPPORTED_MEDIA_TYPE"]),
    (422, &["IDEMPOTENCY_MISMATCH"]),
    (429, &["RATE_LIMITED"]),
    (503, &["UNAVAILABLE"]),
    (502, &[]),
    (504, &[]),
];

/// What is wrong with an answer by itself, whatever was asked.
#[must_use]
pub fn envelope_mistake(answer: &Answer, request_id: &str) -> Option<String> {
    if !answer.is_functions {
        return (answer.status != 502).then(|| "only a killed process has no answer".to_owned());
    }
    let header = |name: &str| answer.headers.get(name).map(String::as_str);
    if header("x-request-id") != Some(request_id) {
        return Some("another request id".to_owned());
    }
    if header("cache-control") != Some("no-store") {
        return Some("may be cached".to_owned());
    }
    if answer.status < 400 {
        return None;
    }
    let (error, meta) = (&answer.body["error"], &answer.body["meta"]);
    let code = error["code"].as_str().unwrap_or_default();
    if !CODES
        .iter()
        .any(|(status, codes)| *status == answer.status && codes.contains(&code))
    {
        return Some("a status or code that the contract does not have".to_owned());
    }
    let fields: BTreeSet<&str> = answer
        .body
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let is_envelope = fields == BTreeSet::from(["success", "error", "meta"])
        && answer.body["success"] == Value::Bool(false)
        && error["message"].as_str().is_some_and(|message| !message.is_empty())
        && meta["request_id"] == request_id
        && meta["timestamp"]
            .as_str()
            .is_some_and(|at| at.len() == 24 && at.ends_with('Z'));
    if !is_envelope {
        return Some("not the envelope".to_owned());
    }
    if matches!(answer.status, 429 | 503) {
        let seconds = header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
        return seconds.is_none().then(|| "no Retry-After".to_owned());
    }
    None
}
