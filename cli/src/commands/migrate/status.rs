//! `countersign migrate status`.

use clap::Args;
use serde_json::json;
use shared::http::timestamp;

use super::database;
use crate::{
    columns::table,
    exit::{Exit, Failure, with_exit_codes},
    migrations,
    output::Output,
};

/// Show which migrations are applied; changes nothing
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign migrate status
  countersign migrate status --json"))]
pub(super) struct Status {}

/// Compares the database with the migrations built in.
pub(super) async fn run(output: Output) -> Result<Exit, Failure> {
    let mut connection = database::connect(output).await?;
    let lines = migrations::compared(&mut connection)
        .await
        .map_err(|error| database::failed(error.into()))?;

    let rows: Vec<[String; 4]> = lines
        .iter()
        .map(|line| {
            let state = format!("{:?}", line.state).to_lowercase();
            let applied_at = line.applied_at.map(timestamp::format).unwrap_or_default();
            [
                line.version.to_string(),
                state,
                applied_at,
                line.description.to_string(),
            ]
        })
        .collect();
    output.line(table(["VERSION", "STATE", "APPLIED AT", "DESCRIPTION"], &rows))?;
    output.value(&json!({ "migrations": lines }))?;
    Ok(Exit::Done)
}
