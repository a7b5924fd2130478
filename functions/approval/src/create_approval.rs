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
};
use utoipa::ToSchema;

use crate::{
    approval::Approval,
    eligibility::Electorate,
    fast_path,
    intake::{Asked, NewApproval},
    open_request::open_request,
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

impl CreatedApproval {
    pub(crate) fn new(approval: &Approval, token: ApprovalToken) -> Self {
        Self {
            status: ApprovalStatus::from(approval),
            token,
        }
    }
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

    let mut work = match once.begin(&ctx, caller.scope(), &*caller).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    check_quorum(&mut work, &caller, &asked).await?;
    let at = admit(&mut work, &ctx, &caller).await?;
    let (approval, token) = open_request(&mut work, &ctx, &caller, asked, at, None).await?;
    let answer = work.commit(CreatedApproval::new(&approval, token)).await?;

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
async fn admit(tx: &mut TenantTx, ctx: &AppContext, principal: &Principal) -> Result<DateTime<Utc>, ApiError> {
    let most = ctx.config.approvals.max_pending_per_caller;
    let standing = store::admit_request(tx, &principal.to_string(), most).await?;
    if let Some(stop) = standing.stop {
        return Err(stop.into());
    }
    if standing.pending >= i64::from(most) {
        return Err(too_many_pending(most));
    }
    Ok(standing.at)
}
