//! The one shape in which requests are read: the row, its votes and the clock, in one statement.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use crate::approval::{Approval, ApprovalState, PolicyRef, ToolCall, Vote};

/// Selects approvals as [`Row`]s. The table or function goes by the name `r` in `$tail`.
macro_rules! select_approvals {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            crate::store::row::Row,
            r#"SELECT r.id AS "id!", r.request_id AS "request_id!", r.status AS "status!", r.version AS "version!",
                      r.requested_by AS "requested_by!", r.owner_user_id AS "owner_user_id?",
                      r.tool_call AS "tool_call!: sqlx::types::Json<crate::approval::ToolCall>",
                      r.display_hash AS "display_hash!", r.action_digest AS "action_digest!", r.reason AS "reason!",
                      r.risk_labels AS "risk_labels!", r.required_approvals AS "required_approvals!",
                      r.approver_groups AS "approver_groups!", r.token_digest AS "token_digest!",
                      r.policy_id AS "policy_id?", r.policy_version AS "policy_version?",
                      r.created_at AS "created_at!", r.expires_at AS "expires_at!", r.decided_at AS "decided_at?",
                      clock_timestamp() AS "read_at!",
                      coalesce((
                          SELECT jsonb_agg(jsonb_build_object(
                              'by', v.approver, 'on_behalf_of', v.on_behalf_of, 'decision', v.decision,
                              'note', v.note, 'at', v.voted_at) ORDER BY v.voted_at, v.approver)
                          FROM approval_votes v
                          WHERE v.tenant_id = r.tenant_id AND v.approval_id = r.id
                      ), '[]') AS "votes!: sqlx::types::Json<Vec<crate::approval::Vote>>"
               "# + $tail
            $(, $argument)*
        )
    };
}
pub(super) use select_approvals;

/// An approval as it is selected.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) request_id: String,
    pub(super) status: String,
    pub(super) version: i32,
    pub(super) requested_by: String,
    pub(super) owner_user_id: Option<Uuid>,
    pub(super) tool_call: Json<ToolCall>,
    pub(super) display_hash: String,
    pub(super) action_digest: String,
    pub(super) reason: String,
    pub(super) risk_labels: Vec<String>,
    pub(super) required_approvals: i32,
    pub(super) approver_groups: Vec<String>,
    pub(super) token_digest: Vec<u8>,
    pub(super) policy_id: Option<String>,
    pub(super) policy_version: Option<i32>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) decided_at: Option<DateTime<Utc>>,
    pub(super) read_at: DateTime<Utc>,
    pub(super) votes: Json<Vec<Vote>>,
}

impl TryFrom<Row> for Approval {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let stored_state = ApprovalState::from_name(&row.status)
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown approval status {:?}", row.status).into()))?;
        let token_digest =
            <[u8; 32]>::try_from(row.token_digest.as_slice()).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Self {
            id: row.id,
            request_id: row.request_id,
            stored_state,
            version: row.version,
            requested_by: row.requested_by,
            owner_user_id: row.owner_user_id,
            tool_call: row.tool_call.0,
            display_hash: row.display_hash,
            action_digest: row.action_digest,
            reason: row.reason,
            risk_labels: row.risk_labels,
            required_approvals: row.required_approvals,
            approver_groups: row.approver_groups,
            token_digest,
            policy: row
                .policy_id
                .zip(row.policy_version)
                .map(|(id, version)| PolicyRef { id, version }),
            created_at: row.created_at,
            expires_at: row.expires_at,
            decided_at: row.decided_at,
            votes: row.votes.0,
            read_at: row.read_at,
        })
    }
}
