//! `countersign verify`: what the record proves, without a server, a network or a credential.

mod bundle;
mod proof;

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use countersign_proof::note::VerifierKey;
use serde_json::{Value, json};

use crate::{
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    visible::visible,
};

/// Verify what Countersign exported: offline, with nothing but the file and a public key
///
/// Give the log's keys with `--key-file` or `--key`, from a source other than the file itself. Without one, a bundle is held
/// against the keys it brings along, which proves that it is whole but not whose it is.
#[derive(Args)]
#[command(after_help = with_exit_codes(""))]
pub(crate) struct Verify {
    #[command(subcommand)]
    command: VerifyCommand,
}

#[derive(Subcommand)]
enum VerifyCommand {
    Bundle(bundle::Bundle),
    Proof(proof::Proof),
}

/// The keys to believe.
#[derive(Args)]
struct Keys {
    /// A key to believe: <name>+<key id>+<base64>; may be repeated
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<VerifierKey>,
    /// A file of such keys, one a line, as `GET /api/v1/audit/key` answers them; may be repeated
    #[arg(long = "key-file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Keys {
    /// All keys that were given. A file without a key is a mistake: with none, anybody's would do.
    fn read(&self) -> Result<Vec<VerifierKey>, Failure> {
        let mut keys = self.keys.clone();
        for path in &self.files {
            let name = path.display();
            let text = fs::read_to_string(path).map_err(|error| Failure::failed(format!("{name}: {error}")))?;
            if text.trim().is_empty() {
                return Err(Failure::usage(format!("{name}: there is no key in it")));
            }
            for line in text.lines().filter(|line| !line.is_empty()) {
                let key = line
                    .parse()
                    .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
                keys.push(key);
            }
        }
        Ok(keys)
    }
}

/// Verifies a file.
///
/// # Errors
/// It cannot be read. That it proves nothing is no error but an answer, with an exit code of its own.
pub(crate) fn run(command: &Verify, output: Output) -> Result<Exit, Failure> {
    match &command.command {
        VerifyCommand::Bundle(command) => bundle::run(command, output),
        VerifyCommand::Proof(command) => proof::run(command, output),
    }
}

/// What verifying came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Whole, and signed by a key that was given.
    Pinned,
    /// Whole, and signed by a key that came with it.
    Tofu,
    /// Whole in itself.
    Unsigned,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Pinned => "SIGNED_PINNED",
            Self::Tofu => "SIGNED_TOFU",
            Self::Unsigned => "UNSIGNED",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Pinned => "whole, and signed by a key you gave",
            Self::Tofu => {
                "whole, and signed by a key that came with it; pin that key with --key if you know it is the log's"
            }
            Self::Unsigned => "whole in itself, but nobody vouches for it: give the log's key with --key",
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self::Pinned => Exit::Done,
            Self::Tofu => Exit::SignedTofu,
            Self::Unsigned => Exit::Unsigned,
        }
    }
}

/// Says what holds. `facts` are shown to a person, `report` to a machine.
fn holds(output: Output, status: Status, facts: &[(&str, String)], report: &Value) -> Result<Exit, Failure> {
    output.line(format_args!("{}: {}", status.name(), status.meaning()))?;
    for (name, fact) in facts {
        output.line(format_args!("  {name:<9} {}", visible(fact)))?;
    }
    output.value(&json!({"status": status.name(), "report": report}))?;
    Ok(status.exit())
}

/// Says why nothing holds.
fn failed(output: Output, message: &str, reason: &Value) -> Result<Exit, Failure> {
    let code = reason["code"].as_str().unwrap_or_default();
    output.line(format_args!("FAILED({code}): {}", visible(message)))?;
    output.value(&json!({"status": "FAILED", "reason": reason, "message": message}))?;
    Ok(Exit::NotVerified)
}
