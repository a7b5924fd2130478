//! `countersign approve` and `countersign deny`.

use std::io::{self, BufRead, IsTerminal as _, Write};

use clap::Args;
use serde_json::{Value, json};
use shared::context::Clock;
use uuid::Uuid;

use crate::{
    approval::Approval,
    client::Client,
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    visible::visible,
};

/// Approve a request, after showing what is asked for
///
/// The decision holds for what was shown: it carries the hash of that view, and is refused if the view is out of date. In
/// a terminal it asks first; without one it wants --yes.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign approve 019a9f00-0000-7000-8000-000000000001
  countersign approve 019a9f00-0000-7000-8000-000000000001 --note 'Checked with the customer' --yes"))]
pub(crate) struct Approve {
    #[command(flatten)]
    vote: Vote,
}

/// Deny a request, after showing what is asked for; one denial ends it
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign deny 019a9f00-0000-7000-8000-000000000001 --note 'Ask again after the freeze'"))]
pub(crate) struct Deny {
    #[command(flatten)]
    vote: Vote,
}

#[derive(Args)]
struct Vote {
    /// The request
    id: Uuid,
    /// A word for the requester and the record
    #[arg(long)]
    note: Option<String>,
    /// Decide only on the view with this hash; default the one that is shown
    #[arg(long, value_name = "HASH")]
    display_hash: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Shows the request, asks, and approves it.
///
/// # Errors
/// The server refused the vote, or the person did not want it after all.
pub(crate) fn approve(command: &Approve, client: &Client, output: Output) -> Result<Exit, Failure> {
    decide("approve", &command.vote, client, output)
}

/// Shows the request, asks, and denies it.
///
/// # Errors
/// As [`approve`].
pub(crate) fn deny(command: &Deny, client: &Client, output: Output) -> Result<Exit, Failure> {
    decide("deny", &command.vote, client, output)
}

fn decide(verb: &str, vote: &Vote, client: &Client, output: Output) -> Result<Exit, Failure> {
    let path = format!("/api/v1/approvals/{}", vote.id);
    let shown = Approval::read(&client.get(&path, &[])?)?;
    output.note(shown.card(Clock::system().now()));
    // A request that is not pending is left to the server, whose answer says why it cannot be decided.
    if shown.is_pending() && !vote.yes && !is_confirmed(verb)? {
        return Err(Failure::failed("nothing was sent"));
    }

    let after = client.post(&format!("{path}/{verb}"), &vote.body(&shown))?;
    let approval = Approval::read(&after)?;
    output.line(format_args!(
        "{}, {} approvals",
        visible(&approval.status),
        approval.tally()
    ))?;
    output.value(&after)?;
    Ok(Exit::Done)
}

impl Vote {
    fn body(&self, shown: &Approval) -> Value {
        let display_hash = self.display_hash.as_ref().unwrap_or(&shown.display_hash);
        match &self.note {
            Some(note) => json!({"display_hash": display_hash, "note": note}),
            None => json!({"display_hash": display_hash}),
        }
    }
}

/// Asks the person at the terminal. Where there is none, nobody has seen what is being decided, and only `--yes` says that
/// this is meant.
fn is_confirmed(verb: &str) -> Result<bool, Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Failure::usage(format!(
            "there is no terminal to ask at; to {verb} all the same, add --yes"
        )));
    }
    Ok(ask(verb, &mut input.lock(), &mut std::io::stderr().lock())?)
}

/// Only a plain yes is one.
fn ask(verb: &str, person: &mut impl BufRead, question: &mut impl Write) -> io::Result<bool> {
    write!(question, "\nDo you {verb} this? [y/N] ")?;
    question.flush()?;
    let mut reply = String::new();
    person.read_line(&mut reply)?;
    Ok(matches!(reply.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::tests::status;

    #[test]
    fn a_vote_carries_the_hash_of_what_was_shown_unless_another_is_asked_for() {
        let shown = Approval::read(&status()).expect("a status");
        let mut vote = Vote {
            id: Uuid::nil(),
            note: None,
            display_hash: None,
            yes: true,
        };
        assert_eq!(vote.body(&shown), json!({"display_hash": shown.display_hash}));
        vote.note = Some("fine".to_owned());
        vote.display_hash = Some("ff".to_owned());
        assert_eq!(vote.body(&shown), json!({"display_hash": "ff", "note": "fine"}));
    }

    #[test]
    fn only_a_plain_yes_sends_the_vote() {
        for (reply, meant) in [
            ("y\n", true),
            (" YES \r\n", true),
            ("yes", true),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yes please\n", false),
            ("no\nyes\n", false),
        ] {
            let mut question = Vec::new();
            let answer = ask("deny", &mut reply.as_bytes(), &mut question).expect("it can be asked");
            assert_eq!(answer, meant, "{reply:?}");
            assert_eq!(question, b"\nDo you deny this? [y/N] ");
        }
    }
}
