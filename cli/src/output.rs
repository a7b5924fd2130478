//! What a command says, and where: results on standard output, everything else on standard error.
//!
//! With `--json` standard output carries JSON values only, one a line.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
};

use serde::Serialize;
use serde_json::json;

use crate::{exit::Failure, visible::visible};

/// The two streams, and whether a machine reads the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A result for a person; nothing with `--json`.
    ///
    /// # Errors
    /// Standard output cannot be written. That is never passed over: what is lost may be a key that is shown once.
    pub(crate) fn line(self, text: impl Display) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut stream = io::stdout().lock();
        writeln!(stream, "{text}")?;
        stream.flush()
    }

    /// A text as it is, for a file or another program; what a terminal is shown is made visible. Nothing with `--json`.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(crate) fn text(self, text: &str) -> io::Result<()> {
        if io::stdout().is_terminal() {
            return text.lines().try_for_each(|line| self.line(visible(line)));
        }
        if self.json {
            return Ok(());
        }
        let mut stream = io::stdout().lock();
        stream.write_all(text.as_bytes())?;
        stream.flush()
    }

    /// A result for a machine; nothing without `--json`.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(crate) fn value(self, value: &impl Serialize) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut stream = io::stdout().lock();
        writeln!(stream, "{}", serde_json::to_string(value)?)?;
        stream.flush()
    }

    /// Something by the way, on standard error in both modes. Nobody may be there to read it.
    #[expect(
        clippy::unused_self,
        reason = "whoever speaks holds the output, whichever stream it is"
    )]
    pub(crate) fn note(self, text: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Why the command failed.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_silent {
            return;
        }
        if self.json {
            let error = json!({"code": failure.code, "message": failure.message, "details": failure.details});
            self.note(json!({ "error": error }));
            return;
        }
        // The message may be a server's, and quote somebody else's text.
        self.note(format_args!(
            "error[{}]: {}",
            visible(&failure.code),
            visible(&failure.message)
        ));
        if let Some(details) = failure
            .details
            .as_ref()
            .filter(|details| details.as_object().is_some_and(|d| !d.is_empty()))
        {
            self.note(format_args!("  {}", visible(&details.to_string())));
        }
    }
}
