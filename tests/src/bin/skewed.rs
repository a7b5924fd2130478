//! All routes of the product, or its sweep, in one Lambda process whose clock is off by `CLOCK_SHIFT_SECONDS`.
//!
//! It takes a function's place among healthy processes, to show that nothing depends on a process's own clock.

use chrono::Duration;
use shared::{
    config::Config,
    context::{AppContext, Clock, Duty},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let shift = std::env::var("CLOCK_SHIFT_SECONDS")?.parse().map(Duration::seconds)?;
    let sweeps = std::env::var("AWS_LAMBDA_FUNCTION_NAME")? == "outbox";
    let duty = if sweeps { Duty::Sweep } else { Duty::TenantsAndOperator };
    let on_time = lambda::start(duty).await?;
    let system = Clock::system();
    let skewed = AppContext::new(
        Config::clone(&on_time.config),
        on_time.secrets,
        on_time.db,
        on_time.cache,
        Clock::from_fn(move || system.now() + shift),
        duty,
    );
    if sweeps {
        outbox::serve(skewed).await
    } else {
        lambda::serve(system_tests::product(skewed)).await
    }
}
