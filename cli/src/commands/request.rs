//! `countersign request`.

use std::{fs, io::Read as _};

use clap::Args;
use serde_json::{Map, Value, json};
use shared::{context::Clock, http::parse_strict};

use super::wait;
use crate::{
    approval::Approval,
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
    /// The tool that is to be called
    #[arg(long)]
    tool: String,
    /// The arguments of the call: a JSON object, @FILE that holds one, or - for standard input; default {}
    #[arg(long, value_name = "JSON|@FILE|-")]
    arguments: Option<String>,
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
    /// The server that offers the tool
    #[arg(long)]
    server: Option<String>,
    /// The environment of the call; default the key's, and no other is allowed
    #[arg(long)]
    environment: Option<String>,
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
    let arguments = command
        .arguments
        .as_deref()
        .map_or_else(|| Ok(json!({})), read_arguments)?;
    let created = client.post("/api/v1/approvals", &command.body(&arguments))?;
    let approval = Approval::read(&created)?;
    let token = created["token"].as_str().unwrap_or_default();

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
    fn body(&self, arguments: &Value) -> Value {
        let mut call = Map::from_iter([
            ("tool".to_owned(), json!(self.tool)),
            ("arguments".to_owned(), arguments.clone()),
        ]);
        put(&mut call, "server", self.server.as_ref());
        put(&mut call, "environment", self.environment.as_ref());
        let mut body = Map::from_iter([
            ("tool_call".to_owned(), call.into()),
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

/// Adds what was given; the defaults are the server's.
fn put(object: &mut Map<String, Value>, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), json!(value));
    }
}

/// The arguments from the command line, a file or standard input.
fn read_arguments(given: &str) -> Result<Value, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("the arguments cannot be read: {error}"));
    let text = match (given, given.strip_prefix('@')) {
        ("-", _) => {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text).map_err(unreadable)?;
            text
        }
        (_, Some(path)) => fs::read(path).map_err(unreadable)?,
        (text, None) => text.as_bytes().to_vec(),
    };
    // An ordinary parser would keep the last of two equal keys, and the approver would see only that one.
    let value = parse_strict(&text).map_err(|error| Failure::usage(format!("the arguments are not JSON: {error}")))?;
    if !value.is_object() {
        return Err(Failure::usage(
            "the arguments must be a JSON object, such as {\"path\":\"/srv\"}",
        ));
    }
    Ok(value)
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
            .body(&json!({"a": 1}))
    }

    #[test]
    fn only_what_was_given_is_sent() {
        assert_eq!(
            body(&[]),
            json!({"tool_call": {"tool": "t", "arguments": {"a": 1}}, "reason": "r"})
        );
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
            "--server",
            "s",
            "--environment",
            "dev",
            "--request-id",
            "q",
        ];
        let expected = json!({
            "tool_call": {"tool": "t", "arguments": {"a": 1}, "server": "s", "environment": "dev"}, "reason": "r",
            "required_approvals": 2, "approver_groups": ["ops", "dba"], "risk_labels": ["money"], "ttl_seconds": 60,
            "request_id": "q",
        });
        assert_eq!(body(&all), expected);
        // What is wrong with it, the server says.
        assert_eq!(body(&["--required-approvals", "-1"])["required_approvals"], -1);
    }

    #[test]
    fn arguments_are_one_unambiguous_object() {
        assert_eq!(read_arguments(r#"{"a":[1]}"#).expect("an object"), json!({"a": [1]}));
        for wrong in [
            "",
            "[]",
            "1",
            "{",
            r#"{"a":1,"a":2}"#,
            r#"{"a":9007199254740993}"#,
            "@/nonexistent",
        ] {
            assert_eq!(read_arguments(wrong).expect_err(wrong).exit, Exit::Usage);
        }
    }

    #[test]
    fn arguments_come_from_a_file_too() {
        let path = std::env::temp_dir().join(format!("countersign-arguments-{}", std::process::id()));
        fs::write(&path, r#"{"from":"file"}"#).expect("written");
        let read = read_arguments(&format!("@{}", path.display()));
        let _ = fs::remove_file(&path);
        assert_eq!(read.expect("an object"), json!({"from": "file"}));
    }
}
