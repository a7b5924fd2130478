//! `GET /api/v1/audit/events/{id}`: one event, by its own id or by its recorder's.

use axum::extract::State;
use serde_json::json;
use shared::{
    context::AppContext,
    data::TenantTx,
    http::{ApiError, Caller, Json, NoQuery, Path, ReadErrors, parse_uuid, roles},
};
use uuid::Uuid;

use crate::{event::AuditEvent, store, submission::is_request_id};

/// Shows one event, by `event_id` or else by `request_id`. For an agent the events of others do not exist.
///
/// # Errors
/// `NOT_FOUND`; `CONFLICT` with the `event_ids` when several recorders used the `request_id`.
#[utoipa::path(
    get,
    path = "/api/v1/audit/events/{id}",
    operation_id = "get_event",
    tag = "audit",
    params(("id" = String, Path, description = "An `event_id`, or a percent-encoded `request_id`")),
    responses(
        (status = 200, body = AuditEvent),
        (status = 409, body = shared::http::ErrorBody, description = "`CONFLICT`: several recorders used this `request_id`"),
        ReadErrors,
    ),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "audit.get", skip_all)]
pub(crate) async fn get_event(
    State(ctx): State<AppContext>,
    reader: Caller<{ roles::AUDITOR | roles::ADMIN | roles::AGENT }>,
    _: NoQuery,
    Path(id): Path<String>,
) -> Result<Json<AuditEvent>, ApiError> {
    let own = reader.is_agent().then(|| reader.to_string());
    let mut tx = ctx.db.begin(reader.scope()).await?;
    let event = find(&mut tx, reader.tenant_id, &id, own.as_deref())
        .await?
        .ok_or_else(ApiError::not_found)?;
    tx.commit().await?;
    Ok(Json(event))
}

async fn find(tx: &mut TenantTx, tenant_id: Uuid, id: &str, own: Option<&str>) -> Result<Option<AuditEvent>, ApiError> {
    if let Some(event_id) = parse_uuid(id)
        && let Some(event) = store::find(tx, tenant_id, event_id, own).await?
    {
        return Ok(Some(event));
    }
    // What no event can have been recorded under need not be looked for, and Postgres refuses some of it as text.
    if !is_request_id(id) {
        return Ok(None);
    }
    match *store::list_ids_of_request(tx, tenant_id, id, own).await? {
        [] => Ok(None),
        [event_id] => Ok(store::find(tx, tenant_id, event_id, own).await?),
        ref event_ids => Err(
            ApiError::conflict("Several recorders used this request_id; ask by event_id")
                .with_details(json!({ "event_ids": event_ids })),
        ),
    }
}
