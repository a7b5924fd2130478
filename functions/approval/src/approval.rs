//! An approval request as it stands, with the votes on it. Pure: no SQL, no HTTP.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    auth::{Environment, Principal},
    presentation::{DisplayWarning, display_warnings},
};
use utoipa::ToSchema;
use uuid::Uuid;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ApprovalState {
    /// Waits for people.
    Pending,
    /// The quorum is complete; may be redeemed once before it expires.
    Approved,
    /// One eligible person said no.
    Denied,
    /// Its time ran out before it was decided or redeemed.
    Expired,
    /// Withdrawn by the requester or an admin.
    Cancelled,
    /// Redeemed.
    Consumed,
    /// Taken back after it had been approved.
    Revoked,
}

impl ApprovalState {
    pub(crate) const ALL: [Self; 7] = [
        Self::Pending,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Cancelled,
        Self::Consumed,
        Self::Revoked,
    ];

    /// The name in the contract and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Denied => "DENIED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
            Self::Consumed => "CONSUMED",
            Self::Revoked => "REVOKED",
        }
    }

    /// The state of that name. There is no default: an unknown state is not an approval.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing can follow.
    pub(crate) fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Approved)
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = ApprovalDecision)]
pub(crate) enum Decision {
    /// Yes.
    Approve,
    /// No, which ends the request.
    Deny,
}

impl Decision {
    /// The name in the contract and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "APPROVE",
            Self::Deny => "DENY",
        }
    }
}

/// A vote that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ApprovalVote)]
pub(crate) struct Vote {
    /// Who voted, as a principal.
    pub(crate) by: String,
    /// For whom, when the person stood in for somebody who is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) on_behalf_of: Option<String>,
    /// The answer.
    pub(crate) decision: Decision,
    /// What the person added.
    #[schema(required)]
    pub(crate) note: Option<String>,
    /// When.
    #[serde(with = "shared::http::timestamp")]
    pub(crate) at: DateTime<Utc>,
}

/// The call that is asked for, as people are shown it.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ApprovalToolCall)]
pub(crate) struct ToolCall {
    /// The tool.
    pub(crate) tool: String,
    /// Its arguments with every recognised secret replaced by a marker.
    #[schema(value_type = Object)]
    pub(crate) arguments: Map<String, Value>,
    /// Where the call would run.
    pub(crate) environment: Environment,
    /// The server that offers the tool, where the requester named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) server: Option<String>,
}

/// Without the arguments: they may hold what the sanitizer did not recognise.
impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall")
            .field("tool", &self.tool)
            .finish_non_exhaustive()
    }
}

/// The policy that asked for this approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ApprovalPolicy)]
pub(crate) struct PolicyRef {
    /// The policy.
    pub(crate) id: String,
    /// Its version at the time; later edits do not change the request.
    pub(crate) version: i32,
}

/// A request and its votes, as one statement read them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Approval {
    pub(crate) id: Uuid,
    pub(crate) request_id: String,
    /// What is stored; [`Approval::state`] is what is true.
    pub(crate) stored_state: ApprovalState,
    pub(crate) version: i32,
    pub(crate) requested_by: String,
    pub(crate) owner_user_id: Option<Uuid>,
    pub(crate) tool_call: ToolCall,
    pub(crate) display_hash: String,
    pub(crate) action_digest: String,
    pub(crate) reason: String,
    pub(crate) risk_labels: Vec<String>,
    pub(crate) required_approvals: i32,
    pub(crate) approver_groups: Vec<String>,
    /// SHA-256 of the requester's token.
    pub(crate) token_digest: [u8; 32],
    pub(crate) policy: Option<PolicyRef>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) decided_at: Option<DateTime<Utc>>,
    /// Oldest first.
    pub(crate) votes: Vec<Vote>,
    /// The database's clock when this was read.
    pub(crate) read_at: DateTime<Utc>,
}

impl Approval {
    /// Where the request stood when it was read. What is past its deadline has expired, whether or not the sweep has
    /// written that down yet.
    pub(crate) fn state(&self) -> ApprovalState {
        if !self.stored_state.is_terminal() && self.expires_at <= self.read_at {
            ApprovalState::Expired
        } else {
            self.stored_state
        }
    }

    /// How many people said yes.
    pub(crate) fn approvals(&self) -> usize {
        self.votes
            .iter()
            .filter(|vote| vote.decision == Decision::Approve)
            .count()
    }

    /// Why an approver cannot safely be shown this in passing: over everything that the display hash covers.
    pub(crate) fn display_warnings(&self) -> Vec<DisplayWarning> {
        let call = &self.tool_call;
        let texts = [&self.request_id, &self.requested_by, &call.tool, &self.reason]
            .into_iter()
            .chain(&call.server)
            .chain(&self.risk_labels)
            .chain(&self.approver_groups);
        display_warnings(texts.map(String::as_str), &call.arguments)
    }

    /// What this principal has answered.
    pub(crate) fn vote_of(&self, principal: &str) -> Option<Decision> {
        vote_of(&self.votes, principal)
    }

    /// Whether it exists for this principal: for an agent, another's request does not.
    pub(crate) fn is_visible_to(&self, principal: &Principal) -> bool {
        !principal.is_agent() || self.requested_by == principal.to_string()
    }
}

/// What this principal has answered among these votes.
pub(crate) fn vote_of(votes: &[Vote], principal: &str) -> Option<Decision> {
    votes.iter().find(|vote| vote.by == principal).map(|vote| vote.decision)
}
