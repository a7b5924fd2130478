//! `countersign migrate down`.

use clap::Args;
use serde_json::json;
use sqlx::migrate::Migrate as _;

use super::database::{self, Step, TABLE, failed};
use crate::{
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
};

/// Revert the last migration, or more of them; tables go with their data
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign migrate down --yes
  countersign migrate down --to 20261120000003 --yes
  countersign migrate down --all --yes"))]
pub(super) struct Down {
    /// Revert everything newer than this version
    #[arg(long, value_name = "VERSION", conflicts_with = "all")]
    to: Option<i64>,
    /// Revert everything
    #[arg(long)]
    all: bool,
    /// Yes, throw the data of the reverted tables away
    #[arg(long)]
    yes: bool,
}

/// Reverts what was asked for, newest first, each in a transaction of its own.
pub(super) async fn run(command: &Down, output: Output) -> Result<Exit, Failure> {
    if !command.yes {
        return Err(Failure::usage(
            "this throws tables and their data away; say --yes if that is what you want",
        ));
    }
    let to = command.to.map(database::known).transpose()?;
    let mut connection = database::connect(output).await?;
    let applied = database::lock(&mut connection).await?;

    let reverted = database::downs().filter(|migration| applied.contains(&migration.version));
    let reverted: Vec<_> = match (to, command.all) {
        (Some(to), _) => reverted.take_while(|migration| migration.version > to).collect(),
        (None, true) => reverted.collect(),
        (None, false) => reverted.take(1).collect(),
    };
    let mut steps = Vec::new();
    for migration in reverted {
        let elapsed = connection.revert(TABLE, migration).await.map_err(failed)?;
        let step = Step::new(migration, elapsed);
        output.line(format_args!("reverted {step}"))?;
        steps.push(step);
    }
    if steps.is_empty() {
        output.line("nothing to revert")?;
    }
    output.value(&json!({ "reverted": steps }))?;
    Ok(Exit::Done)
}
