//! The ways in which a decision reaches the product, and what may be decided through each. Pure.
//!
//! A page, a chat or a list of fifty shows a request once and in a hurry. What hides in it there, or does not fit, must not
//! be approved there: whoever comes for one request with an API key is trusted to look with better tools.

use serde_json::json;
use shared::http::{ApiError, ErrorCode};

use crate::approval::{Approval, Decision};

/// The risk label that no link may decide about.
const HIGH: &str = "high";

/// The way a decision came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// For one request, with an API key.
    Api,
    /// With others in one call, with an API key.
    Batch,
    /// By the person's link whose secret has this SHA-256; the decision uses it up.
    Link([u8; 32]),
}

impl Door {
    /// The name in the audit log; a decision for one request with a key needs none.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Api => None,
            Self::Batch => Some("BATCH"),
            Self::Link(_) => Some("LINK"),
        }
    }

    /// Whether this may be decided so through here. A denial lets nothing happen, so it needs no careful look.
    ///
    /// # Errors
    /// `FORBIDDEN`: the risk is high and this is a link, or it would be approved without having been shown whole.
    pub(crate) fn admit(self, approval: &Approval, decision: Decision) -> Result<(), ApiError> {
        if matches!(self, Self::Link(_)) {
            admit_link(approval)?;
        }
        let warnings = approval.display_warnings();
        if self == Self::Api || decision == Decision::Deny || warnings.is_empty() {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::Forbidden,
            "What cannot be shown whole and plainly cannot be approved by link or in a batch; approve it by itself, with an API key",
        )
        .with_details(json!({ "display_warnings": warnings })))
    }
}

/// Whether anything may be decided about this by link.
///
/// # Errors
/// `FORBIDDEN`: its risk is high.
pub(crate) fn admit_link(approval: &Approval) -> Result<(), ApiError> {
    let is_high = |label: &String| label.trim().eq_ignore_ascii_case(HIGH);
    if approval.risk_labels.iter().any(is_high) {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "A request of high risk cannot be decided by link; use the console, the command line or the API",
        )
        .with_details(json!({ "risk": HIGH })));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::Map;
    use shared::auth::Environment;
    use uuid::Uuid;

    use super::*;
    use crate::approval::{ApprovalState, ToolCall};

    fn approval() -> Approval {
        let at = DateTime::from_timestamp_millis(1_800_000_000_000).expect("in range");
        Approval {
            id: Uuid::nil(),
            request_id: "r".to_owned(),
            stored_state: ApprovalState::Pending,
            version: 1,
            requested_by: "agent:deployer".to_owned(),
            owner_user_id: None,
            tool_call: ToolCall {
                tool: "deploy".to_owned(),
                arguments: Map::from_iter([("service".to_owned(), json!("billing"))]),
                environment: Environment::Dev,
                server: Some("ci".to_owned()),
            },
            display_hash: String::new(),
            action_digest: String::new(),
            reason: "Release 4.2".to_owned(),
            risk_labels: vec!["highway".to_owned()],
            required_approvals: 1,
            approver_groups: vec!["ops".to_owned()],
            token_digest: [0; 32],
            policy: None,
            created_at: at,
            expires_at: at,
            decided_at: None,
            votes: Vec::new(),
            read_at: at,
        }
    }

    #[test]
    fn a_hidden_character_is_found_wherever_an_approver_reads() {
        assert!(approval().display_warnings().is_empty());
        let places: [fn(&mut Approval) -> &mut String; 7] = [
            |approval| &mut approval.request_id,
            |approval| &mut approval.requested_by,
            |approval| &mut approval.tool_call.tool,
            |approval| approval.tool_call.server.as_mut().expect("a server"),
            |approval| &mut approval.reason,
            |approval| &mut approval.risk_labels[0],
            |approval| &mut approval.approver_groups[0],
        ];
        for (at, place) in places.iter().enumerate() {
            let mut approval = approval();
            place(&mut approval).push('\u{202e}');
            assert_eq!(approval.display_warnings().len(), 1, "place {at}");
        }
        let mut approval = approval();
        approval.tool_call.arguments.insert("\u{200b}".to_owned(), json!(1));
        assert_eq!(approval.display_warnings().len(), 1);
    }

    #[test]
    fn each_door_lets_through_what_can_be_decided_there() {
        use Decision::{Approve, Deny};
        use Door::{Api, Batch};
        let link = Door::Link([0; 32]);
        let plain = approval();
        let hidden = Approval {
            reason: "\u{202e}".to_owned(),
            ..approval()
        };
        let risky = Approval {
            risk_labels: vec!["money".to_owned(), " High".to_owned()],
            ..approval()
        };
        let table = [
            (&plain, Api, Approve, true),
            (&plain, Batch, Approve, true),
            (&plain, link, Approve, true),
            (&plain, link, Deny, true),
            (&hidden, Api, Approve, true),
            (&hidden, Batch, Approve, false),
            (&hidden, link, Approve, false),
            (&hidden, Batch, Deny, true),
            (&hidden, link, Deny, true),
            (&risky, Api, Approve, true),
            (&risky, Batch, Approve, true),
            (&risky, link, Approve, false),
            (&risky, link, Deny, false),
        ];
        for (approval, door, decision, allowed) in table {
            let answer = door.admit(approval, decision);
            assert_eq!(
                answer.is_ok(),
                allowed,
                "{door:?} {decision:?} {:?}",
                approval.risk_labels
            );
            assert!(answer.err().is_none_or(|error| error.code() == ErrorCode::Forbidden));
        }
        assert!(admit_link(&risky).is_err() && admit_link(&hidden).is_ok());
    }
}
