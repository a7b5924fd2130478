//! `POST /decide/{id}/view`: a person looks at the request that their link is for.

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
    link::LinkSecret,
    same_origin::SameOrigin,
    store,
    view::{ApprovalStatus, LinkedApproval},
};

/// Whose link it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionLinkView {
    /// The fragment of the link.
    secret: LinkSecret,
}

/// Shows the request to the holder of a link, decided or not. The link can be used afterwards as before.
///
/// A secret that is unknown, malformed, used, replaced, expired, for another request, made with a key's secret that has ended,
/// or of somebody who is not active is 404.
#[utoipa::path(
    post,
    path = "/decide/{id}/view",
    operation_id = "view_by_link",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request")),
    request_body = DecisionLinkView,
    responses((status = 200, body = LinkedApproval, description = "How the request stands"), PublicWriteErrors),
    security(())
)]
#[tracing::instrument(name = "approval.view_by_link", skip_all, fields(approval.id = %id))]
pub(crate) async fn view_by_link(
    State(ctx): State<AppContext>,
    _: SameOrigin,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Json(body): Json<DecisionLinkView>,
) -> Result<Json<LinkedApproval>, ApiError> {
    let presented = body.secret.parse().ok_or_else(ApiError::not_found)?;
    let mut tx = ctx.db.begin(TenantScope::of(presented.tenant_id)).await?;
    let holder = store::find_link_holder(&mut tx, id, &presented.digest).await?;
    let holder = holder.ok_or_else(ApiError::not_found)?;
    let approval = store::find(&mut tx, id).await?;
    tx.commit().await?;
    let approval = approval.ok_or_else(ApiError::not_found)?;
    Ok(Json(LinkedApproval::new(ApprovalStatus::from(&approval), holder)))
}
