//! `POST /api/v1/approvals/decide-batch`: one person's decisions on several requests, each bound to what was shown.

use std::collections::HashSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, ErrorCode, ErrorContent, Json, NoQuery, WriteErrors, roles},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::{ApprovalState, Decision},
    decide::{Decider, Words, decide},
    door::Door,
    intake::Note,
    view::ApprovalStatus,
};

const MAX_DECISIONS: usize = 50;

/// Several decisions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDecisions {
    /// No request twice.
    #[schema(min_items = 1, max_items = 50)]
    decisions: Vec<NewDecision>,
}

/// One of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDecision {
    /// The request.
    id: Uuid,
    decision: Decision,
    /// That of the request as the person saw it; another one refuses the decision.
    display_hash: String,
    /// For the requester and the record.
    #[schema(value_type = Option<Note>)]
    note: Option<String>,
}

/// What became of each decision, in the order in which they were sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct DecisionResults {
    results: Vec<DecisionResult>,
}

/// What became of one: `status` when it was taken, else `error`. No more: fifty whole requests may be beyond what an answer
/// can carry, when all of them are decided already.
#[derive(Serialize, ToSchema)]
pub(crate) struct DecisionResult {
    /// The request.
    id: Uuid,
    /// Where the request stands after this vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<ApprovalState>,
    /// As the route for one decision would have answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<ErrorContent>,
}

/// Takes up to 50 decisions, each by itself: one that is refused does not keep the others.
///
/// What cannot be shown whole and plainly (`display_warnings`) can be denied here and not approved. When a dependency goes
/// down in the middle, the rest is not tried and answered `UNAVAILABLE`.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/decide-batch",
    operation_id = "decide_batch",
    tag = "approval",
    request_body = NewDecisions,
    responses((status = 200, body = DecisionResults, description = "What became of each"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.decide_batch", skip_all)]
pub(crate) async fn decide_batch(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ADMIN | roles::APPROVER }>,
    _: NoQuery,
    Json(body): Json<NewDecisions>,
) -> Result<Json<DecisionResults>, ApiError> {
    let decider = Decider::try_from(&*caller)?;
    let mut results = Vec::with_capacity(body.decisions.len());
    let mut outage: Option<ApiError> = None;
    for (id, decision, vote) in read(body.decisions)? {
        let outcome = match &outage {
            None => decide(&ctx, &decider, Door::Batch, id, decision, vote).await,
            Some(outage) => Err(outage.clone()),
        };
        if let Err(error) = &outcome
            && outage.is_none()
        {
            if let Some(cause) = error.cause() {
                tracing::error!(approval.id = %id, cause, "a decision of a batch failed");
            }
            if error.code() == ErrorCode::Unavailable {
                outage = Some(error.clone());
            }
        }
        results.push(DecisionResult::new(id, outcome));
    }
    match outage {
        // No decision was acknowledged, so the whole may as well be sent again: one that counted after all is 200 then.
        Some(outage) if results.iter().all(DecisionResult::is_outage) => Err(outage),
        _ => Ok(Json(DecisionResults { results })),
    }
}

/// Checks every part before anything is decided.
fn read(decisions: Vec<NewDecision>) -> Result<Vec<(Uuid, Decision, Words)>, ApiError> {
    if !(1..=MAX_DECISIONS).contains(&decisions.len()) {
        return Err(ApiError::invalid("decisions", "must hold 1 to 50"));
    }
    let mut seen = HashSet::new();
    let mut sound = Vec::with_capacity(decisions.len());
    for (at, new) in decisions.into_iter().enumerate() {
        if !seen.insert(new.id) {
            let field = format!("decisions[{at}].id");
            return Err(ApiError::invalid(&field, "must not be that of another decision"));
        }
        let field = format!("decisions[{at}].note");
        let vote = Words::read(&field, new.note.as_deref(), Some(new.display_hash))?;
        sound.push((new.id, new.decision, vote));
    }
    Ok(sound)
}

impl DecisionResult {
    fn new(id: Uuid, decided: Result<ApprovalStatus, ApiError>) -> Self {
        let (status, error) = match decided {
            Ok(approval) => (Some(approval.status), None),
            Err(error) => (None, Some(error.content())),
        };
        Self { id, status, error }
    }

    fn is_outage(&self) -> bool {
        let unavailable = |error: &ErrorContent| error.code == ErrorCode::Unavailable;
        self.error.as_ref().is_some_and(unavailable)
    }
}
