//! What a recorder submits, and the rules it is held to. Pure.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::{
    auth::Environment,
    http::OneOrMany,
    journal::{audit_log::NewAuditEvent, redaction::credential},
};
use utoipa::ToSchema;

/// The most events of one submission.
const MAX_EVENTS: usize = 1_000;
const MAX_RISK_LABELS: usize = 20;

/// One event as submitted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Submission {
    /// The recorder's own id of it: 1–255 visible ASCII characters without `/`. Sending it again with the same content
    /// records nothing twice.
    #[schema(min_length = 1, max_length = 255, pattern = "^[!-.0-~]+$")]
    request_id: String,
    /// Who made the call.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
    caller_id: String,
    /// The tool that was called.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
    tool: String,
    /// What happened.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
    action: Option<String>,
    /// What ties events together.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
    correlation_id: Option<String>,
    /// Where the caller runs.
    environment: Option<Environment>,
    /// The caller's trust level.
    #[schema(minimum = 0, maximum = 4)]
    trust_level: Option<i16>,
    /// What was decided about the call, such as `ALLOW`.
    #[schema(pattern = "^[A-Z][A-Z0-9_]{0,63}$")]
    decision: Option<String>,
    /// What came of the call, such as `OK`.
    #[schema(pattern = "^[A-Z][A-Z0-9_]{0,63}$")]
    outcome: Option<String>,
    /// How long the call took, in milliseconds.
    #[schema(minimum = 0)]
    latency_ms: Option<i64>,
    /// The raw arguments; hashed and sanitized on arrival, never stored.
    #[serde(default)]
    #[schema(value_type = Object)]
    arguments: Map<String, Value>,
    /// Labels of 1–64 characters.
    #[serde(default)]
    #[schema(max_items = 20, value_type = Vec<RiskLabel>)]
    risk_labels: Vec<String>,
    /// When it happened by the recorder's clock.
    #[serde(default, with = "shared::http::timestamp::option")]
    occurred_at: Option<DateTime<Utc>>,
}

/// A label of an event.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 64)]
#[expect(dead_code, reason = "only describes the elements of the list")]
struct RiskLabel(String);

/// A rule that a field breaks. The two together make a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The path of the field, such as `[3].tool`; empty for the submission as a whole.
    pub(crate) field: String,
    /// What it must be.
    pub(crate) rule: String,
}

/// The events to append for `recorded_by`, in the order submitted.
///
/// # Errors
/// The first rule that is broken. In an array its element is named.
pub(crate) fn accept(submitted: OneOrMany<Submission>, recorded_by: &str) -> Result<Vec<NewAuditEvent>, Broken> {
    match submitted {
        OneOrMany::One(submission) => Ok(vec![submission.accept(recorded_by)?]),
        OneOrMany::Many(submissions) if !(1..=MAX_EVENTS).contains(&submissions.len()) => Err(Broken {
            field: String::new(),
            rule: format!("An array must hold 1 to {MAX_EVENTS} events"),
        }),
        OneOrMany::Many(submissions) => submissions
            .into_iter()
            .enumerate()
            .map(|(at, submission)| {
                let within = |broken: Broken| Broken {
                    field: format!("[{at}].{}", broken.field),
                    ..broken
                };
                submission.accept(recorded_by).map_err(within)
            })
            .collect(),
    }
}

impl Submission {
    fn accept(self, recorded_by: &str) -> Result<NewAuditEvent, Broken> {
        self.check()?;
        Ok(NewAuditEvent {
            request_id: self.request_id,
            recorded_by: recorded_by.to_owned(),
            caller_id: Some(self.caller_id),
            tool: self.tool,
            action: self.action,
            correlation_id: self.correlation_id,
            environment: self.environment.map(|environment| environment.as_str().to_owned()),
            trust_level: self.trust_level,
            decision: self.decision,
            outcome: self.outcome,
            latency_ms: self.latency_ms,
            arguments: self.arguments,
            risk_labels: self.risk_labels,
            occurred_at: self.occurred_at,
        })
    }

    fn check(&self) -> Result<(), Broken> {
        let broken = |field: &str, rule: &str| {
            Err(Broken {
                field: field.to_owned(),
                rule: rule.to_owned(),
            })
        };
        if !is_request_id(&self.request_id) {
            return broken("request_id", "must be 1 to 255 visible ASCII characters without /");
        }
        for (field, text) in [("caller_id", &self.caller_id), ("tool", &self.tool)] {
            if text.is_empty() || !has_at_most(200, text) || text.contains(char::is_control) {
                return broken(field, "must have 1 to 200 characters and no control characters");
            }
        }
        for (field, text, most) in [
            ("action", &self.action, 200),
            ("correlation_id", &self.correlation_id, 255),
        ] {
            if text
                .as_ref()
                .is_some_and(|text| text.is_empty() || !has_at_most(most, text) || text.contains(char::is_control))
            {
                return broken(
                    field,
                    &format!("must have 1 to {most} characters and no control characters"),
                );
            }
        }
        if self.trust_level.is_some_and(|level| !(0..=4).contains(&level)) {
            return broken("trust_level", "must be 0 to 4");
        }
        for (field, text) in [("decision", &self.decision), ("outcome", &self.outcome)] {
            if text.as_ref().is_some_and(|text| !is_upper_snake_case(text)) {
                return broken(field, "must match ^[A-Z][A-Z0-9_]{0,63}$");
            }
        }
        if self.latency_ms.is_some_and(i64::is_negative) {
            return broken("latency_ms", "must not be negative");
        }
        if self.risk_labels.len() > MAX_RISK_LABELS {
            return broken("risk_labels", &format!("must hold at most {MAX_RISK_LABELS} labels"));
        }
        if let Some(at) = self
            .risk_labels
            .iter()
            .position(|label| label.is_empty() || !has_at_most(64, label))
        {
            return broken(&format!("risk_labels[{at}]"), "must have 1 to 64 characters");
        }
        self.check_for_credentials()
    }

