//! What becomes of a tool call: of a caller who may be stopped, or has too much pending; by the policies in force; within the reach of
//! the people there are.

use chrono::{DateTime, Utc};
use shared::{auth::Principal, context::AppContext, data::TenantTx, http::ApiError};

use crate::{
    approval::PolicyRef,
    eligibility::Electorate,
    intake::Proposed,
    policies_in_force,
    policy::{Call, CompiledSets, Effect, Verdict},
    store,
};

/// How much of the determining policies' ids an audit event names, in bytes.
const MAX_OUTCOME_BYTES: usize = 1_000;

/// What decided where no policy did, as the log names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Stopped,
    TooManyPending,
    OutOfReach,
    Unreadable,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::TooManyPending => "too many pending",
            Self::OutOfReach => "out of reach",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The outcomes (a regular expression of Postgres) of what was decided whatever the policies said: another text would have
/// changed nothing.
pub(crate) const WHATEVER_THE_POLICIES: &str = r"^version [0-9]+ \((stopped|too many pending)\)";

/// What is decided on a call, and by which version of the policies.
pub(crate) struct Decision {
    pub(crate) policy: PolicyRef,
    pub(crate) verdict: Verdict,
    /// The moment from which on a stop waits for this decision.
    pub(crate) at: DateTime<Utc>,
    cause: Option<Cause>,
}

impl Decision {
    /// The version of the policies, what decided where they did not, and the determining policies, as many as there is room
    /// for: `version 3: writes, production`, `version 3 (stopped)`.
    pub(crate) fn outcome(&self) -> String {
        let mut named = format!("version {}", self.policy.version);
        if let Some(cause) = self.cause {
            named.extend([" (", cause.as_str(), ")"]);
        }
        let ids = &self.verdict.policy_ids;
        for (count, id) in ids.iter().enumerate() {
            if count > 0 && named.len() + id.len() > MAX_OUTCOME_BYTES {
                return format!("{named} and {} more", ids.len() - count);
            }
            named.push_str(if count == 0 { ": " } else { ", " });
            named.push_str(id);
        }
        named
    }
}

/// Decides on a call. From the look at stops on, a stop waits for the transaction: none is answered that this has not seen.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn decide_tool_call(
    tx: &mut TenantTx,
    ctx: &AppContext,
    sets: &CompiledSets,
    principal: &Principal,
    proposed: &Proposed,
) -> Result<Decision, ApiError> {
    // Before the lock against stops, which others wait for: a process that does not know the text has to compile it.
    let (policy, policies) = policies_in_force::find(tx, sets).await?;
    let name = principal.to_string();
    let most = ctx.config.approvals.max_pending_per_caller;
    let standing = store::admit_request(tx, &name, most).await?;
    let decided = |verdict, cause| Decision {
        policy,
        verdict,
        at: standing.at,
        cause,
    };
    if let Some(stop) = &standing.stop {
        let reason = format!("{}: {}", stop.sentence(), stop.reason);
        return Ok(decided(Verdict::denied(Vec::new(), reason), Some(Cause::Stopped)));
    }
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
        Err(flaw) => return Ok(decided(Verdict::unreadable(flaw), Some(Cause::Unreadable))),
    };
    let Effect::RequireApproval(requirement) = &verdict.effect else {
        return Ok(decided(verdict, None));
    };
    if standing.pending >= i64::from(most) {
        let reason = format!("People would be asked, and this caller has {most} requests pending, as many as it may");
        let denied = Verdict::denied(verdict.policy_ids, reason);
        return Ok(decided(denied, Some(Cause::TooManyPending)));
    }
    let electorate = Electorate {
        requested_by: &name,
        owner_user_id: principal.owner_user_id,
        approver_groups: requirement.groups.as_deref().unwrap_or_default(),
    };
    let reachable = electorate.reachable(&store::list_approvers(tx).await?);
    let verdict = verdict.within_reach_of(reachable);
    let cause = (verdict.effect == Effect::Deny).then_some(Cause::OutOfReach);
    Ok(decided(verdict, cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(policy_ids: Vec<String>, cause: Option<Cause>) -> Decision {
        Decision {
            policy: PolicyRef {
                id: "p".to_owned(),
                version: 3,
            },
            verdict: Verdict::denied(policy_ids, ""),
            at: DateTime::UNIX_EPOCH,
            cause,
        }
    }

    #[test]
    fn an_outcome_names_version_and_cause_and_as_many_policies_as_it_has_room_for() {
        let ids = |count: usize| (0..count).map(|n| format!("policy{n}")).collect::<Vec<_>>();
        let told = |count, cause| decided(ids(count), cause).outcome();
        assert_eq!(told(0, None), "version 3");
        assert_eq!(told(2, None), "version 3: policy0, policy1");
        assert_eq!(told(0, Some(Cause::Stopped)), "version 3 (stopped)");
        assert_eq!(told(1, Some(Cause::OutOfReach)), "version 3 (out of reach): policy0");
        let many = told(1_000, None);
        assert!(many.len() < 1_050 && many.ends_with(" more"), "{many}");
        let named = many.split(", ").count();
        assert!(many.ends_with(&format!(" and {} more", 1_000 - named)), "{many}");
    }
}
