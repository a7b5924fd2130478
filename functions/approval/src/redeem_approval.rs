//! `POST /api/v1/approvals/{id}/redeem`: the requester presents the live action, and may execute it once.

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use shared::{
    auth::Principal,
    context::AppContext,
    http::{
        ApiError, Attempt, Caller, CreateErrors, IdempotencyKey, Idempotent, NoQuery, Path, Performed, Replayable,
        roles,
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::{Approval, ApprovalState},
    digest::{Action, action_digest},
    events::{self, Actor, Change},
    fast_path,
    intake::{Call, NewToolCall},
    refusal::digest_mismatch,
    store,
    transitions::{self, StateRefusal},
    view::ApprovalStatus,
};

/// The action as it is about to be executed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApprovalRedemption)]
pub(crate) struct NewRedemption {
    tool_call: NewToolCall,
}

impl Replayable for ApprovalStatus {
    const STATUS: StatusCode = StatusCode::OK;
    const SHOWN_ONCE: &'static [&'static str] = &[];
}

/// Consumes an approval for the action that was approved, and for no other.
///
/// Only a 200 authorises the execution, and there is one: a poll or a webhook that says `APPROVED` does not. Everything
/// that the digest covers must be as it was asked for; the order of keys and the spelling of numbers do not matter.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/redeem",
    operation_id = "redeem_approval",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request"), IdempotencyKey),
    request_body = NewRedemption,
    responses((status = 200, body = ApprovalStatus, description = "The action may be executed, once"), CreateErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.redeem", skip_all, fields(approval.id = %id))]
pub(crate) async fn redeem_approval(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::AGENT | roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Idempotent { body, once }: Idempotent<NewRedemption>,
) -> Result<Performed<ApprovalStatus>, ApiError> {
    let call = body.tool_call.accept()?;
    let mut work = match once.begin(&ctx, caller.scope(), &*caller).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };

    let approval = store::lock_to_redeem(&mut work, id)
        .await?
        .filter(|approval| approval.is_visible_to(&caller))
        .ok_or_else(ApiError::not_found)?;
    if approval.requested_by != caller.to_string() {
        return Err(ApiError::forbidden());
    }
    transitions::redeem(approval.state())?;
    let (nonce, stop) = store::find_redemption(&mut work, &approval).await?;
    if let Some(stop) = stop {
        return Err(stop.into());
    }
    if !is_approved_action(&caller, &approval, &call, &nonce)? {
        return Err(digest_mismatch());
    }
    let after = store::settle(&mut work, &approval, ApprovalState::Consumed, approval.read_at)
        .await?
        .ok_or(StateRefusal::Expired)?;
    events::record(&mut work, &ctx, &Actor::from(&*caller), &after, Change::Consumed).await?;
    let answer = work.commit(ApprovalStatus::from(&after)).await?;

    fast_path::announce(&ctx, caller.tenant_id, &after).await;
    Ok(answer)
}

/// Whether the live action has the digest that was approved. It runs where the key that asks runs, whatever it says.
fn is_approved_action(principal: &Principal, approval: &Approval, call: &Call, nonce: &[u8]) -> Result<bool, ApiError> {
    if call.environment.is_some_and(|named| named != principal.environment) {
        return Ok(false);
    }
    let caller = principal.to_string();
    let action = Action {
        tenant: principal.tenant_id,
        environment: principal.environment,
        caller: &caller,
        tool: &call.tool,
        server: call.server.as_deref(),
        arguments: &call.arguments,
    };
    Ok(action_digest(nonce, &action)? == approval.action_digest)
}
