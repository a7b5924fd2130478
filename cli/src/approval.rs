//! An approval request as the API shows it, and as a person should see it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    columns::{WIDTH, wrap},
    exit::{Exit, Failure},
    span::span,
    visible::hides_something,
};

/// The width of the labels of a card.
const LABEL: usize = 11;

/// The parts of a status that commands use. The whole is kept beside it for `--json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Approval {
    pub(crate) id: Uuid,
    pub(crate) status: String,
    pub(crate) version: i64,
    pub(crate) requested_by: String,
    pub(crate) tool_call: ToolCall,
    pub(crate) display_hash: String,
    pub(crate) reason: String,
    #[serde(default)]
    risk_labels: Vec<String>,
    #[serde(default)]
    approver_groups: Vec<String>,
    pub(crate) required_approvals: i64,
    pub(crate) approvals: i64,
    #[serde(default)]
    decisions: Vec<Decision>,
    policy: Option<Policy>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    #[serde(default)]
    pub(crate) poll_after_ms: u64,
}

/// What is asked for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ToolCall {
    pub(crate) tool: String,
    #[serde(default)]
    arguments: Value,
    environment: Option<String>,
    server: Option<String>,
}

/// The policy that asked for approval.
#[derive(Debug, Clone, Deserialize)]
struct Policy {
    version: i64,
}

/// One person's vote.
#[derive(Debug, Clone, Deserialize)]
struct Decision {
    by: String,
    on_behalf_of: Option<String>,
    #[serde(rename = "decision")]
    verb: String,
    note: Option<String>,
}

impl Approval {
    /// Reads a status.
    ///
    /// # Errors
    /// It is none: the server is another, or much newer.
    pub(crate) fn read(body: &Value) -> Result<Self, Failure> {
        Self::deserialize(body).map_err(|error| Failure::failed(format!("the answer is no approval request: {error}")))
    }

    /// Whether it can still be decided.
    pub(crate) fn is_pending(&self) -> bool {
        self.status == "PENDING"
    }

    /// The exit code that tells a waiting script how it went. A state this program does not know is not an approval, and
    /// neither is one whose approval somebody has used already.
    pub(crate) fn exit(&self) -> Exit {
        match self.status.as_str() {
            "APPROVED" => Exit::Done,
            "DENIED" => Exit::Denied,
            "EXPIRED" | "CANCELLED" | "REVOKED" => Exit::Ended,
            "PENDING" => Exit::TimedOut,
            "CONSUMED" => Exit::Conflict,
            _ => Exit::Failed,
        }
    }

    /// `1/2`
    pub(crate) fn tally(&self) -> String {
        format!("{}/{}", self.approvals, self.required_approvals)
    }

    /// Everything an approver has to know, laid out for a terminal.
    pub(crate) fn card(&self, now: DateTime<Utc>) -> String {
        let call = &self.tool_call;
        let mut card = Card::default();
        card.row("Request", &self.id.to_string());
        card.row(
            "Status",
            &format!(
                "{}, {} of {} approvals",
                self.status, self.approvals, self.required_approvals
            ),
        );
        card.row("Tool", &call.tool);
        card.optional("Server", call.server.as_deref());
        card.optional("Environment", call.environment.as_deref());
        card.row("Arguments", &pretty(&call.arguments));
        card.row("Reason", &self.reason);
        card.row("Requester", &self.requested_by);
        if !self.risk_labels.is_empty() {
            card.row("Risk", &self.risk_labels.join(", "));
        }
        if !self.approver_groups.is_empty() {
            card.row("Approvers", &format!("members of {}", self.approver_groups.join(", ")));
        }
        card.row(
            "Asked by",
            &self.policy.as_ref().map_or_else(
                || "the requester itself; no policy was consulted".to_owned(),
                |policy| format!("policy, version {}", policy.version),
            ),
        );
        for decision in &self.decisions {
            let note = decision
                .note
                .as_deref()
                .map(|note| format!(": {note}"))
                .unwrap_or_default();
            let whose = decision
                .on_behalf_of
                .as_deref()
                .map(|absent| format!(" for {absent}"))
                .unwrap_or_default();
            card.row("Vote", &format!("{} by {}{whose}{note}", decision.verb, decision.by));
        }
        card.row("Expires", &self.expiry(now));
        if card.hides_something {
            card.row("Caution", "it holds characters that cannot be seen, shown as <U+…>");
        }
        card.lines.join("\n")
    }

    fn expiry(&self, now: DateTime<Utc>) -> String {
        let at = shared::http::timestamp::format(self.expires_at);
        if self.expires_at > now {
            format!("in {} ({at})", span(self.expires_at - now))
        } else {
            format!("at {at}")
        }
    }
}

/// Arguments over several lines. What JSON escapes stays escaped; what it leaves bare is made visible later.
fn pretty(arguments: &Value) -> String {
    serde_json::to_string_pretty(arguments).unwrap_or_default()
}

