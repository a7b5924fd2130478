//! `countersign doctor`: looks at everything the product stands on and says what to do about what is not well.
//!
//! One file a thing looked at; each adds its checks to the list, and none stops the others. Nothing is changed anywhere,
//! and no value of a secret is shown.

mod backlog;
mod clocks;
mod logins;
mod redis;
mod report;
mod schema;
mod server;
mod settings;

use clap::Args;
use shared::config::Config;

use self::{
    logins::{APP, MIGRATOR, SWEEPER, log_in},
    report::Check,
};
use super::block_on;
use crate::{
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
};

/// Look at settings, database, Redis and clocks, and say what to do about what is not well; changes nothing
///
/// Wants the settings and secrets of the functions, and `ADMIN_DATABASE_URL` as `migrate` does. One line a check: `ok`,
/// `warning` or `failed`, and for what is not ok the command that mends it. Exits with 1 when a check failed.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign doctor
  countersign doctor --json"))]
pub(crate) struct Doctor {}

/// Runs every check that can be run.
///
/// # Errors
/// Standard output cannot be written. Whatever is wrong otherwise is a check that failed.
pub(crate) fn run(output: Output) -> Result<Exit, Failure> {
    let checks = block_on(async { Ok(examine().await) })?;
    report::tell(&checks, output)
}

async fn examine() -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(config) = settings::read(&mut checks) {
        examine_servers(&config, &mut checks).await;
    }
    checks
}

async fn examine_servers(config: &Config, checks: &mut Vec<Check>) {
    let secrets = settings::secrets(config, checks).await;
    let mut migrator = log_in(&MIGRATOR, secrets.migrator.as_ref(), None, checks).await;
    let mut app = log_in(&APP, secrets.app.as_ref(), migrator.as_ref(), checks).await;
    log_in(&SWEEPER, secrets.sweeper.as_ref(), migrator.as_ref(), checks).await;

    let mut postgres_clock = None;
    if let Some(connected) = &mut migrator {
        let connection = &mut connected.connection;
        server::look(connection, config, checks).await;
        schema::look(connection, checks).await;
        match clocks::of_postgres(connection).await {
            Ok(reading) => postgres_clock = Some(reading),
            Err(error) => checks.push(Check::unanswered("clocks", error)),
        }
    }
    let redis_clock = match &secrets.redis {
        Some(url) => redis::look(url, checks).await,
        None => None,
    };
    checks.extend(clocks::judge(postgres_clock, redis_clock));
    if let Some(connected) = &mut app {
        backlog::look(&mut connected.connection, &config.outbox, checks).await;
    }
}
