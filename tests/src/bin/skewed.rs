//! All routes of the product in one Lambda process whose clock is off by `CLOCK_SHIFT_SECONDS`.
//!
//! It takes a function's place among healthy processes, to show that no answer depends on a process's own clock.

use chrono::Duration;
use shared::{
    auth::Verifier,
    context::{Clock, Duty, Ids},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let shift = std::env::var("CLOCK_SHIFT_SECONDS")?.parse().map(Duration::seconds)?;
    let mut ctx = lambda::start(Duty::TenantsAndOperator).await?;
    let system = Clock::system();
    ctx.clock = Clock::from_fn(move || system.now() + shift);
    ctx.ids = Ids::new(ctx.clock.clone(), ctx.random.clone());
    ctx.verifier = Verifier::new(&ctx.config.auth, ctx.cache.clone(), ctx.clock.clone());
    lambda::serve(system_tests::product(ctx)).await
}
