//! `DELETE /api/v1/users/{id}`: their keys stop working, what they did stays theirs.

use axum::{extract::State, http::StatusCode};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, NoQuery, Path, WriteErrors, roles},
};
use uuid::Uuid;

use crate::{update_user::change, user::UserPatch};

/// Deactivates a person. Doing it again changes nothing.
///
/// # Errors
/// `NOT_FOUND`. `CONFLICT`: the tenant would be left without an active admin.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{id}",
    operation_id = "deactivate_user",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The person")),
    responses((status = 204, description = "Deactivated"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "user.deactivate", skip_all, fields(user.id = %id))]
pub(crate) async fn deactivate_user(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    change(&ctx, &admin, id, UserPatch::deactivation()).await?;
    Ok(StatusCode::NO_CONTENT)
}
