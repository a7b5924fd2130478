//! `GET /api/v1/tenants`: all tenants, for the operator.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    http::{ApiError, Cursor, Json, Page, PageSize, Query, ReadErrors},
};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{access::Operator, store::tenants, tenant::Tenant};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListTenants {
    /// How many at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<PageSize>,
    /// Where to go on: the `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the tenants, newest first.
///
/// # Errors
/// `INVALID_CURSOR`.
#[utoipa::path(
    get,
    path = "/api/v1/tenants",
    operation_id = "list_tenants",
    tag = "tenant",
    params(ListTenants),
    responses((status = 200, body = Page<Tenant>, description = "A page"), ReadErrors),
    security(("api_key" = []))
)]
#[tracing::instrument(name = "tenant.list", skip_all)]
pub(crate) async fn list_tenants(
    State(ctx): State<AppContext>,
    _: Operator,
    Query(query): Query<ListTenants>,
) -> Result<Json<Page<Tenant>>, ApiError> {
    let limit = query.limit.unwrap_or_default();
    let cursor = Cursor::of("tenants", Uuid::nil(), &());
    let before = cursor.read(query.cursor.as_deref())?;
    let rows = tenants::list(ctx.db.without_tenant(), before, limit.and_one()).await?;
    Ok(Json(cursor.page(rows, limit, |tenant| tenant.id)))
}
