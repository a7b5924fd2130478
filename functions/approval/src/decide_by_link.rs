//! `POST /decide/{id}`: a person decides by their link, after a click on its page.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    data::TenantScope,
    http::{ApiError, Json, NoQuery, Path, PublicWriteErrors},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::Decision,
    decide::{Decider, Words, decide},
    door::Door,
    intake::Note,
    link::{LinkSecret, Presented},
    same_origin::SameOrigin,
    store,
    view::LinkedApproval,
};

/// One person's decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDecisionByLink {
    /// The fragment of the link.
    secret: LinkSecret,
    decision: Decision,
    /// That of the request as the person saw it; another one refuses the decision.
    display_hash: String,
    /// For the requester and the record.
    #[schema(value_type = Option<Note>)]
    note: Option<String>,
}

/// Takes the decision of the holder of a link, as their vote, and uses the link up.
///
/// A decision that is refused does not use it up, nor does one that repeats the holder's vote. A secret that is unknown,
/// malformed, used, replaced, expired, for another request, made with a key's secret that has ended, or of somebody who is not
/// active is 404; what is too risky for a link, or cannot be shown whole, is 403.
#[utoipa::path(
    post,
    path = "/decide/{id}",
    operation_id = "decide_by_link",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request")),
    request_body = NewDecisionByLink,
    responses((status = 200, body = LinkedApproval, description = "The request after this vote"), PublicWriteErrors),
    security(())
)]
#[tracing::instrument(name = "approval.decide_by_link", skip_all, fields(approval.id = %id))]
pub(crate) async fn decide_by_link(
    State(ctx): State<AppContext>,
    _: SameOrigin,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Json(body): Json<NewDecisionByLink>,
) -> Result<Json<LinkedApproval>, ApiError> {
    let vote = Words::read("note", body.note.as_deref(), Some(body.display_hash))?;
    let presented = body.secret.parse().ok_or_else(ApiError::not_found)?;
    let decider = find_decider(&ctx, id, &presented).await?;
    let door = Door::Link(presented.digest);
    let status = decide(&ctx, &decider, door, id, body.decision, vote).await?;
    Ok(Json(LinkedApproval::new(status, decider.user_id)))
}

/// The person whose working link this is. [`decide`] makes sure of the link again, under the lock.
async fn find_decider(ctx: &AppContext, id: Uuid, presented: &Presented) -> Result<Decider, ApiError> {
    let mut tx = ctx.db.begin(TenantScope::of(presented.tenant_id)).await?;
    let holder = store::find_link_holder(&mut tx, id, &presented.digest).await?;
    tx.commit().await?;
    Ok(Decider {
        tenant_id: presented.tenant_id,
        user_id: holder.ok_or_else(ApiError::not_found)?,
        trust_level: None,
    })
}
