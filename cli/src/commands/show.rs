//! `countersign show`.

use clap::Args;
use shared::context::Clock;
use uuid::Uuid;

use crate::{
    approval::Approval,
    client::Client,
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
};

/// Show a request: who asks for what and why, the votes, and how it stands
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign show 019a9f00-0000-7000-8000-000000000001
  countersign show 019a9f00-0000-7000-8000-000000000001 --json | jq -r .status"))]
pub(crate) struct Show {
    /// The request
    id: Uuid,
}

/// Shows the request, whatever its state.
///
/// # Errors
/// It cannot be read.
pub(crate) fn run(command: &Show, client: &Client, output: Output) -> Result<Exit, Failure> {
    let body = client.get(&format!("/api/v1/approvals/{}", command.id), &[])?;
    output.line(Approval::read(&body)?.card(Clock::system().now()))?;
    output.value(&body)?;
    Ok(Exit::Done)
}
