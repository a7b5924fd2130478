//! `countersign policy`.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::{
    call::put,
    client::Client,
    columns::{cut, table},
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    visible::visible,
};

const POLICIES: &str = "/api/v1/policies";
const SIMULATE: &str = "/api/v1/policies/simulate";
/// The widest the texts of others get.
const TOOL: usize = 28;
const WHO: usize = 44;

/// Read, check, try and change the policy of the tenant, as an admin
#[derive(Args)]
#[command(after_help = with_exit_codes(""))]
pub(crate) struct Policy {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand)]
enum PolicyCommand {
    /// Print the policy that decides now
    #[command(after_help = with_exit_codes("\
Examples:
  countersign policy show > policy.cedar"))]
    Show,
    /// Say whether a policy could be put, and if not, where it is wrong
    #[command(after_help = with_exit_codes("\
Examples:
  countersign policy check policy.cedar"))]
    Check {
        /// The file with the policy, in Cedar
        file: PathBuf,
    },
    /// Show what a policy would have decided of the calls on record; nothing is changed
    #[command(after_help = with_exit_codes("\
Examples:
  countersign policy simulate policy.cedar --limit 1000
  countersign policy simulate policy.cedar --since 2026-11-01T00:00:00Z --json"))]
    Simulate {
        /// The file with the policy, in Cedar
        file: PathBuf,
        /// Only calls from this time on
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only calls before this time
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// At most so many calls, the newest; 1 to 1000
        #[arg(long, value_name = "N")]
        limit: Option<u16>,
    },
    /// Make a policy the one that decides
    #[command(after_help = with_exit_codes("\
Examples:
  countersign policy put policy.cedar"))]
    Put {
        /// The file with the policy, in Cedar
        file: PathBuf,
    },
    /// Make the policy of an earlier version the one that decides, as a new version
    #[command(after_help = with_exit_codes("\
Examples:
  countersign policy rollback 3"))]
    Rollback {
        /// The earlier version
        #[arg(value_name = "VERSION")]
        to: u32,
    },
    /// List the versions, newest first
    #[command(after_help = with_exit_codes("\
Examples:
  countersign policy history
  countersign policy history --json | jq -r 'select(.version == 3).cedar'"))]
    History,
}

/// Does it.
///
/// # Errors
/// The file cannot be read, or the server refused the policy: then the message says where it is wrong.
pub(crate) fn run(command: &Policy, client: &Client, output: Output) -> Result<Exit, Failure> {
    match &command.command {
        PolicyCommand::Show => {
            let policy = client.get(POLICIES, &[])?;
            output.text(policy["cedar"].as_str().unwrap_or_default())?;
            output.value(&policy)?;
        }
        PolicyCommand::Check { file } => {
            let checked = client.post(SIMULATE, &json!({ "cedar": read(file)?, "limit": 0 }))?;
            output.line("it can be put")?;
            output.value(&checked)?;
        }
        PolicyCommand::Simulate {
            file,
            since,
            until,
            limit,
        } => {
            let mut body = Map::from_iter([("cedar".to_owned(), json!(read(file)?))]);
            put(&mut body, "since", since.as_ref());
            put(&mut body, "until", until.as_ref());
            put(&mut body, "limit", *limit);
            let simulated = client.post(SIMULATE, &body.into())?;
            show_simulation(&simulated, output)?;
        }
        PolicyCommand::Put { file } => change(client, &json!({ "cedar": read(file)? }), output)?,
        PolicyCommand::Rollback { to } => change(client, &json!({ "version": to }), output)?,
        PolicyCommand::History => show_history(client, output)?,
    }
    Ok(Exit::Done)
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))
}

fn change(client: &Client, body: &Value, output: Output) -> Result<(), Failure> {
    let policy = client.put(POLICIES, body)?;
    output.line(format_args!("version {} decides", policy["version"]))?;
    output.value(&policy)?;
    Ok(())
}

fn show_simulation(simulated: &Value, output: Output) -> Result<(), Failure> {
    output.line(format_args!(
        "{} calls, {} would be decided otherwise",
        simulated["evaluated"], simulated["changed"]
    ))?;
    let text = |change: &Value, name: &str| change[name].as_str().unwrap_or_default().to_owned();
    let rows: Vec<[String; 4]> = simulated["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|change| {
            [
                text(change, "was"),
                text(change, "would_be"),
                cut(&text(change, "tool"), TOOL),
                cut(&text(change, "caller_id"), TOOL),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output.line(table(["WAS", "WOULD BE", "TOOL", "CALLER"], &rows))?;
    }
    output.value(simulated)?;
    Ok(())
}

fn show_history(client: &Client, output: Output) -> Result<(), Failure> {
    let versions = client.list(&format!("{POLICIES}/versions"), &[])?;
    let rows: Vec<[String; 3]> = versions
        .iter()
        .map(|version| {
            [
                version["version"].to_string(),
                visible(version["created_at"].as_str().unwrap_or_default()),
                cut(version["created_by"].as_str().unwrap_or_default(), WHO),
            ]
        })
        .collect();
    output.line(table(["VERSION", "SINCE", "BY"], &rows))?;
    for version in &versions {
        output.value(version)?;
    }
    Ok(())
}
