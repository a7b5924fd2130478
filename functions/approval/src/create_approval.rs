//! `POST /api/v1/approvals`: an agent or admin asks for an approval.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{
    auth::Principal,
    context::AppContext,
    data::TenantTx,
    http::{
        ApiError, Attempt, Caller, CreateErrors, IdempotencyKey, Idempotent, NoQuery, Performed, Replayable, roles,
    },
    journal::redaction::sanitize,
};
use utoipa::ToSchema;

use crate::{
    approval::{Approval, ApprovalState, ToolCall},
    digest::{Action, Display, action_digest, display_hash},
    eligibility::Electorate,
    events::{self, Actor, Change},
    fast_path,
    intake::{Asked, NewApproval},
    refusal::too_many_pending,
    store,
    token::ApprovalToken,
    view::ApprovalStatus,
};

/// The new request, with the token that is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedApproval {
    #[serde(flatten)]
    status: ApprovalStatus,
    /// Reads this request through `check`. Shown once: null in a replay.
    #[schema(value_type = Option<ApprovalToken>, required = true)]
    token: ApprovalToken,
}

impl Replayable for CreatedApproval {
    const SHOWN_ONCE: &'static [&'static str] = &["/token"];
}

/// Makes a request for approval and returns it with its token, which is shown only once.
///
/// A quorum that cannot be reached by the people who could decide is refused, and so is whoever is stopped or has left too
/// many requests undecided.
#[utoipa::path(
    post,
    path = "/api/v1/approvals",
    operation_id = "create_approval",
    tag = "approval",
    params(IdempotencyKey),
    request_body = NewApproval,
    responses((status = 201, body = CreatedApproval, description = "The request waits for people"), CreateErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.create", skip_all)]
pub(crate) async fn create_approval(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::AGENT | roles::ADMIN }>,
    _: NoQuery,
    Idempotent { body, once }: Idempotent<NewApproval>,
) -> Result<Performed<CreatedApproval>, ApiError> {
    let asked = body.accept(&caller, ctx.config.approvals.token_ttl_seconds)?;
    let token = ApprovalToken::new(ctx.random.bytes());
    let nonce = ctx.random.bytes::<32>();

    let mut work = match once.begin(&ctx, caller.scope(), &*caller).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    check_quorum(&mut work, &caller, &asked).await?;
    let approval = put_together(&mut work, &ctx, &caller, &asked, &token, &nonce).await?;
    store::insert(&mut work, &approval, &nonce).await?;
    let change = Change::Requested {
        arguments: asked.arguments,
    };
    events::record(&mut work, &ctx, &Actor::from(&*caller), &approval, change).await?;
    let status = ApprovalStatus::from(&approval);
    let answer = work.commit(CreatedApproval { status, token }).await?;

    fast_path::keep(&ctx, caller.tenant_id, &approval).await;
    Ok(answer)
}

async fn check_quorum(tx: &mut TenantTx, principal: &Principal, asked: &Asked) -> Result<(), ApiError> {
    let electorate = Electorate {
        requested_by: &principal.to_string(),
        owner_user_id: principal.owner_user_id,
        approver_groups: &asked.approver_groups,
    };
    let reachable = electorate.reachable(&store::list_approvers(tx).await?);
    if usize::try_from(asked.required_approvals).is_ok_and(|required| required <= reachable) {
        return Ok(());
    }
    let rule = format!("must be at most {reachable}, the number of people who could approve this request");
    Err(ApiError::invalid("required_approvals", &rule))
}

/// The moment of a request that may be made: its requester is not stopped, and has not left too many undecided.
async fn admit(tx: &mut TenantTx, ctx: &AppContext, requested_by: &str) -> Result<DateTime<Utc>, ApiError> {
    let most = ctx.config.approvals.max_pending_per_caller;
    let standing = store::admit_request(tx, requested_by, most).await?;
    if let Some(stop) = standing.stop {
        return Err(stop.into());
    }
    if standing.pending >= i64::from(most) {
        return Err(too_many_pending(most));
    }
    Ok(standing.at)
}

/// The request as it will be stored. Its times are the database's, which also decides when it expires.
async fn put_together(
    tx: &mut TenantTx,
    ctx: &AppContext,
    principal: &Principal,
    asked: &Asked,
    token: &ApprovalToken,
    nonce: &[u8; 32],
) -> Result<Approval, ApiError> {
    let requested_by = principal.to_string();
    let action = Action {
        tenant: principal.tenant_id,
        environment: asked.environment,
        caller: &requested_by,
        tool: &asked.tool,
        server: asked.server.as_deref(),
        arguments: &asked.arguments,
    };
    let action_digest = action_digest(nonce, &action)?;
    let tool_call = ToolCall {
        tool: asked.tool.clone(),
        arguments: sanitize(&asked.arguments).arguments,
        environment: asked.environment,
        server: asked.server.clone(),
    };
    let id = ctx.ids.next();
    let request_id = asked.request_id.clone().unwrap_or_else(|| ctx.ids.next().to_string());
    let created_at = admit(tx, ctx, &requested_by).await?;
    let expires_at = created_at + asked.ttl;
    let display_hash = display_hash(&Display {
        id,
        request_id: &request_id,
        requested_by: &requested_by,
        tool_call: &tool_call,
        reason: &asked.reason,
        risk_labels: &asked.risk_labels,
        required_approvals: asked.required_approvals,
        approver_groups: &asked.approver_groups,
        expires_at,
    })?;
    Ok(Approval {
        id,
        request_id,
        stored_state: ApprovalState::Pending,
        version: 1,
        requested_by,
        owner_user_id: principal.owner_user_id,
        tool_call,
        display_hash,
        action_digest,
        reason: asked.reason.clone(),
        risk_labels: asked.risk_labels.clone(),
        required_approvals: asked.required_approvals,
        approver_groups: asked.approver_groups.clone(),
        token_digest: token.digest(),
        policy: None,
        created_at,
        expires_at,
        decided_at: None,
        votes: Vec::new(),
        read_at: created_at,
    })
}
