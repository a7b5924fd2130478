//! `countersign request`.

use clap::Args;
use serde_json::{Map, Value, json};
use shared::context::Clock;

use super::wait;
use crate::{
    approval::Approval,
    call::{Call, put},
    client::Client,
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    span::span,
    visible::visible,
};

/// Ask for an approval, as an agent, and print the request's id and token
///
/// The token is shown once. With --json and --wait two values are written: the request as it was made, with its token,
/// and the status the waiting ended with.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign request --tool payments.refund --arguments '{\"order\":\"A-17\",\"amount_cents\":4200}' \\
      --reason 'Charged twice' --risk-label money
  countersign request --tool db.migrate --arguments @plan.json --reason 'Release 42' \\
      --required-approvals 2 --approver-group dba --wait 600
  make-plan | countersign request --tool deploy --arguments - --reason 'Release 42'"))]
pub(crate) struct Request {
    #[command(flatten)]
    call: Call,
    /// Why, in words an approver understands
    #[arg(long)]
    reason: String,
    /// How many people have to approve; default 1
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    required_approvals: Option<i64>,
    /// Only members of this group decide; may be given several times
    #[arg(long = "approver-group", value_name = "GROUP")]
    approver_groups: Vec<String>,
    /// What makes the call risky; may be given several times
    #[arg(long = "risk-label", value_name = "LABEL")]
    risk_labels: Vec<String>,
    /// How long the request lives, 60 to 1209600 seconds; default the server's
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    /// Your own id of the request
    #[arg(long = "request-id", value_name = "ID")]
    own_id: Option<String>,
    /// Wait this long for the decision and exit as `countersign wait` does
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// Makes the request, and waits for its decision when asked to.
///
/// # Errors
/// The arguments are no JSON object, or the server refused the request.
pub(crate) fn run(command: &Request, client: &Client, output: Output) -> Result<Exit, Failure> {
    let created = client.post_once("/api/v1/approvals", &command.body(command.call.read()?))?;
    let approval = Approval::read(&created)?;
    // Shown with the first answer alone, and that may have been lost on the way.
    let token = created["token"]
        .as_str()
        .unwrap_or("lost with the first answer; wait by the id");

    let left = span(approval.expires_at - Clock::system().now());
    output.line(format_args!("id      {}", approval.id))?;
    output.line(format_args!("token   {}", visible(token)))?;
    output.line(format_args!(
        "status  {}, {} approvals, expires in {left}",
        visible(&approval.status),
        approval.tally()
    ))?;
    output.value(&created)?;
    match command.wait {
        Some(seconds) => wait::until_decided(client, approval.id, seconds, output),
        None => Ok(Exit::Done),
    }
}

impl Request {
    fn body(&self, call: Value) -> Value {
        let mut body = Map::from_iter([
            ("tool_call".to_owned(), call),
            ("reason".to_owned(), json!(self.reason)),
        ]);
        put(&mut body, "required_approvals", self.required_approvals);
        put(
            &mut body,
            "approver_groups",
            Some(&self.approver_groups).filter(|groups| !groups.is_empty()),
        );
        put(
            &mut body,
            "risk_labels",
            Some(&self.risk_labels).filter(|labels| !labels.is_empty()),
        );
        put(&mut body, "ttl_seconds", self.ttl);
        put(&mut body, "request_id", self.own_id.as_ref());
        body.into()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        request: Request,
    }

    fn body(arguments: &[&str]) -> Value {
        let line = ["request", "--tool", "t", "--reason", "r"].iter().chain(arguments);
        Alone::try_parse_from(line)
            .unwrap_or_else(|error| panic!("{error}"))
            .request
            .body(json!("the call"))
    }

    #[test]
    fn only_what_was_given_is_sent() {
        assert_eq!(body(&[]), json!({"tool_call": "the call", "reason": "r"}));
    }

    #[test]
    fn every_option_has_its_place() {
        let all = [
            "--required-approvals",
            "2",
            "--approver-group",
            "ops",
            "--approver-group",
            "dba",
            "--risk-label",
            "money",
            "--ttl",
            "60",
            "--request-id",
            "q",
        ];
        let expected = json!({
            "tool_call": "the call", "reason": "r",
            "required_approvals": 2, "approver_groups": ["ops", "dba"], "risk_labels": ["money"], "ttl_seconds": 60,
            "request_id": "q",
        });
        assert_eq!(body(&all), expected);
        // What is wrong with it, the server says.
        assert_eq!(body(&["--required-approvals", "-1"])["required_approvals"], -1);
    }
}