    /// Names and ids enter the entry as they are, and nobody can take anything out of the log again. Arguments are
    /// sanitized instead.
    fn check_for_credentials(&self) -> Result<(), Broken> {
        let names = [
            ("request_id", Some(&self.request_id)),
            ("caller_id", Some(&self.caller_id)),
            ("tool", Some(&self.tool)),
            ("action", self.action.as_ref()),
            ("correlation_id", self.correlation_id.as_ref()),
            ("decision", self.decision.as_ref()),
            ("outcome", self.outcome.as_ref()),
        ];
        let labels = self.risk_labels.iter().map(|label| ("risk_labels", Some(label)));
        match names
            .into_iter()
            .chain(labels)
            .find(|(_, text)| text.is_some_and(|text| credential(text).is_some()))
        {
            None => Ok(()),
            Some((field, _)) => Err(Broken {
                field: field.to_owned(),
                rule: "must not hold a credential".to_owned(),
            }),
        }
    }
}

/// Whether a text can be the `request_id` of an event: 1–255 visible ASCII characters without `/`, which leaves it one
/// segment of a path.
pub(crate) fn is_request_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

fn has_at_most(most: usize, text: &str) -> bool {
    text.chars().nth(most).is_none()
}

fn is_upper_snake_case(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn submission(changes: &Value) -> Submission {
        let mut event = json!({"request_id": "r-1", "caller_id": "deployer", "tool": "payments.refund"});
        event
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    fn broken(changes: &Value) -> String {
        submission(changes).accept("agent:x").unwrap_err().field
    }

    #[test]
    fn every_bound_is_tight() {
        let fits = json!({
            "request_id": "~".repeat(255), "caller_id": "é".repeat(200), "tool": "t".repeat(200),
            "action": "é".repeat(200), "correlation_id": "c".repeat(255), "environment": "staging", "trust_level": 4,
            "decision": format!("A{}", "_".repeat(63)), "outcome": "Z9", "latency_ms": 0,
            "risk_labels": vec!["é".repeat(64); 20],
        });
        assert!(submission(&fits).accept("agent:x").is_ok());

        for text in [
            String::new(),
            "a".repeat(256),
            "a/b".to_owned(),
            "a b".to_owned(),
            "é".to_owned(),
        ] {
            assert_eq!(broken(&json!({"request_id": text})), "request_id", "{text:?}");
        }
        for field in ["caller_id", "tool"] {
            assert_eq!(broken(&json!({field: ""})), field);
            assert_eq!(broken(&json!({field: "t".repeat(201)})), field);
        }
        assert_eq!(broken(&json!({"action": "a".repeat(201)})), "action");
        assert_eq!(broken(&json!({"correlation_id": "c".repeat(256)})), "correlation_id");
        for level in [-1, 5] {
            assert_eq!(broken(&json!({"trust_level": level})), "trust_level");
        }
        for field in ["decision", "outcome"] {
            for text in [
                String::new(),
                "allow".into(),
                "9A".into(),
                "_A".into(),
                "A B".into(),
                "A".repeat(65),
            ] {
                assert_eq!(broken(&json!({field: text})), field, "{text:?}");
            }
        }
        assert_eq!(broken(&json!({"latency_ms": -1})), "latency_ms");
        assert_eq!(broken(&json!({"risk_labels": vec!["a"; 21]})), "risk_labels");
        assert_eq!(broken(&json!({"risk_labels": ["a", ""]})), "risk_labels[1]");
        assert_eq!(broken(&json!({"risk_labels": ["a".repeat(65)]})), "risk_labels[0]");
    }

    #[test]
    fn a_name_or_an_id_that_holds_a_credential_is_refused() {
        let token = format!("cst_{}", "x".repeat(43));
        for field in ["request_id", "caller_id", "tool", "action", "correlation_id"] {
            assert_eq!(broken(&json!({field: token})), field);
            assert_eq!(broken(&json!({field: format!("of-{token}")})), field);
        }
        assert_eq!(broken(&json!({"risk_labels": ["fine", token]})), "risk_labels");
        // The example of AWS's own documentation, which is written like a decision.
        for field in ["decision", "outcome"] {
            assert_eq!(broken(&json!({field: "AKIAIOSFODNN7EXAMPLE"})), field);
        }
        // Arguments are sanitized; a name that only speaks of secrets is a name.
        let fine = json!({"tool": "token:refresh", "request_id": "cs_dev_1", "arguments": {"token": token}});
        assert!(submission(&fine).accept("agent:x").is_ok());
    }

    #[test]
    fn an_array_holds_1_to_1000_and_names_the_wrong_element() {
        let many = |count| OneOrMany::Many(vec![submission(&json!({})); count]);
        assert_eq!(accept(many(0), "agent:x").unwrap_err().field, "");
        assert_eq!(accept(many(1_000), "agent:x").unwrap().len(), 1_000);
        assert_eq!(accept(many(1_001), "agent:x").unwrap_err().field, "");

        let mixed = OneOrMany::Many(vec![submission(&json!({})), submission(&json!({"tool": ""}))]);
        let expected = Broken {
            field: "[1].tool".to_owned(),
            rule: "must have 1 to 200 characters and no control characters".to_owned(),
        };
        assert_eq!(accept(mixed, "agent:x").unwrap_err(), expected);
    }

    #[test]
    fn the_recorder_is_who_was_authenticated() {
        let recorder = submission(&json!({"caller_id": "somebody-else"}))
            .accept("agent:x")
            .unwrap()
            .recorded_by;
        assert_eq!(recorder, "agent:x");
    }
}
