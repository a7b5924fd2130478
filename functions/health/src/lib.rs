//! Is it alive, and is it ready.

mod get_health;
mod get_ready;
mod readiness;
mod store;

use shared::context::AppContext;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes of this function.
pub fn routes() -> OpenApiRouter<AppContext> {
    OpenApiRouter::new()
        .routes(routes!(get_health::get_health))
        .routes(routes!(get_ready::get_ready))
}
