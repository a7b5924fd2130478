//! An audit event as its recorder submits it, before anything of it is hashed, sanitized or stored.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::canonical::canonical_json;
use crate::context::AppContext;

/// The tool that the product's own events name.
const OWN_TOOL: &str = "countersign";

/// One audit event to append. Its `Debug` leaves the arguments out: they may hold anything.
#[derive(Clone, PartialEq)]
pub struct NewAuditEvent {
    /// The recorder's own id of it, unique per recorder: 1–255 visible ASCII characters.
    pub request_id: String,
    /// The principal that writes it: `user:<id>`, `agent:<caller_id>`, or a part of the product.
    pub recorded_by: String,
    /// Who made the call that the event is about. Erasable.
    pub caller_id: Option<String>,
    /// The tool that was called.
    pub tool: String,
    /// What happened, such as `approval.approved`.
    pub action: Option<String>,
    /// What ties events together; in the product's own events the id of the object.
    pub correlation_id: Option<String>,
    /// `dev`, `staging` or `production`.
    pub environment: Option<String>,
    /// The caller's trust level, 0–4.
    pub trust_level: Option<i16>,
    /// What was decided about the call.
    pub decision: Option<String>,
    /// What came of the call.
    pub outcome: Option<String>,
    /// How long the call took, in milliseconds. Beyond ±(2^53−1) it would not survive canonical JSON; the HTTP boundary
    /// refuses such numbers, in the arguments too.
    pub latency_ms: Option<i64>,
    /// The raw arguments of the call. They are hashed and sanitized, and never stored.
    pub arguments: Map<String, Value>,
    /// The recorder's labels.
    pub risk_labels: Vec<String>,
    /// When it happened by the recorder's clock. Stored to the millisecond.
    pub occurred_at: Option<DateTime<Utc>>,
}

impl NewAuditEvent {
    /// The product's own event about one of its objects, with a request id nobody else has.
    ///
    /// The tool is `countersign` and the caller is the principal `recorded_by` without its kind; the setters change what
    /// differs.
    #[must_use]
    pub fn of_product(ctx: &AppContext, recorded_by: &str, action: &str, object: Uuid) -> Self {
        Self {
            request_id: ctx.ids.next().to_string(),
            recorded_by: recorded_by.to_owned(),
            caller_id: Some(
                recorded_by
                    .split_once(':')
                    .map_or(recorded_by, |(_, name)| name)
                    .to_owned(),
            ),
            tool: OWN_TOOL.to_owned(),
            action: Some(action.to_owned()),
            correlation_id: Some(object.to_string()),
            environment: None,
            trust_level: None,
            decision: None,
            outcome: None,
            latency_ms: None,
            arguments: Map::new(),
            risk_labels: Vec::new(),
            occurred_at: Some(ctx.clock.now()),
        }
    }

    /// Names the tool the event is about.
    #[must_use]
    pub fn tool(mut self, tool: impl Into<String>) -> Self {
        self.tool = tool.into();
        self
    }

    /// Names who made the call, where that is not the recorder.
    #[must_use]
    pub fn caller_id(mut self, caller_id: impl Into<String>) -> Self {
        self.caller_id = Some(caller_id.into());
        self
    }

    /// Says what was decided.
    #[must_use]
    pub fn decision(mut self, decision: impl Into<String>) -> Self {
        self.decision = Some(decision.into());
        self
    }

    /// Says what came of it.
    #[must_use]
    pub fn outcome(mut self, outcome: impl Into<String>) -> Self {
        self.outcome = Some(outcome.into());
        self
    }

    /// Gives the raw arguments, which are hashed and sanitized on their way in.
    #[must_use]
    pub fn arguments(mut self, arguments: Map<String, Value>) -> Self {
        self.arguments = arguments;
        self
    }

    /// Names the environment it happened in.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// Gives the caller's trust level, 0–4.
    #[must_use]
    pub fn trust_level(mut self, trust_level: i16) -> Self {
        self.trust_level = Some(trust_level);
        self
    }

