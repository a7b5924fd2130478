//! The commands, one a file or folder.

pub(crate) mod decide;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod inbox;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod policy;
pub(crate) mod redeem;
pub(crate) mod request;
pub(crate) mod seed;
pub(crate) mod show;
pub(crate) mod stop;
pub(crate) mod tool_call;
pub(crate) mod verify;
pub(crate) mod wait;
pub(crate) mod withdraw;

use crate::{
    arguments::{Arguments, Command},
    exit::{Exit, Failure},
    output::Output,
};

/// Runs the command that was asked for.
///
/// # Errors
/// It did not do it.
pub(crate) fn run(arguments: Arguments, output: Output) -> Result<Exit, Failure> {
    let globals = &arguments.globals;
    match arguments.command {
        Command::Migrate(command) => migrate::run(&command, output),
        Command::Doctor(_) => doctor::run(output),
        Command::Seed(command) => seed::run(&command, output),
        Command::Key(command) => key::run(&command, &globals.connect()?, output),
        Command::ToolCall(command) => tool_call::run(&command, &globals.connect()?, output),
        Command::Policy(command) => policy::run(&command, &globals.connect()?, output),
        Command::Stop(command) => stop::run(&command, &globals.connect()?, output),
        Command::Request(command) => request::run(&command, &globals.connect()?, output),
        Command::Redeem(command) => redeem::run(&command, &globals.connect()?, output),
        Command::Cancel(command) => withdraw::cancel(&command, &globals.connect()?, output),
        Command::Revoke(command) => withdraw::revoke(&command, &globals.connect()?, output),
        Command::Show(command) => show::run(&command, &globals.connect()?, output),
        Command::Wait(command) => wait::run(&command, &globals.connect()?, output),
        Command::Approve(command) => decide::approve(&command, &globals.connect()?, output),
        Command::Deny(command) => decide::deny(&command, &globals.connect()?, output),
        Command::Inbox(command) => inbox::run(&command, &globals.connect()?, output),
        Command::Verify(command) => verify::run(&command, output),
        Command::Demo(command) => demo::run(&command, globals.url(), output),
    }
}

/// Runs what needs an async runtime: the commands that open a database.
///
/// # Errors
/// The runtime does not start, or what it ran failed.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
