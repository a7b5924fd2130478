//! `POST /api/v1/tasks/ping`: sends a task through the outbox to the sweep.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, WriteErrors, roles},
    journal::audit_log,
    journal::outbox::{self, NewOutboxEvent},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{events, task::TaskStatus};

/// There is nothing to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ping {}

/// A task that waits for the sweep.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueuedTask {
    id: Uuid,
    status: TaskStatus,
}

/// Queues a task that the sweep answers with `pong`.
///
/// # Errors
/// Only the common ones.
#[utoipa::path(
    post,
    path = "/api/v1/tasks/ping",
    operation_id = "ping_task",
    tag = "tenant",
    request_body = Ping,
    responses((status = 202, body = QueuedTask, description = "Queued"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "task.ping", skip_all)]
pub(crate) async fn ping_task(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ANY }>,
    _: NoQuery,
    Json(Ping {}): Json<Ping>,
) -> Result<(StatusCode, Json<QueuedTask>), ApiError> {
    let id = ctx.ids.next();
    let mut tx = ctx.db.begin(caller.scope()).await?;
    let event = NewOutboxEvent {
        aggregate_type: "task",
        aggregate_id: id,
        aggregate_version: 1,
        event_type: "tasks.ping",
        payload: json!({ "id": id, "requested_by": caller.to_string() }),
    };
    outbox::enqueue(&mut tx, &ctx, caller.tenant_id, event).await?;
    audit_log::record_in_tx(&mut tx, &ctx, events::by(&ctx, &caller, "task.queued", id)).await?;
    tx.commit().await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(QueuedTask {
            id,
            status: TaskStatus::Queued,
        }),
    ))
}
