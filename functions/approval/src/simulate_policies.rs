//! `POST /api/v1/policies/simulate`: what a text would have decided on the tool calls of the past.

use std::collections::BTreeMap;

use axum::{Extension, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    auth::{Environment, Role},
    context::AppContext,
    data::TenantTx,
    http::{ApiError, Caller, Json, NoQuery, WriteErrors, roles},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    eligibility::{Approver, Electorate},
    evaluate_tool_call::{DECIDED, Decided},
    policies_in_force,
    policy::{Call, CompiledPolicies, CompiledSets, Effect, Verdict, compile},
    put_policies::{both_given, check_version, unsound},
    store::{self, DecidedCall},
    tool_call_decision::WHATEVER_THE_POLICIES,
};

const MAX_CALLS: i64 = 1_000;
const DEFAULT_CALLS: i64 = 200;
const MAX_CHANGES: usize = 100;

/// Which policies, on which calls. Without `cedar` and `version`: those in force.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicySimulation {
    /// A text that is not stored.
    #[schema(max_length = 65536)]
    cedar: Option<String>,
    /// A version that was in force.
    #[schema(minimum = 1)]
    version: Option<i32>,
    /// Calls received at this time or later.
    #[serde(default, with = "shared::http::timestamp::option")]
    since: Option<DateTime<Utc>>,
    /// Calls received before this time.
    #[serde(default, with = "shared::http::timestamp::option")]
    until: Option<DateTime<Utc>>,
    /// How many of the newest calls at most; 200 when not said. 0 only validates.
    #[schema(minimum = 0, maximum = 1000)]
    limit: Option<i64>,
}

/// What the policies would have decided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimulationResult {
    /// How many calls were evaluated.
    evaluated: usize,
    /// On how many of them the decision would be another.
    changed: usize,
    /// How many calls each decision would have met.
    by_decision: BTreeMap<Decided, usize>,
    /// The newest of those, at most 100.
    changes: Vec<ChangedDecision>,
}

/// A call on which the decision would be another.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedDecision {
    /// The audit event of the call.
    event_id: Uuid,
    tool: String,
    /// The agent.
    caller_id: String,
    was: Decided,
    would_be: Decided,
    policy_ids: Vec<String>,
    reasons: Vec<String>,
}

/// Evaluates policies against recorded tool calls. Nothing is written.
///
/// The log has no raw arguments: what the sanitizer replaced is compared as it was replaced, and calls whose arguments were
/// erased are left out. It has neither a call's server nor its reason, so both are absent; who could approve is asked of
/// the people of today.
#[utoipa::path(
    post,
    path = "/api/v1/policies/simulate",
    operation_id = "simulate_policies",
    tag = "approval",
    request_body = PolicySimulation,
    responses((status = 200, body = SimulationResult, description = "What would have been decided"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "policy.simulate", skip_all)]
pub(crate) async fn simulate_policies(
    State(ctx): State<AppContext>,
    Extension(sets): Extension<CompiledSets>,
    caller: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Json(asked): Json<PolicySimulation>,
) -> Result<Json<SimulationResult>, ApiError> {
    if asked.cedar.is_some() && asked.version.is_some() {
        return Err(both_given());
    }
    check_version(asked.version)?;
    let limit = asked.limit.unwrap_or(DEFAULT_CALLS);
    if !(0..=MAX_CALLS).contains(&limit) {
        return Err(ApiError::invalid("limit", "must be from 0 to 1000"));
    }
    let given = match &asked.cedar {
        Some(cedar) => Some(compile(cedar).map_err(|flaw| unsound(&flaw))?),
        None => None,
    };

    let mut tx = ctx.db.begin(caller.scope()).await?;
    let in_force;
    let policies = if let Some(policies) = &given {
        policies
    } else if let Some(version) = asked.version {
        let stored = store::find_policies(&mut tx, version)
            .await?
            .ok_or_else(ApiError::not_found)?;
        in_force = std::sync::Arc::new(compile(&stored.cedar));
        in_force.as_ref().as_ref().map_err(unsound)?
    } else {
        in_force = policies_in_force::find(&mut tx, &sets).await?.1;
        in_force.as_ref().as_ref().map_err(unsound)?
    };
    let (calls, approvers) = recorded(&mut tx, &asked, limit).await?;
    tx.commit().await?;

    Ok(Json(simulate(policies, calls, &approvers)))
}

async fn recorded(
    tx: &mut TenantTx,
    asked: &PolicySimulation,
    limit: i64,
) -> Result<(Vec<DecidedCall>, Vec<Approver>), ApiError> {
    if limit == 0 {
        return Ok(Default::default());
    }
    let calls = store::list_decided_calls(tx, DECIDED, WHATEVER_THE_POLICIES, asked.since, asked.until, limit).await?;
    Ok((calls, store::list_approvers(tx).await?))
}

fn simulate(policies: &CompiledPolicies, calls: Vec<DecidedCall>, approvers: &[Approver]) -> SimulationResult {
    let mut result = SimulationResult {
        evaluated: 0,
        changed: 0,
        by_decision: [Decided::Allow, Decided::Deny, Decided::RequireApproval]
            .map(|decided| (decided, 0))
            .into(),
        changes: Vec::new(),
    };
    for call in calls {
        // Agents may record events of this name themselves, with anything in them.
        let (Some(was), Some(verdict)) = (was(&call), would_be(policies, &call, approvers)) else {
            continue;
        };
        result.evaluated += 1;
        let would_be = Decided::from(&verdict.effect);
        *result.by_decision.entry(would_be).or_default() += 1;
        if was == would_be {
            continue;
        }
        result.changed += 1;
        if result.changes.len() < MAX_CHANGES {
            result.changes.push(ChangedDecision {
                event_id: call.event_id,
                caller_id: agent(&call).to_owned(),
                tool: call.tool,
                was,
                would_be,
                policy_ids: verdict.policy_ids,
                reasons: verdict.reasons,
            });
        }
    }
    result
}

fn agent(call: &DecidedCall) -> &str {
    call.recorded_by.strip_prefix("agent:").unwrap_or(&call.recorded_by)
}

fn was(call: &DecidedCall) -> Option<Decided> {
    let name = call.decision.clone()?;
    serde_json::from_value(Value::String(name)).ok()
}

fn would_be(policies: &CompiledPolicies, call: &DecidedCall, approvers: &[Approver]) -> Option<Verdict> {
    let arguments: &Map<String, Value> = call.sanitized_args.as_object()?;
    let verdict = policies.evaluate(&Call {
        caller: agent(call),
        role: Role::Agent.as_str(),
        trust_level: call.trust_level?,
        environment: call.environment.as_ref()?.parse::<Environment>().ok()?,
        tool: &call.tool,
        server: None,
        arguments,
        risk_labels: &call.risk_labels,
        reason: None,
        time: call.received_at,
    });
    let Effect::RequireApproval(requirement) = &verdict.effect else {
        return Some(verdict);
    };
    let electorate = Electorate {
        requested_by: &call.recorded_by,
        owner_user_id: None,
        approver_groups: requirement.groups.as_deref().unwrap_or_default(),
    };
    let reachable = electorate.reachable(approvers);
    Some(verdict.within_reach_of(reachable))
}
