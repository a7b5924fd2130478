//! `countersign demo`: the whole story against a running service, as a timeline.

mod cast;
mod story;
mod timeline;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    exit::{Exit, Failure, with_exit_codes},
    key_file::{self, Lookup},
    output::Output,
};

/// Play the story of an approval against a running service, with the seeded keys
///
/// An agent asks and waits, a person approves, and the waiting ends; a second request is denied, another tenant sees
/// nothing, and the audit log tells it all. The keys come from the environment (`ACME_TENANT`, `ACME_AGENT_KEY`, …) or from
/// the file that `countersign seed` wrote. It leaves two requests behind.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign demo
  countersign demo --keys-file .local/dev/keys.env --json"))]
pub(crate) struct Demo {
    /// The file with the keys
    #[arg(long, value_name = "PATH", default_value = ".local/dev/keys.env")]
    keys_file: PathBuf,
}

/// Plays the story; done only if every answer was the expected one.
///
/// # Errors
/// A key is missing, or the service answered something else.
pub(crate) fn run(command: &Demo, url: &str, output: Output) -> Result<Exit, Failure> {
    let keys = Lookup::new(key_file::read(&command.keys_file)?);
    let cast = cast::Cast::assemble(url, &keys, &command.keys_file)?;
    let mut timeline = timeline::Timeline::begin(output);
    let latency_ms = story::play(&cast, &mut timeline)?;
    output.line(format_args!(
        "\nEvery answer was the expected one. The waiting ended {latency_ms} ms after the approval was sent."
    ))?;
    output.value(&json!({"steps": timeline.steps(), "wait_latency_ms": latency_ms}))?;
    Ok(Exit::Done)
}
