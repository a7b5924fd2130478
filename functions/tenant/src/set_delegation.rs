//! `PUT /api/v1/users/me/delegation`: somebody decides in the caller's place while they are away.

use axum::extract::State;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, WriteErrors, roles},
    journal::audit_log,
};

use crate::{
    delegation::{Delegation, NewDelegation},
    events,
    store::{self, delegations, users},
};

/// Hands the caller's authority to decide to somebody else for a while, in the place of what they handed over before.
///
/// The delegate decides in the caller's name where they could not in their own; they cannot hand it on.
///
/// # Errors
/// `VALIDATION_ERROR`: to oneself, to a person who may not decide themselves, over, or longer than 90 days. `NOT_FOUND`:
/// no such person in this tenant.
#[utoipa::path(
    put,
    path = "/api/v1/users/me/delegation",
    operation_id = "set_delegation",
    tag = "tenant",
    request_body = NewDelegation,
    responses((status = 200, body = Delegation, description = "The delegation as it is now"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "delegation.set", skip_all)]
pub(crate) async fn set_delegation(
    State(ctx): State<AppContext>,
    person: Caller<{ roles::ADMIN | roles::APPROVER }>,
    _: NoQuery,
    Json(new): Json<NewDelegation>,
) -> Result<Json<Delegation>, ApiError> {
    let user_id = person.user_id().ok_or_else(ApiError::forbidden)?;
    let delegation = new.accept(user_id)?;
    let mut tx = ctx.db.begin(person.scope()).await?;
    // The person's row stands for their delegation, which may not have a row to lock yet.
    users::lock(&mut tx, user_id)
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    delegation.require_future(store::database_clock(&mut tx).await?)?;
    let delegate = users::find(&mut tx, delegation.delegate_to)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if !delegate.may_decide() {
        return Err(ApiError::invalid("delegate_to", "must be an active approver or admin"));
    }
    if delegations::find(&mut tx, user_id).await?.as_ref() == Some(&delegation) {
        return Ok(Json(delegation));
    }
    delegations::save(&mut tx, user_id, &delegation).await?;
    let event = events::by(&ctx, &person, "delegation.set", user_id).arguments(events::fields(&delegation));
    audit_log::record_in_tx(&mut tx, &ctx, event).await?;
    tx.commit().await?;
    Ok(Json(delegation))
}
