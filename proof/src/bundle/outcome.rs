//! What verifying a bundle can come to.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::timestamp::Timestamp;

/// What a bundle turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Whole, and signed by a key that the verifier was given.
    SignedPinned(Box<Report>),
    /// Whole, and signed by a key that the bundle itself brought along: as good as the way it came.
    SignedTofu(Box<Report>),
    /// Whole in itself, with no key to say whose it is.
    Unsigned(Box<Report>),
    /// Not to be believed.
    Failed(Reason),
}

impl Outcome {
    /// The outcome's stable name.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self {
            Self::SignedPinned(_) => "SIGNED_PINNED",
            Self::SignedTofu(_) => "SIGNED_TOFU",
            Self::Unsigned(_) => "UNSIGNED",
            Self::Failed(_) => "FAILED",
        }
    }

    /// What was found in a bundle that holds together.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::SignedPinned(report) | Self::SignedTofu(report) | Self::Unsigned(report) => Some(report),
            Self::Failed(_) => None,
        }
    }
}

/// What was found in a bundle that holds together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The log's name.
    pub origin: String,
    /// Whose log it is.
    pub tenant_id: Uuid,
    /// The keys that signed the last checkpoint and were taken into account.
    pub signed_by: Vec<String>,
    /// The index of the first leaf in the bundle.
    pub first_index: u64,
    /// The leaves of the log at the last checkpoint.
    pub size: u64,
    /// The root at the last checkpoint, in hex.
    pub root: String,
    /// The leaves with an entry.
    pub events: u64,
    /// The leaves whose entry is gone.
    pub absent_entries: u64,
    /// The values that entries commit to and the bundle does not show: erased, or left out by whoever made the bundle.
    pub erased_values: u64,
    /// The time that was asked for.
    pub requested: Requested,
    /// The time for which nothing is missing; `None` if there is none.
    pub complete: Option<Span>,
    /// Whether that is all that was asked for.
    pub covers_request: bool,
    /// The tree of the previous export, which was shown to be a prefix of this one. Whoever has that export compares the two:
    /// its report has the same size and root.
    pub previous: Option<TreeHead>,
    /// Whether every event id was compared with every other one. A bundle of more than 1,048,576 events has each
    /// compared with that many before it.
    pub ids_all_compared: bool,
    /// The SHA-256 of all lines but the trailer, in hex: a name for this very bundle.
    pub sha256: String,
}

/// The time that a bundle was asked for. Nothing signs it; what is proved is [`Report::complete`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Requested {
    /// Received from here on; `None`: from the log's beginning.
    pub from: Option<Timestamp>,
    /// Received before this; `None`: as far as the log is sealed.
    pub to: Option<Timestamp>,
}

/// A time for which nothing is missing: every event that the log received in it is in the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// From here on; `None`: from the log's beginning.
    pub from: Option<Timestamp>,
    /// Up to, not including.
    pub to: Timestamp,
}

/// What a log had come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeHead {
    /// The number of leaves.
    pub size: u64,
    /// The root over them, in hex.
    pub root: String,
}

/// One of the checkpoints in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Before the first leaf of the bundle.
    Start,
    /// After the last one.
    End,
    /// The last one of the previous export.
    Previous,
}

impl fmt::Display for Which {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Previous => "previous",
        })
    }
}

