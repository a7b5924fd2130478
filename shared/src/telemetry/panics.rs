//! Panics as lines of the log: the runtime's own report goes to standard error, past every mask.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic,
};

/// Makes a line with the target `panic` out of every panic of the process: its `message`, its `place` in the code, and a
/// `backtrace` where `RUST_BACKTRACE` asks for one.
pub(super) fn log_them() {
    panic::set_hook(Box::new(|report| {
        let place = report.location().map(tracing::field::display);
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace));
        let message = report.payload_as_str().unwrap_or("without a message");
        tracing::error!(target: "panic", place, backtrace, "{message}");
    }));
}
