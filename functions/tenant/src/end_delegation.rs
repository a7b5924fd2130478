//! `DELETE /api/v1/users/me/delegation`: the caller decides for themselves again.

use axum::{extract::State, http::StatusCode};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, NoQuery, ReadErrors, roles},
    journal::audit_log,
};

use crate::{
    events,
    store::{delegations, users},
};

/// Ends the caller's delegation at once. Where there is none, nothing changes. Votes that were cast in the caller's name
/// stay.
#[utoipa::path(
    delete,
    path = "/api/v1/users/me/delegation",
    operation_id = "end_delegation",
    tag = "tenant",
    responses((status = 204, description = "There is no delegation any more"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "delegation.end", skip_all)]
pub(crate) async fn end_delegation(
    State(ctx): State<AppContext>,
    person: Caller<{ roles::ADMIN | roles::APPROVER }>,
    _: NoQuery,
) -> Result<StatusCode, ApiError> {
    let user_id = person.user_id().ok_or_else(ApiError::forbidden)?;
    let mut tx = ctx.db.begin(person.scope()).await?;
    users::lock(&mut tx, user_id)
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    let Some(delegation) = delegations::find(&mut tx, user_id).await? else {
        return Ok(StatusCode::NO_CONTENT);
    };
    delegations::delete(&mut tx, user_id).await?;
    let event = events::by(&ctx, &person, "delegation.ended", user_id).arguments(events::fields(&delegation));
    audit_log::record_in_tx(&mut tx, &ctx, event).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