    /// Gives the risk labels.
    #[must_use]
    pub fn risk_labels(mut self, risk_labels: Vec<String>) -> Self {
        self.risk_labels = risk_labels;
        self
    }

    /// Everything the recorder sent, raw arguments included, in one canonical spelling: two events are the same
    /// submission exactly when these texts are equal. It is compared and hashed with a salt, and goes nowhere else.
    pub(super) fn canonical_content(&self) -> String {
        #[derive(Serialize)]
        struct Content<'a> {
            request_id: &'a str,
            caller_id: &'a Option<String>,
            tool: &'a str,
            action: &'a Option<String>,
            correlation_id: &'a Option<String>,
            environment: &'a Option<String>,
            trust_level: Option<i16>,
            decision: &'a Option<String>,
            outcome: &'a Option<String>,
            latency_ms: Option<i64>,
            arguments: &'a Map<String, Value>,
            risk_labels: &'a [String],
            occurred_at: Option<String>,
        }
        canonical_json(&Content {
            request_id: &self.request_id,
            caller_id: &self.caller_id,
            tool: &self.tool,
            action: &self.action,
            correlation_id: &self.correlation_id,
            environment: &self.environment,
            trust_level: self.trust_level,
            decision: &self.decision,
            outcome: &self.outcome,
            latency_ms: self.latency_ms,
            arguments: &self.arguments,
            risk_labels: &self.risk_labels,
            // As precise as it was sent: what is cut to the millisecond later was still another submission.
            occurred_at: self
                .occurred_at
                .map(|at| at.to_rfc3339_opts(SecondsFormat::Nanos, true)),
        })
    }
}

impl fmt::Debug for NewAuditEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NewAuditEvent")
            .field("request_id", &self.request_id)
            .field("recorded_by", &self.recorded_by)
            .field("tool", &self.tool)
            .field("action", &self.action)
            .field("correlation_id", &self.correlation_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::journal::prepared::tests::event;

    #[test]
    fn the_content_ignores_the_order_of_keys_and_the_spelling_of_numbers() {
        let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let first = event().arguments(parse(r#"{"a":1.0,"b":[2e2]}"#));
        let second = event().arguments(parse(r#"{"b":[200],"a":1}"#));
        assert_eq!(first.canonical_content(), second.canonical_content());
    }

    #[test]
    fn the_content_tells_every_field_the_recorder_sent_apart() {
        let other_arguments = json!({"amount": 2}).as_object().unwrap().clone();
        let at = DateTime::UNIX_EPOCH;
        let changed = [
            NewAuditEvent {
                request_id: "other".to_owned(),
                ..event()
            },
            NewAuditEvent {
                action: Some("other".to_owned()),
                ..event()
            },
            NewAuditEvent {
                correlation_id: Some("other".to_owned()),
                ..event()
            },
            NewAuditEvent {
                latency_ms: Some(1),
                ..event()
            },
            NewAuditEvent {
                occurred_at: Some(at),
                ..event()
            },
            NewAuditEvent {
                occurred_at: Some(at + TimeDelta::nanoseconds(1)),
                ..event()
            },
            event().caller_id("other"),
            event().tool("other"),
            event().environment("production"),
            event().trust_level(4),
            event().decision("DENY"),
            event().outcome("other"),
            event().arguments(other_arguments),
            event().risk_labels(vec!["other".to_owned()]),
        ];
        let mut contents: Vec<String> = changed.iter().map(NewAuditEvent::canonical_content).collect();
        contents.push(event().canonical_content());
        contents.sort();
        contents.dedup();
        assert_eq!(contents.len(), changed.len() + 1);
    }

    #[test]
    fn debug_output_shows_no_arguments() {
        let arguments = json!({"note": "between us"}).as_object().unwrap().clone();
        assert!(!format!("{:?}", event().arguments(arguments)).contains("between us"));
    }
}
