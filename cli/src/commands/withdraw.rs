//! `countersign cancel` and `countersign revoke`.

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    approval::Approval,
    client::Client,
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    visible::visible,
};

/// Cancel a request, as its requester or an admin, before it is redeemed
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign cancel 019a9f00-0000-7000-8000-000000000001"))]
pub(crate) struct Cancel {
    /// The request
    id: Uuid,
}

/// Take an approval back, as an admin or somebody who approved it, before it is redeemed
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign revoke 019a9f00-0000-7000-8000-000000000001 --reason 'The customer called again'"))]
pub(crate) struct Revoke {
    /// The request
    id: Uuid,
    /// Why, for the requester and the record
    #[arg(long)]
    reason: String,
}

/// Cancels the request.
///
/// # Errors
/// The server refused it.
pub(crate) fn cancel(command: &Cancel, client: &Client, output: Output) -> Result<Exit, Failure> {
    withdraw(command.id, "cancel", &json!({}), client, output)
}

/// Revokes the approval.
///
/// # Errors
/// The server refused it.
pub(crate) fn revoke(command: &Revoke, client: &Client, output: Output) -> Result<Exit, Failure> {
    withdraw(
        command.id,
        "revoke",
        &json!({ "reason": command.reason }),
        client,
        output,
    )
}

fn withdraw(id: Uuid, verb: &str, body: &Value, client: &Client, output: Output) -> Result<Exit, Failure> {
    let after = client.post(&format!("/api/v1/approvals/{id}/{verb}"), body)?;
    output.line(visible(&Approval::read(&after)?.status))?;
    output.value(&after)?;
    Ok(Exit::Done)
}
