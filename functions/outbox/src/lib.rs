//! What is due: events to hand on, deliveries to attempt, approvals to expire, and the upkeep of the tables.
//!
//! The schedule calls [`serve`], whose every firing takes turns until its time is over; [`run_once`] is one turn. Everything here acts
//! as the database role `countersign_sweeper`, across tenants, and any number of sweeps may overlap.

mod deliver;
mod expire;
mod fan_out;
mod handlers;
mod housekeeping;
mod schedule;
mod store;
mod sweep;
mod time_left;

use shared::{context::AppContext, lambda};

pub use handlers::{Event, Failure, Handler, Handlers};
pub use sweep::{Summary, Sweep, Turn, run_once, sweep};

/// One sweep for every firing of the schedule, until the environment ends.
///
/// # Errors
/// The runtime API of Lambda cannot be reached.
pub async fn serve(ctx: AppContext) -> Result<(), lambda::Error> {
    let invocations = lambda::run_scheduled(move |invocation| {
        let ctx = ctx.clone();
        async move {
            let summary = serde_json::to_value(sweep(&ctx, invocation.deadline).await)?;
            tracing::info!(event = "sweep", %summary);
            Ok(summary)
        }
    });
    // Boxed, because what holds a whole sweep is too large for the stack.
    Box::pin(invocations).await
}
