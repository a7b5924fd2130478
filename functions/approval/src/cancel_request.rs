//! `POST /api/v1/approvals/{id}/cancel`: the requester or an admin withdraws a request.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, Path, WriteErrors, roles},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::ApprovalState,
    events::{self, Actor, Change},
    fast_path, store,
    transitions::{self, StateRefusal, Withdrawal},
    view::ApprovalStatus,
};

/// Nothing needs to be said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApprovalCancellation)]
pub(crate) struct NewCancellation {}

/// Cancels a request that is pending, or approved and not yet redeemed. Cancelling again changes nothing and is 200.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/cancel",
    operation_id = "cancel_request",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request")),
    request_body = Option<NewCancellation>,
    responses((status = 200, body = ApprovalStatus, description = "The cancelled request"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.cancel", skip_all, fields(approval.id = %id))]
pub(crate) async fn cancel_request(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::AGENT | roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Json(_nothing): Json<Option<NewCancellation>>,
) -> Result<Json<ApprovalStatus>, ApiError> {
    let mut tx = ctx.db.begin(caller.scope()).await?;

    let approval = store::lock(&mut tx, id)
        .await?
        .filter(|approval| approval.is_visible_to(&caller))
        .ok_or_else(ApiError::not_found)?;
    if transitions::cancel(approval.state())? == Withdrawal::Repeats {
        return Ok(Json(ApprovalStatus::from(&approval)));
    }
    let after = store::settle(&mut tx, &approval, ApprovalState::Cancelled, approval.read_at)
        .await?
        .ok_or(StateRefusal::Expired)?;
    let change = Change::Cancelled { by_stop: None };
    events::record(&mut tx, &ctx, &Actor::from(&*caller), &after, change).await?;
    tx.commit().await?;

    fast_path::announce(&ctx, caller.tenant_id, &after).await;
    Ok(Json(ApprovalStatus::from(&after)))
}
