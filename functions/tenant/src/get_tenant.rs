//! `GET /api/v1/tenants/{id}`: one tenant.

use axum::extract::State;
use shared::{
    context::AppContext,
    data::TenantScope,
    http::{ApiError, Json, NoQuery, ReadErrors},
};

use crate::{access::TenantAccess, store::tenants, tenant::Tenant};

/// Shows a tenant to the operator, or to its own admin.
///
/// # Errors
/// `FORBIDDEN`: an admin of another tenant. `NOT_FOUND`.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{id}",
    operation_id = "get_tenant",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The tenant")),
    responses((status = 200, body = Tenant, description = "The tenant"), ReadErrors),
    security(("api_key" = []), ("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "tenant.get", skip_all, fields(tenant.id = %access.tenant_id))]
pub(crate) async fn get_tenant(
    State(ctx): State<AppContext>,
    access: TenantAccess,
    _: NoQuery,
) -> Result<Json<Tenant>, ApiError> {
    let mut tx = ctx.db.begin(TenantScope::of(access.tenant_id)).await?;
    let tenant = tenants::find(&mut tx).await?.ok_or_else(ApiError::not_found)?;
    tx.commit().await?;
    Ok(Json(tenant))
}
