//! `countersign verify bundle`.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use countersign_proof::{
    bundle::{Outcome, Report, Verifier},
    note::VerifierKey,
    timestamp::Timestamp,
};

use super::{Keys, Status, failed, holds};
use crate::{
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
};

/// How much is read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Verify a bundle: nothing altered, nothing removed, and for which time it is complete
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign verify bundle audit.bundle --key-file log.keys
  countersign verify bundle - --json < audit.bundle | jq -r .status"))]
pub(super) struct Bundle {
    /// The bundle; `-` reads standard input
    file: PathBuf,
    #[command(flatten)]
    keys: Keys,
}

pub(super) fn run(command: &Bundle, output: Output) -> Result<Exit, Failure> {
    let keys = command.keys.read()?;
    let unreadable = |error: io::Error| Failure::failed(format!("{}: {error}", command.file.display()));
    let outcome = if command.file == Path::new("-") {
        verify(io::stdin().lock(), keys)
    } else {
        File::open(&command.file).and_then(|file| verify(file, keys))
    };
    match outcome.map_err(unreadable)? {
        Outcome::SignedPinned(report) => whole(output, Status::Pinned, &report),
        Outcome::SignedTofu(report) => whole(output, Status::Tofu, &report),
        Outcome::Unsigned(report) => whole(output, Status::Unsigned, &report),
        Outcome::Failed(reason) => failed(output, &reason.to_string(), &serde_json::json!(reason)),
    }
}

fn verify(mut source: impl Read, keys: Vec<VerifierKey>) -> io::Result<Outcome> {
    let mut verifier = Verifier::new(keys);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = match source.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if length == 0 || verifier.push(&piece[..length]).is_err() {
            return Ok(verifier.finish());
        }
    }
}

fn whole(output: Output, status: Status, report: &Report) -> Result<Exit, Failure> {
    let mut facts = vec![
        ("log", format!("{} of tenant {}", report.origin, report.tenant_id)),
        (
            "leaves",
            format!(
                "{} of {}, from index {} on: {} with their entry, {} without; {} values erased",
                report.size.saturating_sub(report.first_index),
                report.size,
                report.first_index,
                report.events,
                report.absent_entries,
                report.erased_values
            ),
        ),
        ("complete", completeness(report)),
    ];
    if let Some(previous) = &report.previous {
        let (size, root) = (previous.size, &previous.root);
        facts.push((
            "continues",
            format!("the export that ended with {size} leaves and root {root}"),
        ));
    }
    facts.extend(report.signed_by.iter().map(|key| ("signed by", key.clone())));
    facts.push(("root", report.root.clone()));
    facts.push(("sha256", report.sha256.clone()));
    holds(output, status, &facts, &serde_json::json!(report))
}

/// For which time nothing is missing, and what was asked for where that is another.
fn completeness(report: &Report) -> String {
    let from = |from: Option<_>| from.map_or("the log's beginning".to_owned(), |at: Timestamp| at.to_string());
    let complete = report.complete.map_or("for no time at all".to_owned(), |span| {
        format!("from {} to {}", from(span.from), span.to)
    });
    if report.covers_request {
        return complete;
    }
    let requested = report.requested;
    let to = requested.to.map_or("as far as sealed".to_owned(), |to| to.to_string());
    format!(
        "{complete}; NOT all that was asked for, from {} to {to}",
        from(requested.from)
    )
}
