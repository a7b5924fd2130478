//! `POST /api/v1/approvals/{id}/revoke`: an approval is taken back before it is used.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    auth::{Principal, Role},
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, Path, WriteErrors, roles},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::{Approval, ApprovalState, Decision, Vote},
    events::{self, Actor, Change},
    fast_path,
    intake::{self, Reason},
    store,
    transitions::{self, StateRefusal, Withdrawal},
    view::ApprovalStatus,
};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApprovalRevocation)]
pub(crate) struct NewRevocation {
    /// For the requester and the record.
    #[schema(value_type = Reason)]
    reason: String,
}

/// Revokes an approval that has not been redeemed. An admin may, and whoever approved it or was stood in for by
/// somebody who did. Revoking again changes nothing
/// and is 200.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/revoke",
    operation_id = "revoke_approval",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request")),
    request_body = NewRevocation,
    responses((status = 200, body = ApprovalStatus, description = "The revoked request"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.revoke", skip_all, fields(approval.id = %id))]
pub(crate) async fn revoke_approval(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ADMIN | roles::APPROVER }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Json(body): Json<NewRevocation>,
) -> Result<Json<ApprovalStatus>, ApiError> {
    let reason =
        intake::prose("reason", &body.reason)?.ok_or_else(|| ApiError::invalid("reason", "must not be empty"))?;
    let mut tx = ctx.db.begin(caller.scope()).await?;

    let approval = store::lock(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
    if !may_revoke(&caller, &approval) {
        return Err(ApiError::forbidden());
    }
    if transitions::revoke(approval.state())? == Withdrawal::Repeats {
        return Ok(Json(ApprovalStatus::from(&approval)));
    }
    let after = store::settle(&mut tx, &approval, ApprovalState::Revoked, approval.read_at)
        .await?
        .ok_or(StateRefusal::Expired)?;
    events::record(
        &mut tx,
        &ctx,
        &Actor::from(&*caller),
        &after,
        Change::Revoked { reason },
    )
    .await?;
    tx.commit().await?;

    fast_path::announce(&ctx, caller.tenant_id, &after).await;
    Ok(Json(ApprovalStatus::from(&after)))
}

fn may_revoke(principal: &Principal, approval: &Approval) -> bool {
    let name = principal.to_string();
    let is_theirs = |vote: &Vote| vote.by == name || vote.on_behalf_of.as_ref() == Some(&name);
    let approved = |vote: &Vote| vote.decision == Decision::Approve && is_theirs(vote);
    principal.role == Role::Admin || approval.votes.iter().any(approved)
}
