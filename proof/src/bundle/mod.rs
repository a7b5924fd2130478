//! Bundles: a range of a log in one file that proves itself (`countersign/bundle/v1`).
//!
//! A bundle is lines of canonical JSON: a header with the signed checkpoints at both ends, one line for each leaf between
//! them in the order of the log, and a trailer. [`Verifier`] takes it in pieces of any size and needs memory for one line,
//! whatever the length; [`Writer`] makes one. The format is described in `docs/verification.md` of the repository.

mod form;
mod head;
mod ids;
mod leaf;
mod outcome;
mod verifier;
mod writer;

pub use outcome::{Outcome, Reason, Report, Requested, Span, TreeHead, Which};
pub use verifier::Verifier;
pub use writer::{Header, Previous, WriteError, Writer};

/// The name of the format, which the header carries.
pub const FORMAT: &str = "countersign/bundle/v1";

/// The longest line that is read, in bytes, its newline included.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// The most keys a header may list.
pub const MAX_KEYS: usize = 64;
