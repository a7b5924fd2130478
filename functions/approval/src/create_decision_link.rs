//! `POST /api/v1/approvals/{id}/links`: a person asks for a link of their own to decide by.

use axum::extract::State;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use shared::{
    context::AppContext,
    data::TenantTx,
    http::{
        ApiError, Attempt, Caller, CreateErrors, IdempotencyKey, Idempotent, NoQuery, Path, Performed, Replayable,
        roles,
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::{Approval, Decision},
    decide::{Decider, authorise},
    door::admit_link,
    events::{self, Actor},
    link::LinkSecret,
    store::{self, NewLink},
    transitions,
};

/// Nothing needs to be said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDecisionLink {}

/// The new link.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedDecisionLink {
    /// Leads to the page that decides, once, as the person who asked. Shown once: null in a replay.
    #[serde(serialize_with = "shown_once")]
    #[schema(value_type = Option<String>, required = true)]
    url: SecretString,
    /// When the request, and so the link, expires.
    #[serde(with = "shared::http::timestamp")]
    expires_at: DateTime<Utc>,
}

impl Replayable for CreatedDecisionLink {
    const SHOWN_ONCE: &'static [&'static str] = &["/url"];
}

fn shown_once<S: Serializer>(url: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.expose_secret())
}

/// Makes a link by which the caller, and nobody else, can decide once on this request, without an API key.
///
/// Asking again replaces it. It works until the request expires, until the secret of the caller's key ends, or until a decision by
/// it is accepted: looking does not use
/// it up, nor does a decision that is refused or repeats the caller's vote.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/links",
    operation_id = "create_decision_link",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request"), IdempotencyKey),
    request_body = Option<NewDecisionLink>,
    responses((status = 201, body = CreatedDecisionLink, description = "The link"), CreateErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.create_link", skip_all, fields(approval.id = %id))]
pub(crate) async fn create_decision_link(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ADMIN | roles::APPROVER }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Idempotent { body: _, once }: Idempotent<Option<NewDecisionLink>>,
) -> Result<Performed<CreatedDecisionLink>, ApiError> {
    let decider = Decider::try_from(&*caller)?;
    let secret = LinkSecret::new(caller.tenant_id, ctx.random.bytes());

    let mut work = match once.begin(&ctx, caller.scope(), &*caller).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    let approval = store::find(&mut work, id).await?.ok_or_else(ApiError::not_found)?;
    authorise_either(&mut work, &approval, decider.user_id).await?;
    admit_link(&approval)?;
    // As a first vote would be: whoever voted may still turn to a denial.
    transitions::vote(approval.state(), None, Decision::Approve)?;
    let link = NewLink {
        approval_id: id,
        user_id: decider.user_id,
        secret_digest: secret.digest(),
        api_key_id: caller.key_id,
        created_at: approval.read_at,
        expires_at: approval.expires_at,
    };
    store::replace_link(&mut work, &link).await?;
    events::record_link(&mut work, &ctx, &Actor::from(&decider), &approval).await?;
    let answer = CreatedDecisionLink {
        url: secret.url(&ctx.config.server.public_url, id),
        expires_at: approval.expires_at,
    };
    work.commit(answer).await
}

/// Whoever is away may deny what was approved in their name, and can then no longer approve.
///
/// # Errors
/// Why the person may not approve, when they may do neither.
async fn authorise_either(tx: &mut TenantTx, approval: &Approval, user_id: Uuid) -> Result<(), ApiError> {
    let Err(refusal) = authorise(tx, approval, user_id, Decision::Approve).await else {
        return Ok(());
    };
    let may_deny = authorise(tx, approval, user_id, Decision::Deny).await;
    may_deny.map(drop).map_err(|_| refusal)
}
