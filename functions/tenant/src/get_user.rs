//! `GET /api/v1/users/{id}`: one person.

use axum::extract::State;
use serde::Serialize;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, Path, ReadErrors, roles},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    delegation::Delegation,
    store::{delegations, users},
    user::User,
};

/// A person, and who decides in their place.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Person {
    #[serde(flatten)]
    user: User,
    /// Begun or not; absent when there is none, or it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    delegation: Option<Delegation>,
}

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
    responses((status = 200, body = Person, description = "The person"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "user.get", skip_all, fields(user.id = %id))]
pub(crate) async fn get_user(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
) -> Result<Json<Person>, ApiError> {
    let mut tx = ctx.db.begin(admin.scope()).await?;
    let user = users::find(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
    let delegation = delegations::find(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(Person { user, delegation }))
}
