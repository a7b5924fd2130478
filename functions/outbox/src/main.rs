//! The Lambda function `outbox`: the scheduled sweep.

use chrono::TimeDelta;
use shared::{context::Duty, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let ctx = lambda::start(Duty::Sweep).await?;
    let invocations = lambda::run_scheduled(move |invocation| {
        let ctx = ctx.clone();
        async move {
            let left = |deadline| TimeDelta::to_std(&(deadline - ctx.clock.now())).ok();
            let summary = serde_json::to_value(outbox::sweep(&ctx, invocation.deadline.and_then(left)).await)?;
            tracing::info!(event = "sweep", %summary);
            Ok(summary)
        }
    });
    // Boxed, because what holds a whole sweep is too large for the stack.
    Box::pin(invocations).await
}
