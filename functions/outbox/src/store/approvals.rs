//! Approvals whose time is over.

use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::data::Connection;
use uuid::Uuid;

/// An approval that is due to expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) tenant_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) status: String,
}

/// A request as it stands after it expired.
pub(crate) struct Expired {
    pub(crate) id: Uuid,
    pub(crate) request_id: String,
    pub(crate) status: String,
    pub(crate) version: i32,
    pub(crate) requested_by: String,
    pub(crate) tool_call: Value,
    pub(crate) display_hash: String,
    pub(crate) action_digest: String,
    pub(crate) reason: String,
    pub(crate) risk_labels: Vec<String>,
    pub(crate) required_approvals: i32,
    pub(crate) approver_groups: Vec<String>,
    pub(crate) policy_id: Option<String>,
    pub(crate) policy_version: Option<i32>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) decided_at: Option<DateTime<Utc>>,
}

/// A vote on it.
pub(crate) struct Vote {
    pub(crate) approver: String,
    pub(crate) decision: String,
    pub(crate) on_behalf_of: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) voted_at: DateTime<Utc>,
}

/// Locks what is due, longest overdue first, until the transaction ends: not what somebody else is deciding on or
/// another sweep is expiring, and none of `but_not`.
pub(crate) async fn claim_due(
    conn: &mut Connection,
    but_not: &[(Uuid, Uuid)],
    limit: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    let (tenant_ids, ids): (Vec<Uuid>, Vec<Uuid>) = but_not.iter().copied().unzip();
    // The lock is the one that votes take too; a stronger one would make them wait on the rows' children.
    sqlx::query_as!(
        Due,
        "SELECT tenant_id, id, status FROM approval_requests
         WHERE status IN ('PENDING', 'APPROVED') AND expires_at <= now()
           AND (tenant_id, id) NOT IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
         ORDER BY expires_at
         LIMIT $3
         FOR NO KEY UPDATE SKIP LOCKED",
        &tenant_ids,
        &ids,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Moves it to `EXPIRED` through the guard that every transition passes. `None` if the guard moved nothing.
pub(crate) async fn settle_expired(conn: &mut Connection, due: &Due) -> Result<Option<Expired>, sqlx::Error> {
    sqlx::query_as!(
        Expired,
        r#"
        SELECT
            id AS "id!", request_id AS "request_id!", status AS "status!", version AS "version!",
            requested_by AS "requested_by!", tool_call AS "tool_call!", display_hash AS "display_hash!",
            action_digest AS "action_digest!", reason AS "reason!", risk_labels AS "risk_labels!",
            required_approvals AS "required_approvals!", approver_groups AS "approver_groups!", policy_id, policy_version,
            created_at AS "created_at!", expires_at AS "expires_at!", decided_at
        FROM settle_approval($1, $2, $3, 'EXPIRED', clock_timestamp())
        "#,
        due.tenant_id,
        due.id,
        due.status,
    )
    .fetch_optional(conn)
    .await
}

/// The votes on it, first to last.
pub(crate) async fn list_votes(conn: &mut Connection, due: &Due) -> Result<Vec<Vote>, sqlx::Error> {
    sqlx::query_as!(
        Vote,
        "SELECT approver, decision, on_behalf_of, note, voted_at FROM approval_votes
         WHERE tenant_id = $1 AND approval_id = $2
         ORDER BY voted_at, approver",
        due.tenant_id,
        due.id,
    )
    .fetch_all(conn)
    .await
}
