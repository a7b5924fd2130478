//! `countersign verify proof`.

use std::{fs, path::PathBuf};

use clap::Args;
use countersign_proof::{
    entry::Entry,
    tlog_proof::{TlogProof, TlogProofError},
    tree::leaf_hash,
};
use serde_json::json;

use super::{Keys, Status, failed, holds};
use crate::{
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
};

/// Verify that one event is in the log
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign verify proof event.tlog-proof --entry event.json --key-file log.keys"))]
pub(super) struct Proof {
    /// The proof, as `GET /api/v1/audit/events/{id}/proof` answers it
    file: PathBuf,
    /// The entry, byte for byte as `GET /api/v1/audit/events/{id}/entry` answers it
    #[arg(long, value_name = "FILE")]
    entry: PathBuf,
    #[command(flatten)]
    keys: Keys,
}

pub(super) fn run(command: &Proof, output: Output) -> Result<Exit, Failure> {
    let read = |path: &PathBuf| fs::read(path).map_err(|error| Failure::failed(format!("{}: {error}", path.display())));
    let (proof, entry) = (read(&command.file)?, read(&command.entry)?);
    let leaf = leaf_hash(&entry);
    let keys = command.keys.read()?;

    let parsed = str::from_utf8(&proof)
        .map_err(|_| TlogProofError::Malformed("it is not UTF-8"))
        .and_then(str::parse::<TlogProof>);
    let verified = parsed.and_then(|proof| {
        let checkpoint = if keys.is_empty() {
            proof.verify_unsigned(&leaf)?
        } else {
            proof.verify(&leaf, &keys)?
        };
        Ok((proof.index, checkpoint))
    });
    let (index, checkpoint) = match verified {
        Ok(verified) => verified,
        Err(error) => return failed(output, &error.to_string(), &json!({"code": error.code()})),
    };

    let status = if keys.is_empty() {
        Status::Unsigned
    } else {
        Status::Pinned
    };
    let event = str::from_utf8(&entry).ok().and_then(|text| Entry::parse(text).ok());
    let mut facts = vec![
        ("log", checkpoint.origin.clone()),
        ("leaf", format!("{index} of {}, {}", checkpoint.size, hex::encode(leaf))),
        ("root", hex::encode(checkpoint.root)),
    ];
    facts.extend(event.iter().map(|entry| ("entry", entry.to_string())));
    let report = json!({
        "origin": checkpoint.origin, "index": index, "size": checkpoint.size, "leaf_hash": hex::encode(leaf),
        "root": hex::encode(checkpoint.root), "event_id": event.map(|entry| entry.event_id),
    });
    holds(output, status, &facts, &report)
}
