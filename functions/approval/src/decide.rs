//! One person's decision on one request, whichever way it came in.
//!
//! The order inside the transaction is what makes two people who press at the same moment both right: lock; only then
//! read clock, votes and eligibility; vote; count; move; tell; commit.

use serde::Deserialize;
use shared::{
    auth::{Principal, Subject},
    context::AppContext,
    data::{TenantScope, TenantTx},
    http::ApiError,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::{Approval, Decision, Vote},
    door::Door,
    eligibility::{Authority, Electorate, Ineligible},
    events::{self, Actor, Change},
    fast_path,
    intake::{self, Note},
    refusal::stale_view,
    store,
    transitions::{self, Ballot, StateRefusal},
    view::ApprovalStatus,
};

/// What comes with a decision.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApprovalVote)]
pub(crate) struct NewVote {
    /// For the requester and the record.
    #[schema(value_type = Option<Note>)]
    note: Option<String>,
    /// That of the request as the person saw it; another one refuses the decision.
    display_hash: Option<String>,
}

/// The same, each part sound by itself.
#[derive(Default)]
pub(crate) struct Words {
    note: Option<String>,
    display_hash: Option<String>,
}

impl Words {
    /// Reads what comes with a vote whose note stands in the body as `field`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming the field.
    pub(crate) fn read(field: &str, note: Option<&str>, display_hash: Option<String>) -> Result<Self, ApiError> {
        let note = note.map(|note| intake::prose(field, note)).transpose()?.flatten();
        Ok(Self { note, display_hash })
    }
}

impl TryFrom<NewVote> for Words {
    type Error = ApiError;

    fn try_from(vote: NewVote) -> Result<Self, ApiError> {
        Self::read("note", vote.note.as_deref(), vote.display_hash)
    }
}

/// The person who decides, whichever way they came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decider {
    pub(crate) tenant_id: Uuid,
    pub(crate) user_id: Uuid,
    /// That of the key they came with; none came with a link.
    pub(crate) trust_level: Option<i16>,
}

impl TryFrom<&Principal> for Decider {
    type Error = ApiError;

    /// An agent's credential can never decide.
    fn try_from(principal: &Principal) -> Result<Self, ApiError> {
        Ok(Self {
            tenant_id: principal.tenant_id,
            user_id: principal.user_id().ok_or_else(ApiError::forbidden)?,
            trust_level: Some(principal.trust_level),
        })
    }
}

impl From<&Decider> for Actor {
    fn from(decider: &Decider) -> Self {
        Self {
            name: Subject::User(decider.user_id).to_string(),
            trust_level: decider.trust_level,
        }
    }
}

/// Records the person's vote and, when it decides, moves the request.
///
/// The vote, the transition, its audit event and its outbox event commit together or not at all.
///
/// # Errors
/// `NOT_FOUND` (also for a link that was used meanwhile), `SELF_APPROVAL`, `NOT_ELIGIBLE`, `FORBIDDEN` (not through this
/// door), `ALREADY_DECIDED` (with the winning status), `APPROVAL_EXPIRED`, `STALE_VIEW`, in this order.
pub(crate) async fn decide(
    ctx: &AppContext,
    decider: &Decider,
    door: Door,
    id: Uuid,
    decision: Decision,
    words: Words,
) -> Result<ApprovalStatus, ApiError> {
    let actor = Actor::from(decider);
    let scope = TenantScope {
        tenant_id: decider.tenant_id,
        user_id: Some(decider.user_id),
    };
    let mut tx = ctx.db.begin(scope).await?;

    let approval = store::lock(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
    if let Door::Link(digest) = door
        && !store::use_link(&mut tx, id, decider.user_id, &digest).await?
    {
        return Err(ApiError::not_found());
    }
    let authority = authorise(&mut tx, &approval, decider.user_id, decision).await?;
    door.admit(&approval, decision)?;
    let ballot = transitions::vote(approval.state(), approval.vote_of(&actor.name), decision)?;
    if words.display_hash.is_some_and(|seen| seen != approval.display_hash) {
        return Err(stale_view());
    }

    let now = approval.read_at;
    let cast = Vote {
        by: actor.name.clone(),
        on_behalf_of: authority.on_behalf_of(),
        decision,
        note: words.note,
        at: now,
    };
    let approvals = match ballot {
        // Nothing changes, so a link is not used up either: with it its holder may still turn to a denial.
        Ballot::Repeats => return Ok(ApprovalStatus::from(&approval)),
        Ballot::Counts => store::insert_vote(&mut tx, id, &cast).await?,
        Ballot::Replaces => store::replace_vote(&mut tx, id, &cast).await?,
    };
    let next = transitions::after_vote(decision, approvals, approval.required_approvals);
    let after = store::settle(&mut tx, &approval, next, now)
        .await?
        .ok_or(StateRefusal::Expired)?;
    let change = Change::Voted {
        vote: cast,
        via: door.name(),
    };
    events::record(&mut tx, ctx, &actor, &after, change).await?;
    tx.commit().await?;

    fast_path::announce(ctx, decider.tenant_id, &after).await;
    Ok(ApprovalStatus::from(&after))
}

/// On whose authority this person may decide so on the request now.
///
/// # Errors
/// `SELF_APPROVAL`, `NOT_ELIGIBLE`.
pub(crate) async fn authorise(
    tx: &mut TenantTx,
    approval: &Approval,
    user_id: Uuid,
    decision: Decision,
) -> Result<Authority, ApiError> {
    let electorate = Electorate {
        requested_by: &approval.requested_by,
        owner_user_id: approval.owner_user_id,
        approver_groups: &approval.approver_groups,
    };
    let candidate = store::find_candidate(tx, user_id)
        .await?
        .ok_or(Ineligible::NotEligible)?;
    Ok(electorate.authorise(&candidate, &approval.votes, decision)?)
}
