//! `DELETE /api/v1/api-keys/{id}`: the end of a key.

use axum::{extract::State, http::StatusCode};
use serde_json::Value;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, NoQuery, Path, ReadErrors, roles},
    journal::audit_log,
    journal::outbox::{self, NewOutboxEvent},
};
use uuid::Uuid;

use crate::{
    api_key::ApiKey,
    events,
    store::api_keys::{self, LockedKey},
};

/// Revokes a key and every secret of it. Doing it again changes nothing.
///
/// # Errors
/// `NOT_FOUND`.
#[utoipa::path(
    delete,
    path = "/api/v1/api-keys/{id}",
    operation_id = "revoke_api_key",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The key")),
    responses((status = 204, description = "Revoked"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "api_key.revoke", skip_all, fields(api_key.id = %id))]
pub(crate) async fn revoke_api_key(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let mut tx = ctx.db.begin(admin.scope()).await?;
    let LockedKey { key, .. } = api_keys::lock(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
    if key.revoked_at.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let now = ctx.clock.now();
    api_keys::revoke(&mut tx, id, now).await?;
    let revoked = ApiKey {
        is_active: false,
        revoked_at: Some(now),
        ..key
    };
    let payload = events::fields(&revoked);
    let event = events::by(&ctx, &admin, "api_key.revoked", id).arguments(payload.clone());
    audit_log::record_in_tx(&mut tx, &ctx, event).await?;
    let event = NewOutboxEvent {
        aggregate_type: "api_key",
        aggregate_id: id,
        // A key has no other events, and this one once.
        aggregate_version: 1,
        event_type: "api_key.revoked",
        payload: Value::Object(payload),
    };
    outbox::enqueue(&mut tx, &ctx, admin.tenant_id, event).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
