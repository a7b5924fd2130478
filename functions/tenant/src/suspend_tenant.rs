//! `DELETE /api/v1/tenants/{id}`: its keys stop working, its data stays.

use axum::{extract::State, http::StatusCode};
use shared::{
    context::AppContext,
    http::{ApiError, NoQuery, ReadErrors},
};

use crate::{access::TenantAccess, tenant::TenantPatch, update_tenant::change};

/// Suspends a tenant. Doing it again changes nothing.
///
/// # Errors
/// `FORBIDDEN`: only the operator may. `NOT_FOUND`.
#[utoipa::path(
    delete,
    path = "/api/v1/tenants/{id}",
    operation_id = "suspend_tenant",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The tenant")),
    responses((status = 204, description = "Suspended"), ReadErrors),
    security(("api_key" = []))
)]
#[tracing::instrument(name = "tenant.suspend", skip_all, fields(tenant.id = %access.tenant_id))]
pub(crate) async fn suspend_tenant(
    State(ctx): State<AppContext>,
    access: TenantAccess,
    _: NoQuery,
) -> Result<StatusCode, ApiError> {
    if !access.is_operator {
        return Err(ApiError::forbidden());
    }
    change(&ctx, &access, TenantPatch::suspension()).await?;
    Ok(StatusCode::NO_CONTENT)
}
