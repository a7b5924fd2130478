//! `POST /api/v1/tool-calls`: an agent asks whether it may call a tool, and policy answers.

use axum::{Extension, extract::State, http::StatusCode};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use shared::{
    auth::Principal,
    context::AppContext,
    data::TenantTx,
    http::{
        ApiError, Attempt, Caller, CreateErrors, IdempotencyKey, Idempotent, NoQuery, Performed, Replayable, roles,
    },
    journal::audit_log::{self, NewAuditEvent},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::PolicyRef,
    create_approval::CreatedApproval,
    eligibility::Electorate,
    fast_path,
    intake::{self, Asked, NewEvaluation, Proposed},
    open_request::open_request,
    policies_in_force,
    policy::{Call, CompiledSets, Effect, Requirement, Verdict},
    store::{self, Standing},
};

/// The action of the audit event that every decision leaves.
pub(crate) const DECIDED: &str = "tool_call.decided";

/// What people read where neither caller nor policy says anything.
const NO_REASON: &str = "The caller gave no reason";

/// How much of the determining policies' ids an audit event names, in bytes.
const MAX_OUTCOME_BYTES: usize = 1_000;

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
    // Before anything else: from here on a stop waits for this call, so none is answered that this has not seen.
    let standing = store::admit_request(
        &mut work,
        &caller.to_string(),
        ctx.config.approvals.max_pending_per_caller,
    )
    .await?;
    let decided = decide(&mut work, &ctx, &sets, &caller, &proposed, &standing).await?;
    let opened = match &decided.verdict.effect {
        Effect::RequireApproval(requirement) => {
            let asked = asked(&ctx, &proposed, requirement, &decided.verdict.reasons);
            let policy = Some(decided.policy.clone());
            Some(open_request(&mut work, &ctx, &caller, asked, standing.at, policy).await?)
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

/// What is decided on a call, by which version of the policies, and what else decided it.
struct Decision {
    policy: PolicyRef,
    verdict: Verdict,
    /// As the log names it: what is no policy's doing.
    cause: Option<&'static str>,
}

async fn decide(
    tx: &mut TenantTx,
    ctx: &AppContext,
    sets: &CompiledSets,
    principal: &Principal,
    proposed: &Proposed,
    standing: &Standing,
) -> Result<Decision, ApiError> {
    let (policy, policies) = policies_in_force::find(tx, sets).await?;
    if let Some(stop) = &standing.stop {
        let reason = format!("{}: {}", stop.sentence(), stop.reason);
        return Ok(Decision {
            policy,
            verdict: Verdict::denied(Vec::new(), reason),
            cause: Some("stopped"),
        });
    }
    let name = principal.to_string();
    let verdict = match &*policies {
        Ok(policies) => policies.evaluate(&Call {
            caller: name.strip_prefix("agent:").unwrap_or(&name),
            role: principal.role.as_str(),
            trust_level: principal.trust_level,
            environment: proposed.environment,
            tool: &proposed.call.tool,
            server: proposed.call.server.as_deref(),
            arguments: &proposed.call.arguments,
            risk_labels: &proposed.risk_labels,
            reason: proposed.reason.as_deref(),
            time: ctx.clock.now(),
        }),
        Err(flaw) => Verdict::unreadable(flaw),
    };
    let Effect::RequireApproval(requirement) = &verdict.effect else {
        let cause = policies.is_err().then_some("unreadable");
        return Ok(Decision { policy, verdict, cause });
    };
    let most = ctx.config.approvals.max_pending_per_caller;
    if standing.pending >= i64::from(most) {
        let reason = format!("People would be asked, and this caller has {most} requests pending, as many as it may");
        return Ok(Decision {
            policy,
            verdict: Verdict::denied(verdict.policy_ids, reason),
            cause: Some("too many pending"),
        });
    }
    let electorate = Electorate {
        requested_by: &name,
        owner_user_id: principal.owner_user_id,
        approver_groups: requirement.groups.as_deref().unwrap_or_default(),
    };
    let reachable = electorate.reachable(&store::list_approvers(tx).await?);
    let verdict = verdict.within_reach_of(reachable);
    let cause = (verdict.effect == Effect::Deny).then_some("out of reach");
    Ok(Decision { policy, verdict, cause })
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
        .outcome(outcome(decided))
        .arguments(proposed.call.arguments)
}

/// The version of the policies, what is no policy's doing, and the determining policies, as many as there is room for:
/// `version 3: writes, production`, `version 3: stopped`.
fn outcome(decided: &Decision) -> String {
    let mut named = format!("version {}", decided.policy.version);
    let mut separator = ": ";
    if let Some(cause) = decided.cause {
        named.push_str(separator);
        named.push_str(cause);
    }
    let ids = &decided.verdict.policy_ids;
    for (count, id) in ids.iter().enumerate() {
        if count > 0 && named.len() + id.len() > MAX_OUTCOME_BYTES {
            return format!("{named} and {} more", ids.len() - count);
        }
        named.push_str(separator);
        named.push_str(id);
        separator = ", ";
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(policy_ids: Vec<String>, cause: Option<&'static str>) -> Decision {
        Decision {
            policy: PolicyRef {
                id: "p".to_owned(),
                version: 3,
            },
            verdict: Verdict::denied(policy_ids, ""),
            cause,
        }
    }

    #[test]
    fn an_outcome_names_version_and_cause_and_as_many_policies_as_it_has_room_for() {
        let ids = |count: usize| (0..count).map(|n| format!("policy{n}")).collect::<Vec<_>>();
        let told = |count, cause| outcome(&decided(ids(count), cause));
        assert_eq!(told(0, None), "version 3");
        assert_eq!(told(2, None), "version 3: policy0, policy1");
        assert_eq!(told(0, Some("stopped")), "version 3: stopped");
        assert_eq!(told(1, Some("out of reach")), "version 3: out of reach: policy0");
        let many = told(1_000, None);
        assert!(many.len() < 1_050 && many.ends_with(" more"), "{many}");
        let named = many.split(", ").count();
        assert!(many.ends_with(&format!(" and {} more", 1_000 - named)), "{many}");
    }
}
