//! The audit log as clients see it: what they record, and what they read back.
//!
//! How an event is hashed, sanitized and stored is `shared::journal`; the tree over the events is the sealer's.

mod event;
mod filters;
mod get_event;
mod list_events;
mod record_events;
mod store;
mod submission;

use shared::context::AppContext;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes of this function.
pub fn routes() -> OpenApiRouter<AppContext> {
    OpenApiRouter::new()
        .routes(routes!(record_events::record_events, list_events::list_events))
        .routes(routes!(get_event::get_event))
}
