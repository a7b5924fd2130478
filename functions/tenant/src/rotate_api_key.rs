//! `POST /api/v1/api-keys/{id}/rotate`: another secret for the same key.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, Path, WriteErrors, roles},
    journal::audit_log,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api_key::{ApiKey, MintedApiKey, Overlap},
    events,
    mint::mint,
    store::api_keys,
};

/// How to rotate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// How long the secrets before stay valid.
    #[serde(default)]
    overlap_seconds: Overlap,
}

/// Gives a key a new secret, and shows it this once. Every earlier secret ends with this overlap at the latest.
///
/// # Errors
/// `NOT_FOUND`. `CONFLICT`: the key is revoked or has expired.
#[utoipa::path(
    post,
    path = "/api/v1/api-keys/{id}/rotate",
    operation_id = "rotate_api_key",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The key")),
    request_body = Rotation,
    responses((status = 200, body = MintedApiKey, description = "The key with its new text"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "api_key.rotate", skip_all, fields(api_key.id = %id))]
pub(crate) async fn rotate_api_key(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
    Json(rotation): Json<Rotation>,
) -> Result<Json<MintedApiKey>, ApiError> {
    // Two transactions, because the new secret needs the key's environment and takes long to hash. What the first one saw
    // is asked again by the second.
    let mut tx = ctx.db.begin(admin.scope()).await?;
    let seen = api_keys::lock(&mut tx, id).await?.ok_or_else(ApiError::not_found)?.key;
    seen.require_active()?;
    tx.commit().await?;
    let credential = mint(&ctx, seen.environment, id).await?;

    let mut tx = ctx.db.begin(admin.scope()).await?;
    let locked = api_keys::lock(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
    locked.key.require_active()?;
    let minted_by = admin.to_string();
    let overlap_end = rotation.overlap_seconds.end(locked.now);
    api_keys::rotate(&mut tx, &locked, overlap_end, &credential.hash, &minted_by).await?;
    let event = events::by(&ctx, &admin, "api_key.rotated", id).arguments(events::fields(
        &json!({ "overlap_seconds": rotation.overlap_seconds.seconds() }),
    ));
    audit_log::record_in_tx(&mut tx, &ctx, event).await?;
    tx.commit().await?;
    Ok(Json(MintedApiKey {
        api_key: ApiKey {
            minted_by,
            ..locked.key
        },
        key: credential.text,
    }))
}
