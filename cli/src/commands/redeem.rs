//! `countersign redeem`.

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    approval::Approval,
    call::Call,
    client::Client,
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    visible::visible,
};

/// Redeem an approval for the call that is about to be made; exit code 0 authorises it, once
///
/// The call must be the approved one, arguments included. Nothing else authorises it: not an approval that was seen by
/// `wait` or told by a webhook.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign redeem 019a9f00-0000-7000-8000-000000000001 --tool db.migrate --arguments @plan.json && ./migrate plan.json"))]
pub(crate) struct Redeem {
    /// The request
    id: Uuid,
    #[command(flatten)]
    call: Call,
}

/// Presents the live call.
///
/// # Errors
/// It may not be made: the server says why.
pub(crate) fn run(command: &Redeem, client: &Client, output: Output) -> Result<Exit, Failure> {
    redeem(client, command.id, &command.call.read()?, output)
}

/// Redeems the request for this call.
pub(super) fn redeem(client: &Client, id: Uuid, call: &Value, output: Output) -> Result<Exit, Failure> {
    let after = client.post_once(&format!("/api/v1/approvals/{id}/redeem"), &json!({ "tool_call": call }))?;
    let approval = Approval::read(&after)?;
    if approval.status != "CONSUMED" {
        return Err(Failure::failed(format!(
            "the answer says {}, not CONSUMED",
            approval.status
        )));
    }
    output.line(visible(&approval.status))?;
    output.value(&after)?;
    Ok(Exit::Done)
}
