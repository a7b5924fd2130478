//! `POST /api/v1/tool-calls`: an agent asks whether it may call a tool, and policy answers.

use axum::{Extension, extract::State, http::StatusCode};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use shared::{
    auth::Principal,
    context::AppContext,
    http::{
        ApiError, Attempt, Caller, CreateErrors, IdempotencyKey, Idempotent, NoQuery, Performed, Replayable, roles,
    },
    journal::audit_log::{self, NewAuditEvent},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    create_approval::CreatedApproval,
    fast_path,
    intake::{self, Asked, NewEvaluation, Proposed},
    open_request::open_request,
    policy::{CompiledSets, Effect, Requirement},
    tool_call_decision::{Decision, decide_tool_call},
};

/// The action of the audit event that every decision leaves.
pub(crate) const DECIDED: &str = "tool_call.decided";

/// What people read where neither caller nor policy says anything.
const NO_REASON: &str = "The caller gave no reason";

/// What policy decided on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = ToolCallDecision)]
pub(crate) enum Decided {
    /// The call may be made.
    Allow,
    /// It may not, and nobody is asked.
    Deny,
    /// People are asked; redeeming their approval authorises the call.
    RequireApproval,
}

impl From<&Effect> for Decided {
    fn from(effect: &Effect) -> Self {
        match effect {
            Effect::Allow => Self::Allow,
            Effect::Deny => Self::Deny,
            Effect::RequireApproval(_) => Self::RequireApproval,
        }
    }
}

/// The decision, and the request for approval if there is one.
#[derive(Serialize, ToSchema)]
#[schema(as = ToolCallEvaluation)]
pub(crate) struct Evaluation {
    decision: Decided,
    /// The policies that determined it, in the order of their text; none where none matched.
    policy_ids: Vec<String>,
    /// What they say for themselves.
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    approval: Option<CreatedApproval>,
}

impl Replayable for Evaluation {
    const STATUS: StatusCode = StatusCode::OK;
    const SHOWN_ONCE: &'static [&'static str] = &["/approval/token"];
}

/// Decides on a tool call by the tenant's policies.
///
/// `ALLOW` lets the agent call the tool now. `REQUIRE_APPROVAL` has made a request for approval, with the token that is
/// shown only once. Whatever cannot be evaluated, or could not be approved by anybody, is `DENY`. Each decision leaves an
/// audit event.
#[utoipa::path(
    post,
    path = "/api/v1/tool-calls",
    operation_id = "evaluate_tool_call",
    tag = "approval",
    params(IdempotencyKey),
    request_body = NewEvaluation,
    responses((status = 200, body = Evaluation, description = "What policy decided"), CreateErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "tool_call.evaluate", skip_all)]
pub(crate) async fn evaluate_tool_call(
    State(ctx): State<AppContext>,
    Extension(sets): Extension<CompiledSets>,
    caller: Caller<{ roles::AGENT }>,
    _: NoQuery,
    Idempotent { body, once }: Idempotent<NewEvaluation>,
) -> Result<Performed<Evaluation>, ApiError> {
    let proposed = body.accept(&caller)?;

    let mut work = match once.begin(&ctx, caller.scope(), &*caller).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    let decided = decide_tool_call(&mut work, &ctx, &sets, &caller, &proposed).await?;
    let opened = match &decided.verdict.effect {
        Effect::RequireApproval(requirement) => {
            let asked = asked(&ctx, &proposed, requirement, &decided.verdict.reasons);
            let policy = Some(decided.policy.clone());
            Some(open_request(&mut work, &ctx, &caller, asked, decided.at, policy).await?)
        }
        Effect::Allow | Effect::Deny => None,
    };
    let about = opened
        .as_ref()
        .map_or_else(|| ctx.ids.next(), |(approval, _)| approval.id);
    let event = audit_event(&ctx, &caller, about, proposed, &decided);
    audit_log::record_in_tx(&mut work, &ctx, event).await?;

    let kept = opened.as_ref().map(|(approval, _)| approval.clone());
    let verdict = decided.verdict;
    let answer = Evaluation {
        decision: Decided::from(&verdict.effect),
        policy_ids: verdict.policy_ids,
        reasons: verdict.reasons,
        approval: opened.map(|(approval, token)| CreatedApproval::new(&approval, token)),
    };
    let answer = work.commit(answer).await?;
    if let Some(approval) = kept {
        fast_path::keep(&ctx, caller.tenant_id, &approval).await;
    }
    Ok(answer)
}

/// The request that policy makes in the caller's name.
fn asked(ctx: &AppContext, proposed: &Proposed, requirement: &Requirement, reasons: &[String]) -> Asked {
    let mut risk_labels = proposed.risk_labels.clone();
    if let Some(risk) = requirement.risk.map(|risk| risk.as_str().to_owned())
        && !risk_labels.contains(&risk)
    {
        risk_labels.push(risk);
    }
    let ttl_seconds = requirement
        .ttl_seconds
        .map_or(ctx.config.approvals.token_ttl_seconds, u64::from);
    Asked {
        tool: proposed.call.tool.clone(),
        server: proposed.call.server.clone(),
        environment: proposed.environment,
        arguments: proposed.call.arguments.clone(),
        reason: proposed.reason.clone().unwrap_or_else(|| reason_of(reasons)),
        risk_labels,
        request_id: proposed.request_id.clone(),
        required_approvals: requirement.quorum,
        approver_groups: requirement.groups.clone().unwrap_or_default(),
        ttl: TimeDelta::seconds(i64::try_from(ttl_seconds).unwrap_or(i64::MAX / 1_000)),
    }
}

/// Why people are asked where the caller did not say: what the policies say for themselves, as far as a reason reaches.
fn reason_of(reasons: &[String]) -> String {
    let joined: String = reasons.join("\n").chars().take(intake::MAX_REASON_CHARS).collect();
    let prose = intake::prose("reason", &joined).ok().flatten();
    prose.unwrap_or_else(|| NO_REASON.to_owned())
}

fn audit_event(
    ctx: &AppContext,
    principal: &Principal,
    about: Uuid,
    proposed: Proposed,
    decided: &Decision,
) -> NewAuditEvent {
    NewAuditEvent::of_product(ctx, &principal.to_string(), DECIDED, about)
        .tool(proposed.call.tool)
        .environment(proposed.environment.as_str())
        .trust_level(principal.trust_level)
        .risk_labels(proposed.risk_labels)
        .decision(decided.verdict.effect.as_str())
        .outcome(decided.outcome())
        .arguments(proposed.call.arguments)
}
