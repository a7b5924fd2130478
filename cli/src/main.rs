//! `countersign`: the command line of Countersign.
//!
//! One command a file under `commands/`. What they share stands beside this file: the arguments, the HTTP client, the
//! output and the exit codes. No command knows of another, and none but `migrate`, `seed` and `doctor` opens a database.

mod address;
mod approval;
mod arguments;
mod call;
mod client;
mod columns;
mod commands;
mod exit;
mod key_file;
mod migrations;
mod output;
mod place;
mod span;

mod visible;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let output = output::Output::new(arguments.globals.json);
    let exit = commands::run(arguments, output).unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit
    });
    exit.into()
}
