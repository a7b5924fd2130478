//! `GET /api/v1/users/me/settings`: what the caller set for themselves.

use axum::extract::State;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, ReadErrors, roles},
};

use crate::{settings::Settings, store};

/// Shows the caller's own settings, or the defaults where nothing was ever set.
///
/// # Errors
/// `FORBIDDEN`: an agent has none.
#[utoipa::path(
    get,
    path = "/api/v1/users/me/settings",
    operation_id = "get_settings",
    tag = "tenant",
    responses((status = 200, body = Settings, description = "The settings"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "settings.get", skip_all)]
pub(crate) async fn get_settings(
    State(ctx): State<AppContext>,
    person: Caller<{ roles::PEOPLE }>,
    _: NoQuery,
) -> Result<Json<Settings>, ApiError> {
    let user_id = person.user_id().ok_or_else(ApiError::forbidden)?;
    let mut tx = ctx.db.begin(person.scope()).await?;
    let settings = store::settings::find(&mut tx, user_id).await?;
    tx.commit().await?;
    Ok(Json(settings.unwrap_or_default()))
}
