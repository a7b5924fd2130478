//! `GET /api/v1/api-keys`: the keys of the tenant, never their secrets.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    auth::Role,
    context::AppContext,
    http::{ApiError, Caller, Cursor, Json, Page, PageSize, Query, ReadErrors, roles},
};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    api_key::ApiKey,
    store::api_keys::{self, Filter},
};

/// Which keys, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListApiKeys {
    /// Only keys of this role.
    #[param(inline)]
    role: Option<Role>,
    /// Only keys of this agent.
    caller_id: Option<String>,
    /// Only keys of this person.
    user_id: Option<Uuid>,
    /// Only keys that work, or only keys that do not.
    is_active: Option<bool>,
    /// How many at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<PageSize>,
    /// Where to go on: the `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists API keys, newest first.
///
/// # Errors
/// `INVALID_CURSOR`.
#[utoipa::path(
    get,
    path = "/api/v1/api-keys",
    operation_id = "list_api_keys",
    tag = "tenant",
    params(ListApiKeys),
    responses((status = 200, body = Page<ApiKey>, description = "A page"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "api_key.list", skip_all)]
pub(crate) async fn list_api_keys(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    Query(query): Query<ListApiKeys>,
) -> Result<Json<Page<ApiKey>>, ApiError> {
    let limit = query.limit.unwrap_or_default();
    let filter = Filter {
        role: query.role,
        caller_id: query.caller_id,
        user_id: query.user_id,
        is_active: query.is_active,
    };
    let cursor = Cursor::of("api_keys", admin.tenant_id, &filter);
    let before = cursor.read(query.cursor.as_deref())?;
    let mut tx = ctx.db.begin(admin.scope()).await?;
    let rows = api_keys::list(&mut tx, &filter, before, limit.and_one()).await?;
    tx.commit().await?;
    Ok(Json(cursor.page(rows, limit, |key| key.id)))
}
