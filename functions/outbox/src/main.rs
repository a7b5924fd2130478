//! The Lambda function `outbox`: the scheduled sweep.

use std::time::Duration;

use chrono::TimeDelta;
use shared::{context::Duty, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let ctx = lambda::start(Duty::Sweep).await?;
    lambda::run_scheduled(move |invocation| {
        let ctx = ctx.clone();
        async move {
            let left = |deadline| TimeDelta::to_std(&(deadline - ctx.clock.now())).unwrap_or(Duration::ZERO);
            // Boxed, because the runtime moves the future of an invocation about and this one is large.
            let sweep = Box::pin(outbox::sweep(&ctx, invocation.deadline.map(left)));
            let summary = serde_json::to_value(sweep.await)?;
            tracing::info!(event = "sweep", %summary);
            Ok(summary)
        }
    })
    .await
}
