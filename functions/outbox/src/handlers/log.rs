//! Notifies whoever reads the log, in one line an event. The payload stays out: it says what people wrote.

use futures_util::future::{BoxFuture, FutureExt as _};
use shared::context::AppContext;

use super::{Event, Failure, Handler};

/// The handler.
pub(super) struct Log;

impl Handler for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn wants(&self, event_type: &str) -> bool {
        event_type.starts_with("approval.") || event_type.starts_with("api_key.")
    }

    fn handle<'a>(&'a self, _: &'a AppContext, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            tracing::info!(
                event = "notification",
                tenant_id = %event.tenant_id,
                event_id = %event.id,
                event_type = event.event_type,
                aggregate_type = event.aggregate_type,
                aggregate_id = %event.aggregate_id,
                aggregate_version = event.aggregate_version,
            );
            Ok(())
        }
        .boxed()
    }
}
