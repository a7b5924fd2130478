//! Answers a ping task in Redis, where whoever asked looks first.

use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::json;
use shared::{context::AppContext, data::Ttl};

use super::{Event, Failure, Handler};

/// As long as anybody can be expected to ask.
const KEPT: Ttl = Ttl::seconds(3_600);

/// The handler.
pub(super) struct Pong;

impl Handler for Pong {
    fn name(&self) -> &'static str {
        "pong"
    }

    fn wants(&self, event_type: &str) -> bool {
        event_type == "tasks.ping"
    }

    fn handle<'a>(&'a self, ctx: &'a AppContext, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let key = format!("task:{}:{}", event.tenant_id, event.aggregate_id);
            let answer = json!({ "status": "DONE", "result": "pong" });
            ctx.cache
                .set_json(&key, &answer, KEPT)
                .await
                .map_err(|error| Failure(error.to_string()))
        }
        .boxed()
    }
}
