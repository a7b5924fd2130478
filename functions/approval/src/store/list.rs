//! A page of requests.

use shared::data::TenantTx;
use uuid::Uuid;

use super::row::select_approvals;
use crate::{
    approval::{Approval, ApprovalState},
    eligibility::Approver,
};

/// Which requests are wanted; `None` is no restriction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    /// As it would be shown, so a request past its deadline is `EXPIRED`.
    pub(crate) state: Option<ApprovalState>,
    pub(crate) requested_by: Option<String>,
    pub(crate) tool: Option<String>,
    /// Pending ones that this person may decide on and has not voted on.
    pub(crate) decidable_by: Option<Approver>,
}

/// Up to `limit` requests older than `before`, newest first, with their votes.
///
/// The last condition is `Electorate::admit` in SQL.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn list_approvals(
    tx: &mut TenantTx,
    filters: &Filters,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Approval>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    let approver = filters.decidable_by.as_ref();
    let user_id = approver.map(|approver| approver.user_id);
    let groups = approver.map(|approver| approver.groups.as_slice()).unwrap_or_default();
    let minters = approver
        .map(|approver| approver.minted_by.as_slice())
        .unwrap_or_default();
    select_approvals!(
        "FROM approval_requests r
         WHERE r.tenant_id = $1
           AND ($2::uuid IS NULL OR r.id < $2)
           AND ($3::text IS NULL OR $3 = CASE
               WHEN r.status IN ('PENDING', 'APPROVED') AND r.expires_at <= clock_timestamp() THEN 'EXPIRED'
               ELSE r.status END)
           AND ($4::text IS NULL OR r.requested_by = $4)
           AND ($5::text IS NULL OR r.tool_call ->> 'tool' = $5)
           AND ($6::uuid IS NULL OR (
               r.status = 'PENDING' AND r.expires_at > clock_timestamp()
               AND NOT EXISTS (SELECT FROM approval_votes v
                   WHERE v.tenant_id = r.tenant_id AND v.approval_id = r.id AND v.approver = 'user:' || $6::uuid::text)
               AND r.requested_by <> 'user:' || $6::uuid::text
               AND r.owner_user_id IS DISTINCT FROM $6
               AND (r.approver_groups = '{}' OR r.approver_groups && $7::text[])
               AND r.requested_by <> ALL ($8::text[])))
         ORDER BY r.id DESC
         LIMIT $9",
        tenant_id,
        before,
        filters.state.map(ApprovalState::as_str),
        filters.requested_by.as_deref(),
        filters.tool.as_deref(),
        user_id,
        groups,
        minters,
        limit
    )
    .fetch_all(&mut **tx)
    .await?
    .into_iter()
    .map(Approval::try_from)
    .collect()
}
