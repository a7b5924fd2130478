//! Who did what, and when.

use std::time::Instant;

use serde::Serialize;

use crate::{exit::Failure, output::Output, visible::visible};

/// One thing that happened.
#[derive(Serialize)]
pub(super) struct Step {
    offset_ms: u64,
    who: &'static str,
    what: String,
}

/// The story so far.
pub(super) struct Timeline {
    begun: Instant,
    output: Output,
    steps: Vec<Step>,
}

impl Timeline {
    pub(super) fn begin(output: Output) -> Self {
        Self {
            begun: Instant::now(),
            output,
            steps: Vec::new(),
        }
    }

    /// Tells of something that has happened just now.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn tell(&mut self, who: &'static str, what: &str) -> Result<(), Failure> {
        self.tell_of(Instant::now(), who, what)
    }

    /// Tells of something that happened at a known moment.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    pub(super) fn tell_of(&mut self, at: Instant, who: &'static str, what: &str) -> Result<(), Failure> {
        let offset_ms = u64::try_from(at.duration_since(self.begun).as_millis()).unwrap_or(u64::MAX);
        let what = visible(what);
        self.output.line(format_args!("{offset_ms:>6} ms  {who:<12}  {what}"))?;
        self.steps.push(Step { offset_ms, who, what });
        Ok(())
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }
}
