//! `countersign migrate`: brings a database's schema forward and back.
//!
//! The migrations are built in. They are kept in the table `_sqlx_migrations` and under the advisory lock of `sqlx
//! migrate`, so that either tool can go on where the other stopped.

mod database;
mod down;
mod status;
mod up;

use clap::{Args, Subcommand};

use super::block_on;
use crate::{
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
};

/// Bring the database's schema forward or back, or show where it stands
///
/// Connects as the role that may change the schema: `ADMIN_DATABASE_URL`, or the field `admin_url` of the secret
/// `countersign/database`.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign migrate status
  countersign migrate up
  countersign migrate down --yes"))]
pub(crate) struct Migrate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Up(up::Up),
    Down(down::Down),
    Status(status::Status),
}

/// Runs the chosen action.
///
/// # Errors
/// The database does not answer, its migrations are not ours, or one of them failed.
pub(crate) fn run(command: &Migrate, output: Output) -> Result<Exit, Failure> {
    block_on(async {
        match &command.action {
            Action::Up(up) => up::run(up, output).await,
            Action::Down(down) => down::run(down, output).await,
            Action::Status(_) => status::run(output).await,
        }
    })
}
