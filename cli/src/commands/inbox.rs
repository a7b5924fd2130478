//! `countersign inbox`.

use std::{thread::sleep, time::Duration};

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::Value;
use shared::context::Clock;

use crate::{
    approval::Approval,
    client::Client,
    columns::{cut, table},
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    span::span,
};

/// The widest the texts of others get.
const TOOL: usize = 28;
const REQUESTER: usize = 24;
const REASON: usize = 40;

/// List the pending requests that you can decide
///
/// Text that was cut ends in …; `countersign show` and `countersign approve` show all of it. With --watch the table is
/// shown again whenever something in it changes, until it is interrupted.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign inbox
  countersign inbox --watch
  countersign inbox --all --json | jq -r .id"))]
pub(crate) struct Inbox {
    /// Also those that you cannot decide, or have voted on
    #[arg(long)]
    all: bool,
    /// Look again every so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

/// Lists the requests, newest first; with `--json` one status a line.
///
/// # Errors
/// The list cannot be read.
pub(crate) fn run(command: &Inbox, client: &Client, output: Output) -> Result<Exit, Failure> {
    let mut shown = list(client, command.all)?;
    show(&shown, output)?;
    let Some(seconds) = command.watch else {
        return Ok(Exit::Done);
    };
    loop {
        sleep(Duration::from_secs(seconds));
        let now = match list(client, command.all) {
            Ok(now) => now,
            Err(failure) if failure.is_passing => {
                output.note(format_args!("{failure}; trying again"));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if now != shown {
            output.line("")?;
            show(&now, output)?;
            shown = now;
        }
    }
}

fn show(statuses: &[Value], output: Output) -> Result<(), Failure> {
    let approvals: Vec<Approval> = statuses.iter().map(Approval::read).collect::<Result<_, _>>()?;
    for status in statuses {
        output.value(status)?;
    }
    if approvals.is_empty() {
        output.line("nothing is waiting")?;
    } else {
        output.line(render(&approvals, Clock::system().now()))?;
    }
    Ok(())
}

fn list(client: &Client, all: bool) -> Result<Vec<Value>, Failure> {
    let pending = ("status", "PENDING");
    if all {
        client.list("/api/v1/approvals", &[pending])
    } else {
        client.list("/api/v1/approvals", &[pending, ("decidable_by", "me")])
    }
}

fn render(approvals: &[Approval], now: DateTime<Utc>) -> String {
    let rows: Vec<[String; 7]> = approvals
        .iter()
        .map(|approval| {
            [
                span(now - approval.created_at),
                cut(&approval.tool_call.tool, TOOL),
                cut(&approval.requested_by, REQUESTER),
                cut(&approval.reason, REASON),
                approval.tally(),
                span(approval.expires_at - now),
                approval.id.to_string(),
            ]
        })
        .collect();
    table(
        ["AGE", "TOOL", "REQUESTER", "REASON", "APPROVALS", "EXPIRES IN", "ID"],
        &rows,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::approval::tests::status;

    #[test]
    fn one_request_is_one_line_whatever_it_says() {
        let now = shared::http::timestamp::parse("2026-11-20T08:30:00Z").expect("a time");
        let mut forged = status();
        forged["reason"] = json!("ok\n5m  payments.refund\u{202e}");
        forged["tool_call"]["tool"] = json!("a\u{200b}b".repeat(40));
        let approvals = [status(), forged].map(|status| Approval::read(&status).expect("a status"));
        let expected = "\
AGE  TOOL                          REQUESTER        REASON                                 APPROVALS  EXPIRES IN  ID
30m  payments.refund               agent:dev-agent  Charged twice                          1/2        30m         019a9f00-0000-7000-8000-000000000001
30m  a<U+200B>ba<U+200B>ba<U+200…  agent:dev-agent  ok<U+000A>5m  payments.refund<U+202E>  1/2        30m         019a9f00-0000-7000-8000-000000000001";
        assert_eq!(render(&approvals, now), expected);
    }
}
