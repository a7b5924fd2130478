//! The making of a request for approval, whoever asks for it: the requester itself, or policy.

use chrono::{DateTime, Utc};
use shared::{auth::Principal, context::AppContext, data::TenantTx, http::ApiError, journal::redaction::sanitize};

use crate::{
    approval::{Approval, ApprovalState, PolicyRef, ToolCall},
    digest::{Action, Display, action_digest, display_hash},
    events::{self, Actor, Change},
    intake::Asked,
    store,
    token::ApprovalToken,
};

/// Stores a request, with its events, and returns it with its token. That its quorum can be reached and its requester may
/// ask `at` that moment was seen before.
///
/// # Errors
/// `UNAVAILABLE` or `INTERNAL_ERROR`; the transaction must then be rolled back.
pub(crate) async fn open_request(
    tx: &mut TenantTx,
    ctx: &AppContext,
    principal: &Principal,
    asked: Asked,
    at: DateTime<Utc>,
    policy: Option<PolicyRef>,
) -> Result<(Approval, ApprovalToken), ApiError> {
    let token = ApprovalToken::new(ctx.random.bytes());
    let nonce = ctx.random.bytes::<32>();
    let approval = Approval {
        policy,
        ..put_together(ctx, principal, &asked, at, &token, &nonce)?
    };
    store::insert(tx, &approval, &nonce).await?;
    let change = Change::Requested {
        arguments: asked.arguments,
    };
    events::record(tx, ctx, &Actor::from(principal), &approval, change).await?;
    Ok((approval, token))
}

/// The request as it will be stored. Its times are by the database's clock, which also decides when it expires.
fn put_together(
    ctx: &AppContext,
    principal: &Principal,
    asked: &Asked,
    created_at: DateTime<Utc>,
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
