//! `GET /api/v1/users/{id}`: one person.

use axum::extract::State;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, Path, ReadErrors, roles},
};
use uuid::Uuid;

use crate::{store::users, user::User};

/// Shows a person.
///
/// # Errors
/// `NOT_FOUND`.
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}",
    operation_id = "get_user",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The person")),
    responses((status = 200, body = User, description = "The person"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "user.get", skip_all, fields(user.id = %id))]
pub(crate) async fn get_user(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
) -> Result<Json<User>, ApiError> {
    let mut tx = ctx.db.begin(admin.scope()).await?;
    let user = users::find(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
    tx.commit().await?;
    Ok(Json(user))
}
