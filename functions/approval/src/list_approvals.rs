//! `GET /api/v1/approvals`: the requests of a tenant.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    data::TenantTx,
    http::{ApiError, Caller, Cursor, Json, Page, PageSize, Query, ReadErrors, roles},
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    approval::ApprovalState,
    eligibility::Candidate,
    store::{self, Filters},
    view::ApprovalStatus,
};

/// Which requests to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Requests that would now be shown with this status.
    status: Option<ApprovalState>,
    /// Requests of this principal.
    requested_by: Option<String>,
    /// Requests for this tool.
    tool: Option<String>,
    /// `me`: requests that the caller may decide on now and has not voted on.
    #[param(inline)]
    decidable_by: Option<DecidableBy>,
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<PageSize>,
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DecidableBy {
    Me,
}

/// Lists requests, newest first. An agent sees its own.
#[utoipa::path(
    get,
    path = "/api/v1/approvals",
    operation_id = "list_approvals",
    tag = "approval",
    params(ListQuery),
    responses((status = 200, body = Page<ApprovalStatus>, description = "A page of requests"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.list", skip_all)]
pub(crate) async fn list_approvals(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ANY }>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<ApprovalStatus>>, ApiError> {
    let viewer = caller.to_string();
    let size = query.limit.unwrap_or_default();
    // Decidability is the caller's own, so the same filters are another list for somebody else.
    let fingerprint = (
        &viewer,
        query.status,
        &query.requested_by,
        &query.tool,
        query.decidable_by,
    );
    let cursor = Cursor::of("approvals", caller.tenant_id, &fingerprint);
    let before = cursor.read(query.cursor.as_deref())?;

    let nothing = || Json(cursor.page(Vec::new(), size, |status: &ApprovalStatus| status.id));
    let requested_by = match query.requested_by {
        Some(other) if caller.is_agent() && other != viewer => return Ok(nothing()),
        None if caller.is_agent() => Some(viewer),
        given => given,
    };

    let mut tx = ctx.db.begin(caller.scope()).await?;
    let decidable_by = match query.decidable_by {
        None => None,
        Some(DecidableBy::Me) => match find_candidate(&mut tx, caller.user_id()).await? {
            Some(candidate) => Some(candidate),
            None => return Ok(nothing()),
        },
    };
    let filters = Filters {
        state: query.status,
        requested_by,
        tool: query.tool,
        decidable_by,
    };
    let approvals = store::list_approvals(&mut tx, &filters, before, size.and_one()).await?;
    tx.commit().await?;

    let statuses = approvals.iter().map(ApprovalStatus::from).collect();
    Ok(Json(cursor.page(statuses, size, |status| status.id)))
}

/// The caller as somebody who may decide at all; agents and auditors may not, on anything.
async fn find_candidate(tx: &mut TenantTx, user_id: Option<uuid::Uuid>) -> Result<Option<Candidate>, sqlx::Error> {
    match user_id {
        Some(user_id) => store::find_candidate(tx, user_id).await,
        None => Ok(None),
    }
}
