//! `countersign migrate up`.

use clap::Args;
use serde_json::json;
use sqlx::migrate::Migrate as _;

use super::database::{self, Step, TABLE, failed};
use crate::{
    exit::{Exit, Failure, with_exit_codes},
    migrations::ups,
    output::Output,
};

/// Apply the migrations that are missing
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign migrate up
  countersign migrate up --to 20261120000003"))]
pub(super) struct Up {
    /// Stop after this version
    #[arg(long, value_name = "VERSION")]
    to: Option<i64>,
}

/// Applies what is missing, oldest first, each in a transaction of its own.
pub(super) async fn run(command: &Up, output: Output) -> Result<Exit, Failure> {
    let to = command.to.map(database::known).transpose()?.unwrap_or(i64::MAX);
    let mut connection = database::connect(output).await?;
    let applied = database::lock(&mut connection).await?;

    let mut steps = Vec::new();
    for migration in ups().filter(|m| m.version <= to && !applied.contains(&m.version)) {
        let elapsed = connection.apply(TABLE, migration).await.map_err(failed)?;
        let step = Step::new(migration, elapsed);
        output.line(format_args!("applied {step}"))?;
        steps.push(step);
    }
    if steps.is_empty() {
        output.line("nothing to apply")?;
    }
    output.value(&json!({ "applied": steps }))?;
    Ok(Exit::Done)
}
