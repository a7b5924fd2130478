//! Panics as lines of the log: the runtime's own report goes to standard error, past every mask.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic,
};

/// Makes a line with the target `panic` out of every panic of the process: its `message`, its `place` in the code, and a
/// `backtrace` where `RUST_BACKTRACE` asks for one.
pub(super) fn log_them() {
    panic::set_hook(Box::new(|report| {
        let backtrace = Backtrace::capture();
        tracing::error!(
            target: "panic",
            place = report.location().map(tracing::field::display),
            backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace)),
            "{}", report.payload_as_str().unwrap_or("without a message")
        );
    }));
}
