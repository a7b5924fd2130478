//! `DELETE /api/v1/stops/{id}`: what was stopped may go on.

use axum::{extract::State, http::StatusCode};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, NoQuery, Path, ReadErrors, roles},
};
use uuid::Uuid;

use crate::{
    events::{self, Actor, StopChange},
    store,
};

/// Lifts a stop. Doing it again changes nothing.
///
/// What it cancelled stays cancelled; what was approved may be redeemed again, unless another stop is in force.
///
/// # Errors
/// `NOT_FOUND`.
#[utoipa::path(
    delete,
    path = "/api/v1/stops/{id}",
    operation_id = "lift_stop",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The stop")),
    responses((status = 204, description = "Lifted"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "stop.lift", skip_all, fields(stop.id = %id))]
pub(crate) async fn lift_stop(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let actor = Actor::from(&*admin);
    let mut tx = ctx.db.begin(admin.scope()).await?;
    let (stop, is_in_force) = store::lock_stop(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
    if !is_in_force {
        return Ok(StatusCode::NO_CONTENT);
    }
    store::lift_stop(&mut tx, id, &actor.name).await?;
    events::record_stop(&mut tx, &ctx, &actor, &stop, StopChange::Lifted).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
