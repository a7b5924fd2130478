//! `countersign stop`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    call::put,
    client::Client,
    columns::{cut, table},
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
};

/// The widest the texts of others get.
const CALLER: usize = 24;
const REASON: usize = 40;

/// Stop an agent, or the whole tenant, and let it go on again
#[derive(Args)]
#[command(after_help = with_exit_codes(""))]
pub(crate) struct Stop {
    #[command(subcommand)]
    command: StopCommand,
}

#[derive(Subcommand)]
enum StopCommand {
    /// Stop: calls and requests are denied, what waits is cancelled, what is approved cannot be redeemed
    #[command(after_help = with_exit_codes("\
Examples:
  countersign stop create --caller-id deployer --reason 'It deletes what it should not'
  countersign stop create --tenant-wide --reason 'Incident 42'"))]
    Create {
        /// The agent that is stopped
        #[arg(long, required_unless_present = "tenant_wide")]
        caller_id: Option<String>,
        /// Stop everybody in the tenant
        #[arg(long, conflicts_with = "caller_id")]
        tenant_wide: bool,
        /// Why, for those who are stopped and the record
        #[arg(long)]
        reason: String,
    },
    /// List the stops that are in force
    #[command(after_help = with_exit_codes("\
Examples:
  countersign stop list"))]
    List,
    /// Lift a stop
    #[command(after_help = with_exit_codes("\
Examples:
  countersign stop lift 019a9f00-0000-7000-8000-000000000001"))]
    Lift {
        /// The stop
        id: Uuid,
    },
}

/// Makes, lists or lifts stops.
///
/// # Errors
/// The server refused it.
pub(crate) fn run(command: &Stop, client: &Client, output: Output) -> Result<Exit, Failure> {
    match &command.command {
        StopCommand::Create { caller_id, reason, .. } => {
            let mut body = Map::new();
            put(&mut body, "caller_id", caller_id.as_ref());
            put(&mut body, "reason", Some(reason));
            let made = client.post("/api/v1/stops", &body.into())?;
            output.line(made["id"].as_str().unwrap_or_default())?;
            output.value(&made)?;
        }
        StopCommand::List => list(client, output)?,
        StopCommand::Lift { id } => {
            client.delete(&format!("/api/v1/stops/{id}"))?;
            output.line("lifted")?;
        }
    }
    Ok(Exit::Done)
}

fn list(client: &Client, output: Output) -> Result<(), Failure> {
    let stops = client.list("/api/v1/stops", &[])?;
    for stop in &stops {
        output.value(stop)?;
    }
    if stops.is_empty() {
        output.line("nothing is stopped")?;
        return Ok(());
    }
    let text = |stop: &Value, name: &str| stop[name].as_str().unwrap_or_default().to_owned();
    let rows: Vec<[String; 4]> = stops
        .iter()
        .map(|stop| {
            [
                text(stop, "created_at"),
                cut(stop["caller_id"].as_str().unwrap_or("everybody"), CALLER),
                cut(&text(stop, "reason"), REASON),
                text(stop, "id"),
            ]
        })
        .collect();
    output.line(table(["SINCE", "WHO", "REASON", "ID"], &rows))?;
    Ok(())
}
