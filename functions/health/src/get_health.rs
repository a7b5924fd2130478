//! `GET /health`: the process answers. Touches no dependency.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{
    context::AppContext,
    http::{Json, NoQuery, PublicErrors},
};
use utoipa::ToSchema;

/// The process is alive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    status: &'static str,
    #[serde(with = "shared::http::timestamp")]
    timestamp: DateTime<Utc>,
    /// The version of this build.
    version: &'static str,
}

/// Says that the process is alive.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "get_health",
    tag = "health",
    responses((status = 200, body = Health, description = "Alive"), PublicErrors),
    security(())
)]
pub(crate) async fn get_health(State(ctx): State<AppContext>, _: NoQuery) -> Json<Health> {
    Json(Health {
        status: "ok",
        timestamp: ctx.clock.now(),
        version: env!("CARGO_PKG_VERSION"),
    })
}
