//! All routes of the product in one Lambda process whose clock is off by `CLOCK_SHIFT_SECONDS`.
//!
//! It takes a function's place among healthy processes, to show that no answer depends on a process's own clock.

use chrono::Duration;
use shared::{
    config::Config,
    context::{AppContext, Clock, Duty},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let shift = std::env::var("CLOCK_SHIFT_SECONDS")?.parse().map(Duration::seconds)?;
    let on_time = lambda::start(Duty::TenantsAndOperator).await?;
    let system = Clock::system();
    let skewed = AppContext::new(
        Config::clone(&on_time.config),
        on_time.secrets,
        on_time.db,
        on_time.cache,
        Clock::from_fn(move || system.now() + shift),
        Duty::TenantsAndOperator,
    );
    lambda::serve(system_tests::product(skewed)).await
}
