//! `PATCH /api/v1/users/me/settings`: what the caller sets for themselves.

use axum::extract::State;
use serde_json::json;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, WriteErrors, roles},
    journal::audit_log,
};

use crate::{
    events,
    settings::{Settings, SettingsPatch},
    store::{self, users},
};

/// Changes the caller's own settings.
///
/// # Errors
/// `FORBIDDEN`: an agent has none.
#[utoipa::path(
    patch,
    path = "/api/v1/users/me/settings",
    operation_id = "update_settings",
    tag = "tenant",
    request_body = SettingsPatch,
    responses((status = 200, body = Settings, description = "The settings as they are now"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "settings.update", skip_all)]
pub(crate) async fn update_settings(
    State(ctx): State<AppContext>,
    person: Caller<{ roles::PEOPLE }>,
    _: NoQuery,
    Json(patch): Json<SettingsPatch>,
) -> Result<Json<Settings>, ApiError> {
    let user_id = person.user_id().ok_or_else(ApiError::forbidden)?;
    let mut tx = ctx.db.begin(person.scope()).await?;
    // The person's row stands for their settings, which may not have a row to lock yet.
    users::lock(&mut tx, user_id)
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    if let Some(zone) = &patch.time_zone
        && !store::settings::time_zone_exists(&mut tx, zone.as_str()).await?
    {
        return Err(ApiError::invalid(
            "time_zone",
            "must be an IANA time zone such as Europe/Berlin",
        ));
    }
    let before = store::settings::find(&mut tx, user_id).await?.unwrap_or_default();
    let after = patch.applied_to(&before);
    let changes = events::changes(&before, &after);
    if changes.is_empty() {
        return Ok(Json(before));
    }
    store::settings::save(&mut tx, user_id, &after, ctx.clock.now()).await?;
    // Which settings, and not what they are now: that is the person's own, and others read the log.
    let names: Vec<&String> = changes.keys().collect();
    let event =
        events::by(&ctx, &person, "settings.updated", user_id).arguments(events::fields(&json!({ "changed": names })));
    audit_log::record_in_tx(&mut tx, &ctx, event).await?;
    tx.commit().await?;
    Ok(Json(after))
}
