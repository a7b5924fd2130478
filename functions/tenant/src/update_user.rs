//! `PATCH /api/v1/users/{id}`: another email address, name, role, groups or status.

use axum::extract::State;
use shared::{
    auth::Principal,
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, Path, WriteErrors, roles},
    journal::audit_log,
};
use uuid::Uuid;

use crate::{
    create_user::email_is_taken,
    events,
    store::{self, tenants, users},
    user::{User, UserPatch, change_action},
};

/// Changes a person. A new role holds for their keys from the next request on.
///
/// # Errors
/// `NOT_FOUND`. `CONFLICT`: the email address is taken, or the tenant would be left without an active admin.
#[utoipa::path(
    patch,
    path = "/api/v1/users/{id}",
    operation_id = "update_user",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The person")),
    request_body = UserPatch,
    responses((status = 200, body = User, description = "The person as they are now"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "user.update", skip_all, fields(user.id = %id))]
pub(crate) async fn update_user(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Json(patch): Json<UserPatch>,
) -> Result<Json<User>, ApiError> {
    change(&ctx, &admin, id, patch).await.map(Json)
}

/// Brings a person into the state that the patch asks for. When they are in that state already, nothing is written.
///
/// # Errors
/// As [`update_user`].
pub(crate) async fn change(ctx: &AppContext, admin: &Principal, id: Uuid, patch: UserPatch) -> Result<User, ApiError> {
    let mut tx = ctx.db.begin(admin.scope()).await?;
    // The people of a tenant change one at a time: two admins who demote each other must not both be the other's proof
    // that an admin remains.
    tenants::lock(&mut tx).await?.ok_or_else(ApiError::not_found)?;
    let before = users::lock(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
    let mut after = patch.applied_to(&before);
    let changes = events::changes(&before, &after);
    if changes.is_empty() {
        return Ok(before);
    }
    if before.is_active_admin() && !after.is_active_admin() && !users::another_admin_exists(&mut tx, id).await? {
        return Err(ApiError::conflict("The tenant would be left without an active admin"));
    }
    after.updated_at = ctx.clock.now();
    match users::update(&mut tx, &after).await {
        Err(error) if store::violates(&error, users::EMAIL_IS_UNIQUE) => return Err(email_is_taken()),
        stored => stored?,
    }
    let action = change_action(before.status, after.status);
    let event = events::by(ctx, admin, action, id).arguments(changes);
    audit_log::record_in_tx(&mut tx, ctx, event).await?;
    tx.commit().await?;
    Ok(after)
}
