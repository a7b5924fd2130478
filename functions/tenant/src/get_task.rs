//! `GET /api/v1/tasks/{id}`: how far a task has come.

use axum::extract::State;
use serde::Serialize;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, Path, ReadErrors, roles},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    store::tasks,
    task::{Outcome, TaskStatus, cache_key},
};

/// A task.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Task {
    id: Uuid,
    status: TaskStatus,
    /// `pong` when it is done; null before, and when it failed.
    #[schema(required)]
    result: Option<String>,
}

/// Shows a task: from Redis, where the sweep leaves the outcome, or else from the state of its delivery.
///
/// # Errors
/// `NOT_FOUND`.
#[utoipa::path(
    get,
    path = "/api/v1/tasks/{id}",
    operation_id = "get_task",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The task")),
    responses((status = 200, body = Task, description = "The task"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "task.get", skip_all, fields(task.id = %id))]
pub(crate) async fn get_task(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ANY }>,
    _: NoQuery,
    Path(id): Path<Uuid>,
) -> Result<Json<Task>, ApiError> {
    let cached = match ctx.cache.get_json::<Outcome>(&cache_key(caller.tenant_id, id)).await {
        Ok(cached) => cached,
        Err(error) => {
            tracing::warn!(%error, "the outcome of a task was not read from Redis; Postgres decides");
            None
        }
    };
    let outcome = if let Some(outcome) = cached {
        outcome
    } else {
        let mut tx = ctx.db.begin(caller.scope()).await?;
        let outcome = tasks::find(&mut tx, id).await?.ok_or_else(ApiError::not_found)?;
        tx.commit().await?;
        outcome
    };
    Ok(Json(Task {
        id,
        status: outcome.status,
        result: outcome.result,
    }))
}
