//! `countersign wait`.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::Value;
use shared::context::Clock;
use uuid::Uuid;

use crate::{
    approval::Approval,
    client::Client,
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
};

/// The longest the server holds one question.
const LONGEST_POLL: Duration = Duration::from_secs(25);
/// Between two tries while the server is away.
const PAUSE: Duration = Duration::from_secs(1);
/// The bounds of what the server may ask us to wait before the next question.
const POLL_PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Wait until a request is decided; the exit code says how it went
///
/// Survives a server that goes away in the meantime. An approval seen here does not authorise the call yet: a request can
/// still be cancelled or expire after it was approved.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign wait 019a9f00-0000-7000-8000-000000000001
  countersign wait 019a9f00-0000-7000-8000-000000000001 --timeout 3600 --json"))]
pub(crate) struct Wait {
    /// The request
    id: Uuid,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
}

/// Waits, shows the status it ended with, and exits by it.
///
/// # Errors
/// The request cannot be read.
pub(crate) fn run(command: &Wait, client: &Client, output: Output) -> Result<Exit, Failure> {
    until_decided(client, command.id, command.timeout, output)
}

/// Waits for at most `seconds`, telling of votes on standard error.
pub(super) fn until_decided(client: &Client, id: Uuid, seconds: u64, output: Output) -> Result<Exit, Failure> {
    let path = format!("/api/v1/approvals/{id}");
    let begun = Instant::now();
    let timeout = Duration::from_secs(seconds);
    // The first question is not held, so that a wrong id or a server that is not there is told at once.
    let mut body = client.get(&path, &[])?;
    let mut approval = Approval::read(&body)?;
    while approval.is_pending() {
        let left = timeout.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        let asked = Instant::now();
        match ask(client, &path, approval.version, left) {
            Ok(answer) => body = answer,
            Err(failure) if failure.is_passing => {
                output.note(format_args!("{failure}; trying again"));
                sleep(PAUSE.min(left));
                continue;
            }
            Err(failure) => return Err(failure),
        }
        let before = std::mem::replace(&mut approval, Approval::read(&body)?);
        if approval.version > before.version {
            output.note(format_args!("{} approvals", approval.tally()));
        } else if approval.is_pending() && asked.elapsed() < Duration::from_secs(1) {
            // Answered at once and unchanged: too many are waiting, and the server asks for patience instead.
            let pause = Duration::from_millis(approval.poll_after_ms).clamp(POLL_PAUSES.0, POLL_PAUSES.1);
            sleep(pause.min(timeout.saturating_sub(begun.elapsed())));
        }
    }
    output.line(approval.card(Clock::system().now()))?;
    output.value(&body)?;
    if approval.is_pending() {
        output.note(format_args!("still pending after {seconds} s"));
    }
    Ok(approval.exit())
}

/// Asks for a version newer than the one known, held by the server for at most `left`.
fn ask(client: &Client, path: &str, version: i64, left: Duration) -> Result<Value, Failure> {
    // Whole seconds, rounded up: the last question must not be an empty one.
    let seconds = left.min(LONGEST_POLL).as_millis().div_ceil(1_000);
    let (wait, after_version) = (seconds.to_string(), version.to_string());
    client.get_waiting(
        path,
        &[("wait", &wait), ("after_version", &after_version)],
        LONGEST_POLL,
    )
}
