//! `countersign doctor`: looks at everything the product stands on and says what to do about what is not well.
//!
//! One file a thing looked at; each adds its checks to the list, and none stops the others: what cannot be looked at is
//! said to be so. Nothing is changed anywhere, no wait is without an end, and no value of a secret is shown.

mod backlog;
mod clocks;
mod logins;
mod looking;
mod redis;
mod report;
mod schema;
mod server;
mod settings;

use clap::Args;
use shared::config::Config;

use self::{
    logins::{ANY, APP, MIGRATOR, SWEEPER, log_in},
    looking::Connections,
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
    } else {
        checks.push(Check::not_looked_at(
            "secrets",
            "it is not known where they are; nor was anything that is reached with them",
            "the settings",
        ));
    }
    checks
}

async fn examine_servers(config: &Config, checks: &mut Vec<Check>) {
    let secrets = settings::secrets(config, checks).await;
    let mut connections = Connections::default();
    for (login, url) in [
        (&MIGRATOR, &secrets.migrator),
        (&APP, &secrets.app),
        (&SWEEPER, &secrets.sweeper),
    ] {
        if let Some(connected) = log_in(login, url.as_ref(), connections.first(), checks).await {
            connections.add(connected);
        }
    }

    server::look(&mut connections, config, checks).await;
    schema::look(&mut connections, checks).await;
    let postgres_clock = connections.look(clocks::NAME, &ANY, clocks::of_postgres).await;
    let redis_clock = redis::look(secrets.redis.as_ref(), checks).await;
    match postgres_clock {
        Ok(reading) => checks.extend(clocks::judge(Some(reading), redis_clock)),
        Err(check) => {
            checks.push(check);
            checks.extend(clocks::judge(None, redis_clock));
        }
    }
    backlog::look(&mut connections, &config.outbox, checks).await;
}
