//! `GET /api/v1/users/me/delegation`: to whom the caller handed their authority.

use axum::extract::State;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, ReadErrors, roles},
};

use crate::{delegation::Delegation, store::delegations};

/// Shows the caller's delegation, begun or not.
///
/// # Errors
/// `NOT_FOUND`: there is none, or it is over. `FORBIDDEN`: only who may decide has authority to hand over.
#[utoipa::path(
    get,
    path = "/api/v1/users/me/delegation",
    operation_id = "get_delegation",
    tag = "tenant",
    responses((status = 200, body = Delegation, description = "The delegation"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "delegation.get", skip_all)]
pub(crate) async fn get_delegation(
    State(ctx): State<AppContext>,
    person: Caller<{ roles::ADMIN | roles::APPROVER }>,
    _: NoQuery,
) -> Result<Json<Delegation>, ApiError> {
    let user_id = person.user_id().ok_or_else(ApiError::forbidden)?;
    let mut tx = ctx.db.begin(person.scope()).await?;
    let delegation = delegations::find(&mut tx, user_id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    tx.commit().await?;
    Ok(Json(delegation))
}
