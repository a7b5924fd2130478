//! `POST /api/v1/approvals/{id}/approve`: one approver's vote for a pending request.

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

/// Approves a request on the caller's part; the vote that completes the quorum approves it.
///
/// The same vote again changes nothing and is 200. Nobody decides on a request of their own.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/approve",
    operation_id = "approve_request",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request")),
    request_body = Option<NewVote>,
    responses((status = 200, body = ApprovalStatus, description = "The request after this vote"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.approve", skip_all, fields(approval.id = %id))]
pub(crate) async fn approve_request(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ADMIN | roles::APPROVER }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Json(vote): Json<Option<NewVote>>,
) -> Result<Json<ApprovalStatus>, ApiError> {
    let decider = Decider::try_from(&*caller)?;
    let vote = vote.unwrap_or_default().try_into()?;
    let status = decide(&ctx, &decider, Door::Api, id, Decision::Approve, vote).await?;
    Ok(Json(status))
}
