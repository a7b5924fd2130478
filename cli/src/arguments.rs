//! The command line: the commands there are, and what they all take.

use clap::{Args, Parser, Subcommand};

use crate::{
    client::{Client, Credential},
    commands::{
        decide, demo, doctor, inbox, key, migrate, policy, redeem, request, seed, show, stop, tool_call, verify, wait,
        withdraw,
    },
    exit::{Failure, with_exit_codes},
};

const DEFAULT_URL: &str = "http://127.0.0.1:9000";

/// A person's signature in front of what agents do: ask, wait, decide, and look after the service.
#[derive(Parser)]
#[command(name = "countersign", version, propagate_version = true, after_help = with_exit_codes("\
Examples:
  export COUNTERSIGN_URL=https://countersign.example.com COUNTERSIGN_TENANT=<tenant id>
  read -rs COUNTERSIGN_API_KEY && export COUNTERSIGN_API_KEY
  countersign inbox
  countersign approve <request id>"))]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args)]
pub(crate) struct Globals {
    /// Where Countersign answers
    #[arg(long, global = true, env = "COUNTERSIGN_URL", default_value = DEFAULT_URL, help_heading = "Connection")]
    url: String,
    /// The API key; better in the environment, since other users of a machine see its command lines
    #[arg(
        long,
        global = true,
        env = "COUNTERSIGN_API_KEY",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    api_key: Option<String>,
    /// The tenant's id
    #[arg(long, global = true, env = "COUNTERSIGN_TENANT", help_heading = "Connection")]
    tenant: Option<String>,
    /// Write results as JSON, one value a line, and errors as JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Seed(seed::Seed),
    Key(key::Key),
    ToolCall(tool_call::ToolCall),
    Request(request::Request),
    Wait(wait::Wait),
    Redeem(redeem::Redeem),
    Cancel(withdraw::Cancel),
    Show(show::Show),
    Approve(decide::Approve),
    Deny(decide::Deny),
    Revoke(withdraw::Revoke),
    Inbox(inbox::Inbox),
    Stop(stop::Stop),
    Policy(policy::Policy),
    Verify(verify::Verify),
    Demo(demo::Demo),
}

impl Globals {
    /// A client that acts with the given key.
    ///
    /// # Errors
    /// Key or tenant are missing, or one of the three cannot be what it should.
    pub(crate) fn connect(&self) -> Result<Client, Failure> {
        let api_key = set(self.api_key.as_deref()).ok_or_else(|| missing("an API key", "COUNTERSIGN_API_KEY"))?;
        let tenant = set(self.tenant.as_deref()).ok_or_else(|| missing("a tenant", "COUNTERSIGN_TENANT"))?;
        Client::new(self.url(), Credential::new(tenant, api_key)?)
    }

    /// Where Countersign answers.
    pub(crate) fn url(&self) -> &str {
        set(Some(&self.url)).unwrap_or(DEFAULT_URL)
    }
}

/// A value that is there. Shells and compose files pass on an empty one for a variable they do not have.
fn set(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

fn missing(what: &str, variable: &str) -> Failure {
    Failure::usage(format!("this command needs {what}: set {variable}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples_and_exit_codes_and_no_key() {
        let mut pending = vec![Arguments::command()];
        while let Some(mut command) = pending.pop() {
            command.build();
            let help = command.render_long_help().to_string();
            if command.get_subcommands().all(|inner| inner.get_name() == "help") {
                assert!(help.contains("Examples:\n  "), "{}: {help}", command.get_name());
            }
            assert!(help.contains("Exit codes:"), "{}", command.get_name());
            assert!(
                !help.contains("--api-key cs_") && !help.contains("cs_dev_"),
                "{}",
                command.get_name()
            );
            pending.extend(
                command
                    .get_subcommands()
                    .filter(|inner| inner.get_name() != "help")
                    .cloned(),
            );
        }
    }
}
