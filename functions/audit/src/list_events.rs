//! `GET /api/v1/audit/events`: the log, newest first.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Cursor, Json, PageSize, Query, ReadErrors, roles},
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    event::AuditEvent,
    filters::{Filters, IdRange},
    store,
};

/// Which events. Filters that are there must all hold; texts are compared whole.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    request_id: Option<String>,
    correlation_id: Option<String>,
    caller_id: Option<String>,
    /// A principal, such as `agent:<caller_id>` or `user:<id>`.
    recorded_by: Option<String>,
    decision: Option<String>,
    tool: Option<String>,
    action: Option<String>,
    /// One of the event's labels.
    risk_label: Option<String>,
    /// Received at this time or later.
    #[serde(default, with = "shared::http::timestamp::option")]
    from: Option<DateTime<Utc>>,
    /// Received before this time.
    #[serde(default, with = "shared::http::timestamp::option")]
    to: Option<DateTime<Utc>>,
    /// How many events a page holds; 50 when not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<PageSize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// The events, newest first.
    data: Vec<AuditEvent>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
    /// Everything received before this time is in the tree; null while nothing is.
    #[serde(with = "shared::http::timestamp::option")]
    sealed_through: Option<DateTime<Utc>>,
}

/// Lists the log, newest first. An agent sees what it recorded itself.
///
/// # Errors
/// `INVALID_CURSOR`.
#[utoipa::path(
    get,
    path = "/api/v1/audit/events",
    operation_id = "list_events",
    tag = "audit",
    params(EventQuery),
    responses((status = 200, body = EventPage), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "audit.list", skip_all)]
pub(crate) async fn list_events(
    State(ctx): State<AppContext>,
    reader: Caller<{ roles::AUDITOR | roles::ADMIN | roles::AGENT }>,
    Query(query): Query<EventQuery>,
) -> Result<Json<EventPage>, ApiError> {
    let size = query.limit.unwrap_or_default();
    let filters = Filters {
        own: reader.is_agent().then(|| reader.to_string()),
        request_id: query.request_id,
        correlation_id: query.correlation_id,
        caller_id: query.caller_id,
        recorded_by: query.recorded_by,
        decision: query.decision,
        tool: query.tool,
        action: query.action,
        risk_label: query.risk_label,
        from: query.from,
        to: query.to,
    };
    let cursor = Cursor::of("audit_events", reader.tenant_id, &filters);
    let shown = cursor.read(query.cursor.as_deref())?;

    let mut tx = ctx.db.begin(reader.scope()).await?;
    let range = IdRange::of(&filters, shown);
    let events = store::list(&mut tx, reader.tenant_id, &filters, range, size.and_one()).await?;
    tx.commit().await?;

    let page = cursor.page(events, size, |event| event.event_id);
    // Nothing extends the tree yet, so nothing is sealed.
    Ok(Json(EventPage {
        data: page.data,
        next_cursor: page.next_cursor,
        sealed_through: None,
    }))
}
