//! `countersign tool-call`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::{redeem, wait};
use crate::{
    approval::Approval,
    call::{Call, put},
    client::Client,
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    visible::visible,
};

/// Ask the policy whether a call may be made, as an agent; exit code 0 allows it
///
/// When people have to approve it, the request's id and token are printed, the token this once, and the exit code is 5. With
/// --wait it waits for them and redeems what they approve, so that exit code 0 always means: this call may be made, once.
#[derive(Args)]
#[command(name = "tool-call", after_help = with_exit_codes("\
Examples:
  countersign tool-call --tool files.read --arguments '{\"path\":\"/srv/report\"}'
  countersign tool-call --tool payments.refund --arguments @refund.json --reason 'Charged twice' --wait 600 && ./refund refund.json"))]
pub(crate) struct ToolCall {
    #[command(flatten)]
    call: Call,
    /// Why, in words an approver understands
    #[arg(long)]
    reason: Option<String>,
    /// What makes the call risky; may be given several times
    #[arg(long = "risk-label", value_name = "LABEL")]
    risk_labels: Vec<String>,
    /// Your own id of the call
    #[arg(long = "request-id", value_name = "ID")]
    own_id: Option<String>,
    /// If people have to approve it, wait this long for them, and redeem their approval for this call
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// Asks, and waits when asked to.
///
/// # Errors
/// The server refused the question.
pub(crate) fn run(command: &ToolCall, client: &Client, output: Output) -> Result<Exit, Failure> {
    let call = command.call.read()?;
    let answer = client.post_once("/api/v1/tool-calls", &command.body(call.clone()))?;
    output.line(visible(answer["decision"].as_str().unwrap_or_default()))?;
    for reason in answer["reasons"].as_array().into_iter().flatten() {
        output.line(format_args!("  {}", visible(reason.as_str().unwrap_or_default())))?;
    }
    let approval = answer.get("approval").filter(|approval| approval.is_object());
    let request = approval.map(Approval::read).transpose()?;
    if let (Some(approval), Some(request)) = (approval, &request) {
        output.line(format_args!("id      {}", request.id))?;
        output.line(format_args!(
            "token   {}",
            visible(approval["token"].as_str().unwrap_or_default())
        ))?;
    }
    output.value(&answer)?;
    match (answer["decision"].as_str(), request, command.wait) {
        (Some("ALLOW"), ..) => Ok(Exit::Done),
        (Some("DENY"), ..) => Ok(Exit::Denied),
        (Some("REQUIRE_APPROVAL"), Some(request), Some(seconds)) => {
            match wait::until_decided(client, request.id, seconds, output)? {
                Exit::Done => redeem::redeem(client, request.id, &call, output),
                other => Ok(other),
            }
        }
        (Some("REQUIRE_APPROVAL"), Some(_), None) => Ok(Exit::TimedOut),
        // Whatever else it says, it allows nothing.
        _ => Err(Failure::failed("the answer is no decision that this program knows")),
    }
}

impl ToolCall {
    fn body(&self, call: Value) -> Value {
        let mut body = Map::from_iter([("tool_call".to_owned(), call)]);
        put(&mut body, "reason", self.reason.as_ref());
        put(
            &mut body,
            "risk_labels",
            Some(&self.risk_labels).filter(|labels| !labels.is_empty()),
        );
        put(&mut body, "request_id", self.own_id.as_ref());
        json!(body)
    }
}
