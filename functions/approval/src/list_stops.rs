//! `GET /api/v1/stops`: what is stopped now.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Cursor, Json, Page, PageSize, Query, ReadErrors, roles},
};
use utoipa::IntoParams;

use crate::{stop::Stop, store};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<PageSize>,
    cursor: Option<String>,
}

/// Lists the stops in force, newest first.
///
/// # Errors
/// `INVALID_CURSOR`.
#[utoipa::path(
    get,
    path = "/api/v1/stops",
    operation_id = "list_stops",
    tag = "approval",
    params(ListQuery),
    responses((status = 200, body = Page<Stop>, description = "A page"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "stop.list", skip_all)]
pub(crate) async fn list_stops(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Stop>>, ApiError> {
    let size = query.limit.unwrap_or_default();
    let cursor = Cursor::of("stops", admin.tenant_id, &());
    let before = cursor.read(query.cursor.as_deref())?;
    let mut tx = ctx.db.begin(admin.scope()).await?;
    let stops = store::list_stops(&mut tx, before, size.and_one()).await?;
    tx.commit().await?;
    Ok(Json(cursor.page(stops, size, |stop| stop.id)))
}