/// Why a bundle is not to be believed. The first reason found, in the order of the format's description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// It ends before its trailer.
    #[error("the bundle ends before its trailer, after {lines} whole lines")]
    Truncated {
        /// The lines there are.
        lines: u64,
    },
    /// A line is longer than any.
    #[error("line {line} is too long")]
    LineTooLong {
        /// Its number, from 1.
        line: u64,
    },
    /// The first line is no header of this format.
    #[error("the header is malformed: {what}")]
    HeaderMalformed {
        /// The member, or the line.
        what: &'static str,
    },
    /// A checkpoint does not have its form.
    #[error("the checkpoint `{which}` is malformed")]
    CheckpointMalformed {
        /// Which.
        which: Which,
    },
    /// A checkpoint is another log's.
    #[error("the checkpoint `{which}` is of another log")]
    OriginMismatch {
        /// Which.
        which: Which,
    },
    /// The signature of a known key on a checkpoint is wrong.
    #[error("a signature on the checkpoint `{which}` is wrong")]
    SignatureInvalid {
        /// Which.
        which: Which,
    },
    /// None of the keys that count signed a checkpoint.
    #[error("the checkpoint `{which}` is not signed by a key that counts")]
    SignatureMissing {
        /// Which.
        which: Which,
    },
    /// A checkpoint that should be older than the last one has more leaves.
    #[error("the checkpoint `end` has fewer leaves than `{which}`")]
    RolledBack {
        /// The larger one.
        which: Which,
    },
    /// The subtrees before the first leaf are not those of the first checkpoint.
    #[error("the frontier does not lead to the checkpoint `start`")]
    FrontierMismatch,
    /// The previous export is not a prefix of this log.
    #[error("the log is not a continuation of the previous export")]
    ConsistencyInvalid,
    /// A line is none of this format, or in another spelling.
    #[error("line {line} is malformed")]
    LineMalformed {
        /// Its number, from 1.
        line: u64,
    },
    /// A leaf is missing, repeated or out of place.
    #[error("leaf {found} stands where leaf {expected} should")]
    IndexUnexpected {
        /// The index that should come.
        expected: u64,
        /// The index that came.
        found: u64,
    },
    /// There are more leaves than at the last checkpoint.
    #[error("leaf {index} is beyond the last checkpoint")]
    LeafSurplus {
        /// Its index.
        index: u64,
    },
    /// An entry is none, or in another spelling.
    #[error("the entry of leaf {index} is malformed: {what}")]
    EntryMalformed {
        /// The leaf.
        index: u64,
        /// What is wrong.
        what: String,
    },
    /// An entry is of another tenant.
    #[error("the entry of leaf {index} is of another tenant")]
    TenantMismatch {
        /// The leaf.
        index: u64,
    },
    /// Two leaves are of one event.
    #[error("the event of leaf {index} stood in an earlier leaf")]
    EventDuplicate {
        /// The later one.
        index: u64,
    },
    /// A disclosure is none, stands twice, or out of order.
    #[error("a disclosure of leaf {index} is malformed, repeated or out of order")]
    DisclosureMalformed {
        /// The leaf.
        index: u64,
    },
    /// The entry does not commit to a disclosure.
    #[error("a disclosure of leaf {index} is not the one its entry commits to")]
    DisclosureUncommitted {
        /// The leaf.
        index: u64,
    },
    /// The trailer comes before the last leaf.
    #[error("leaf {expected} and those after it are missing of {size}")]
    LeavesMissing {
        /// The index that should come.
        expected: u64,
        /// The leaves at the last checkpoint.
        size: u64,
    },
    /// The leaves are not those that were signed.
    #[error("the leaves do not lead to the root of the checkpoint `end`")]
    RootMismatch,
    /// The trailer counts other leaves.
    #[error("the trailer counts another number of leaves")]
    CountMismatch,
    /// The trailer was made for other lines.
    #[error("the lines are not those that the trailer was made for")]
    ChecksumMismatch,
    /// Something follows the trailer.
    #[error("something follows the trailer")]
    TrailingData,
}

impl Reason {
    /// The reason's stable name, which is `code` in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "TRUNCATED",
            Self::LineTooLong { .. } => "LINE_TOO_LONG",
            Self::HeaderMalformed { .. } => "HEADER_MALFORMED",
            Self::CheckpointMalformed { .. } => "CHECKPOINT_MALFORMED",
            Self::OriginMismatch { .. } => "ORIGIN_MISMATCH",
            Self::SignatureInvalid { .. } => "SIGNATURE_INVALID",
            Self::SignatureMissing { .. } => "SIGNATURE_MISSING",
            Self::RolledBack { .. } => "ROLLED_BACK",
            Self::FrontierMismatch => "FRONTIER_MISMATCH",
            Self::ConsistencyInvalid => "CONSISTENCY_INVALID",
            Self::LineMalformed { .. } => "LINE_MALFORMED",
            Self::IndexUnexpected { .. } => "INDEX_UNEXPECTED",
            Self::LeafSurplus { .. } => "LEAF_SURPLUS",
            Self::EntryMalformed { .. } => "ENTRY_MALFORMED",
            Self::TenantMismatch { .. } => "TENANT_MISMATCH",
            Self::EventDuplicate { .. } => "EVENT_DUPLICATE",
            Self::DisclosureMalformed { .. } => "DISCLOSURE_MALFORMED",
            Self::DisclosureUncommitted { .. } => "DISCLOSURE_UNCOMMITTED",
            Self::LeavesMissing { .. } => "LEAVES_MISSING",
            Self::RootMismatch => "ROOT_MISMATCH",
            Self::CountMismatch => "COUNT_MISMATCH",
            Self::ChecksumMismatch => "CHECKSUM_MISMATCH",
            Self::TrailingData => "TRAILING_DATA",
        }
    }
}
