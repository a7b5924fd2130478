//! A page of requests.

use shared::data::TenantTx;
use sqlx::types::Json;
use uuid::Uuid;

use super::row::select_approvals;
use crate::{
    approval::{Approval, ApprovalState},
    eligibility::{Approver, Candidate},
};

/// Which requests are wanted; `None` is no restriction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    /// As it would be shown, so a request past its deadline is `EXPIRED`.
    pub(crate) state: Option<ApprovalState>,
    pub(crate) requested_by: Option<String>,
    pub(crate) tool: Option<String>,
    /// Pending ones that this person may decide on and has not voted on.
    pub(crate) decidable_by: Option<Candidate>,
}

/// Up to `limit` requests older than `before`, newest first, with their votes.
///
/// The last condition is `Electorate::authorise` of an approval, in SQL: the person is not barred, and has a free authority, which is their
/// own where their groups do, and otherwise that of a delegator who could decide.
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
    let candidate = filters.decidable_by.as_ref();
    let user_id = candidate.map(|candidate| candidate.person.user_id);
    let groups = candidate
        .map(|candidate| candidate.person.groups.as_slice())
        .unwrap_or_default();
    let authorities: Vec<&Approver> = candidate
        .into_iter()
        .flat_map(|candidate| std::iter::once(&candidate.person).chain(&candidate.delegators))
        .collect();
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
               AND (
                   WITH authorities AS (
                       SELECT a.user_id,
                              r.approver_groups = '{}' OR r.approver_groups && a.groups AS is_included,
                              r.requested_by = 'user:' || a.user_id::text
                                  OR r.owner_user_id IS NOT DISTINCT FROM a.user_id
                                  OR r.requested_by = ANY (a.minted_by)
                                  OR EXISTS (SELECT FROM unnest(a.tied_to) AS other
                                      WHERE r.requested_by = 'user:' || other::text OR r.owner_user_id = other)
                                  AS is_barred,
                              NOT EXISTS (SELECT FROM approval_votes v
                                  WHERE v.tenant_id = r.tenant_id AND v.approval_id = r.id
                                    AND 'user:' || a.user_id::text IN (v.approver, v.on_behalf_of)) AS is_free
                       FROM jsonb_to_recordset($8) AS a (user_id uuid, groups text[], minted_by text[], tied_to uuid[])
                   )
                   SELECT bool_or(
                              is_included AND is_free AND NOT is_barred
                              AND (user_id = $6 OR NOT (r.approver_groups = '{}' OR r.approver_groups && $7::text[])))
                          AND NOT bool_or(is_barred AND user_id = $6)
                   FROM authorities)))
         ORDER BY r.id DESC
         LIMIT $9",
        tenant_id,
        before,
        filters.state.map(ApprovalState::as_str),
        filters.requested_by.as_deref(),
        filters.tool.as_deref(),
        user_id,
        groups,
        Json(authorities) as _,
        limit
    )
    .fetch_all(&mut **tx)
    .await?
    .into_iter()
    .map(Approval::try_from)
    .collect()
}
