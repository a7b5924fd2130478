//! `GET /api/v1/users`: the people of the tenant.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Cursor, Json, Page, PageSize, Query, ReadErrors, roles},
};
use utoipa::IntoParams;

use crate::{
    store::users::{self, Filter},
    user::{PersonRole, User, UserStatus},
};

/// Which people, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsers {
    /// Only people of this role.
    #[param(inline)]
    role: Option<PersonRole>,
    /// Only people in this state.
    #[param(inline)]
    status: Option<UserStatus>,
    /// How many at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<PageSize>,
    /// Where to go on: the `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists people, newest first.
///
/// # Errors
/// `INVALID_CURSOR`.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    operation_id = "list_users",
    tag = "tenant",
    params(ListUsers),
    responses((status = 200, body = Page<User>, description = "A page"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "user.list", skip_all)]
pub(crate) async fn list_users(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    Query(query): Query<ListUsers>,
) -> Result<Json<Page<User>>, ApiError> {
    let limit = query.limit.unwrap_or_default();
    let filter = Filter {
        role: query.role,
        status: query.status,
    };
    let cursor = Cursor::of("users", admin.tenant_id, &filter);
    let before = cursor.read(query.cursor.as_deref())?;
    let mut tx = ctx.db.begin(admin.scope()).await?;
    let rows = users::list(&mut tx, filter, before, limit.and_one()).await?;
    tx.commit().await?;
    Ok(Json(cursor.page(rows, limit, |user| user.id)))
}
