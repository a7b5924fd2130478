//! `POST /api/v1/approvals/{id}/deny`: one approver's vote against a pending request, which ends it.

use axum::extract::State;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, Path, WriteErrors, roles},
};
use uuid::Uuid;

use crate::{
    approval::Decision,
    decide::{Decider, NewVote, decide},
    door::Door,
    view::ApprovalStatus,
};

/// Denies a request: one eligible denial ends it.
///
/// It may follow the caller's own approval while the request is pending, and takes its place. The same vote again
/// changes nothing and is 200.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/deny",
    operation_id = "deny_request",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request")),
    request_body = Option<NewVote>,
    responses((status = 200, body = ApprovalStatus, description = "The request after this vote"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.deny", skip_all, fields(approval.id = %id))]
pub(crate) async fn deny_request(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ADMIN | roles::APPROVER }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Json(vote): Json<Option<NewVote>>,
) -> Result<Json<ApprovalStatus>, ApiError> {
    let decider = Decider::try_from(&*caller)?;
    let vote = vote.unwrap_or_default().try_into()?;
    let status = decide(&ctx, &decider, Door::Api, id, Decision::Deny, vote).await?;
    Ok(Json(status))
}
