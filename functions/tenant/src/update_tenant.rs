//! `PATCH /api/v1/tenants/{id}`: another name, slug, plan or status.

use axum::extract::State;
use shared::{
    context::AppContext,
    data::TenantScope,
    http::{ApiError, Json, NoQuery, WriteErrors},
    journal::audit_log::{self, NewAuditEvent},
};

use crate::{
    access::TenantAccess,
    create_tenant::slug_is_taken,
    events,
    store::{self, tenants},
    tenant::{Tenant, TenantPatch, change_action},
};

/// Changes a tenant. Its own admin may change its name and nothing else.
///
/// # Errors
/// `FORBIDDEN`: an admin of another tenant, or one who changes more than the name. `NOT_FOUND`. `CONFLICT`: the slug is
/// taken.
#[utoipa::path(
    patch,
    path = "/api/v1/tenants/{id}",
    operation_id = "update_tenant",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The tenant")),
    request_body = TenantPatch,
    responses((status = 200, body = Tenant, description = "The tenant as it is now"), WriteErrors),
    security(("api_key" = []), ("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "tenant.update", skip_all, fields(tenant.id = %access.tenant_id))]
pub(crate) async fn update_tenant(
    State(ctx): State<AppContext>,
    access: TenantAccess,
    _: NoQuery,
    Json(patch): Json<TenantPatch>,
) -> Result<Json<Tenant>, ApiError> {
    if patch.is_the_operators() && !access.is_operator {
        return Err(ApiError::forbidden());
    }
    change(&ctx, &access, patch).await.map(Json)
}

/// Brings a tenant into the state that the patch asks for. When it is in that state already, nothing is written.
///
/// # Errors
/// As [`update_tenant`].
pub(crate) async fn change(ctx: &AppContext, access: &TenantAccess, patch: TenantPatch) -> Result<Tenant, ApiError> {
    let mut tx = ctx.db.begin(TenantScope::of(access.tenant_id)).await?;
    let before = tenants::lock(&mut tx).await?.ok_or_else(ApiError::not_found)?;
    let mut after = patch.applied_to(&before);
    let changes = events::changes(&before, &after);
    if changes.is_empty() {
        return Ok(before);
    }
    after.updated_at = ctx.clock.now();
    match tenants::update(&mut tx, &after).await {
        Err(error) if store::violates(&error, tenants::SLUG_IS_UNIQUE) => return Err(slug_is_taken()),
        stored => stored?,
    }
    let action = change_action(before.status, after.status);
    let event = NewAuditEvent::of_product(ctx, &access.recorded_by, action, after.id).arguments(changes);
    audit_log::record_in_tx(&mut tx, ctx, event).await?;
    tx.commit().await?;
    Ok(after)
}
