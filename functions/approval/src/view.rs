//! The status of a request in the form every verb answers, events carry and the fast path keeps.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{auth::Subject, presentation::DisplayWarning};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::approval::{Approval, ApprovalState, Decision, PolicyRef, ToolCall, Vote, vote_of};

/// A request for approval, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ApprovalStatus {
    pub(crate) id: Uuid,
    /// The requester's own id of it, or one made here.
    pub(crate) request_id: String,
    pub(crate) status: ApprovalState,
    /// Rises with every accepted vote and every change of status.
    pub(crate) version: i32,
    /// The requester, as a principal.
    pub(crate) requested_by: String,
    pub(crate) tool_call: ToolCall,
    /// Covers exactly what an approver is shown; send it along with a decision.
    pub(crate) display_hash: String,
    /// Why it cannot safely be shown in passing; not empty: it cannot be approved by link or in a batch.
    #[serde(default)]
    #[schema(required)]
    pub(crate) display_warnings: Vec<DisplayWarning>,
    /// Binds the approval to one action with its raw arguments.
    pub(crate) action_digest: String,
    pub(crate) reason: String,
    pub(crate) risk_labels: Vec<String>,
    /// How many people must say yes.
    pub(crate) required_approvals: i32,
    /// Only people in one of these may decide; empty: any approver.
    pub(crate) approver_groups: Vec<String>,
    /// How many have said yes.
    pub(crate) approvals: usize,
    /// The votes, oldest first.
    pub(crate) decisions: Vec<Vote>,
    #[serde(with = "shared::http::timestamp")]
    pub(crate) created_at: DateTime<Utc>,
    /// When it expires, decided or not, unless it has been redeemed.
    #[serde(with = "shared::http::timestamp")]
    pub(crate) expires_at: DateTime<Utc>,
    /// When people decided; null when they did not.
    #[serde(with = "shared::http::timestamp::option")]
    #[schema(required)]
    pub(crate) decided_at: Option<DateTime<Utc>>,
    /// The policy that asked for it; null when the requester did.
    #[schema(required)]
    pub(crate) policy: Option<PolicyRef>,
    /// How long to leave it before asking again, in milliseconds; 0 when nothing can change any more.
    pub(crate) poll_after_ms: u32,
}

impl From<&Approval> for ApprovalStatus {
    fn from(approval: &Approval) -> Self {
        let state = approval.state();
        Self {
            id: approval.id,
            request_id: approval.request_id.clone(),
            status: state,
            // Expiry is a change of status too, whether the sweep has written it down yet or not.
            version: approval.version + i32::from(state != approval.stored_state),
            requested_by: approval.requested_by.clone(),
            tool_call: approval.tool_call.clone(),
            display_hash: approval.display_hash.clone(),
            display_warnings: approval.display_warnings(),
            action_digest: approval.action_digest.clone(),
            reason: approval.reason.clone(),
            risk_labels: approval.risk_labels.clone(),
            required_approvals: approval.required_approvals,
            approver_groups: approval.approver_groups.clone(),
            approvals: approval.approvals(),
            decisions: approval.votes.clone(),
            created_at: approval.created_at,
            expires_at: approval.expires_at,
            // EXPIRED names no decider, nor when there was one.
            decided_at: approval.decided_at.filter(|_| state != ApprovalState::Expired),
            policy: approval.policy.clone(),
            poll_after_ms: poll_after_ms(state),
        }
    }
}

/// A request as the holder of a link is shown it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkedApproval {
    #[serde(flatten)]
    status: ApprovalStatus,
    /// What the holder has answered, by whatever way; null when nothing. A vote in their name by somebody who stood in for
    /// them is not theirs.
    #[schema(required)]
    own_vote: Option<Decision>,
}

impl LinkedApproval {
    pub(crate) fn new(status: ApprovalStatus, holder: Uuid) -> Self {
        let holder = Subject::User(holder).to_string();
        let own_vote = vote_of(&status.decisions, &holder);
        Self { status, own_vote }
    }
}

fn poll_after_ms(state: ApprovalState) -> u32 {
    match state {
        ApprovalState::Pending => 1_000,
        ApprovalState::Approved => 5_000,
        _ => 0,
    }
}