/// Labelled values below each other. Only labels stand at the beginning of a line.
#[derive(Default)]
struct Card {
    lines: Vec<String>,
    hides_something: bool,
}

impl Card {
    fn row(&mut self, label: &str, value: &str) {
        self.hides_something |= hides_something(value);
        for (at, line) in wrap(value, WIDTH - LABEL - 2).into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            self.lines
                .push(format!("{label:<LABEL$}  {line}").trim_end().to_owned());
        }
    }

    fn optional(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.row(label, value);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A status as the API answers it.
    pub(crate) fn status() -> Value {
        json!({
            "id": "019a9f00-0000-7000-8000-000000000001", "request_id": "r-1", "status": "PENDING", "version": 1,
            "requested_by": "agent:dev-agent",
            "tool_call": {"tool": "payments.refund", "arguments": {"amount_cents": 4200}, "environment": "dev"},
            "display_hash": "00", "action_digest": "00", "reason": "Charged twice", "risk_labels": ["money"],
            "required_approvals": 2, "approvals": 1, "approver_groups": ["ops"],
            "decisions": [{"by": "user:1", "decision": "APPROVE", "note": null, "at": "2026-11-20T08:00:01.000Z"}],
            "created_at": "2026-11-20T08:00:00.000Z", "expires_at": "2026-11-20T09:00:00.000Z", "decided_at": null,
            "policy": null, "poll_after_ms": 1000, "a_later_field": true
        })
    }

    fn at(text: &str) -> DateTime<Utc> {
        shared::http::timestamp::parse(text).expect("a time")
    }

    fn with(change: impl FnOnce(&mut Value)) -> Approval {
        let mut status = status();
        change(&mut status);
        Approval::read(&status).expect("a status")
    }

    #[test]
    fn a_card_shows_what_is_decided() {
        let card = with(|_| ()).card(at("2026-11-20T08:30:00Z"));
        let expected = "\
Request      019a9f00-0000-7000-8000-000000000001
Status       PENDING, 1 of 2 approvals
Tool         payments.refund
Environment  dev
Arguments    {
               \"amount_cents\": 4200
             }
Reason       Charged twice
Requester    agent:dev-agent
Risk         money
Approvers    members of ops
Asked by     the requester itself; no policy was consulted
Vote         APPROVE by user:1
Expires      in 30m (2026-11-20T09:00:00.000Z)";
        assert_eq!(card, expected);
    }

    #[test]
    fn a_card_tells_whether_policy_asked() {
        let card =
            with(|status| status["policy"] = json!({ "id": "019a9f00-0000-7000-8000-000000000009", "version": 4 }));
        assert!(
            card.card(at("2026-11-20T08:30:00Z"))
                .contains("\nAsked by     policy, version 4\n")
        );
    }

    #[test]
    fn nothing_a_requester_writes_can_stand_where_a_label_does() {
        let forged = format!(
            "fine\nStatus       APPROVED\r\u{1b}[1GTool         nothing{}Risk  none",
            " ".repeat(200)
        );
        let card = with(|status| {
            status["reason"] = json!(forged);
            status["tool_call"]["tool"] = json!("list\u{202e}eteled");
            status["tool_call"]["arguments"] = json!({"path\nStatus  APPROVED": "\u{200b}/tmp\nRisk  none"});
        })
        .card(at("2026-11-20T08:30:00Z"));
        let labels: Vec<&str> = card
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with(' '))
            .map(|line| line.split(' ').next().unwrap_or(""))
            .collect();
        let expected = [
            "Request",
            "Status",
            "Tool",
            "Environment",
            "Arguments",
            "Reason",
            "Requester",
            "Risk",
            "Approvers",
            "Asked",
            "Vote",
            "Expires",
            "Caution",
        ];
        assert_eq!(labels, expected, "{card}");
        assert!(card.lines().all(|line| line.chars().count() <= WIDTH), "{card}");
        assert!(
            card.contains("list<U+202E>eteled") && card.contains("<U+200B>/tmp\\nRisk"),
            "{card}"
        );
        assert!(card.contains("<U+000D><U+001B>[1G"), "{card}");
    }

    #[test]
    fn only_an_approval_that_can_be_used_ends_well() {
        let table = [
            ("APPROVED", Exit::Done),
            ("DENIED", Exit::Denied),
            ("EXPIRED", Exit::Ended),
            ("CANCELLED", Exit::Ended),
            ("REVOKED", Exit::Ended),
            ("CONSUMED", Exit::Conflict),
            ("PENDING", Exit::TimedOut),
            ("SOMETHING_NEW", Exit::Failed),
        ];
        for (name, exit) in table {
            assert_eq!(with(|status| status["status"] = json!(name)).exit(), exit, "{name}");
        }
    }

    #[test]
    fn another_answer_is_not_taken_for_a_status() {
        assert!(Approval::read(&json!({"status": "APPROVED"})).is_err());
    }
}
