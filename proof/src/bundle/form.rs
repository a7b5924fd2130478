//! The lines of a bundle as JSON. Members are declared in the order of their names, so that serializing them is canonical.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    encoding::{MAX_SAFE_INTEGER, borrowed_list, is_written_as},
    timestamp::Timestamp,
};

/// How a leaf with its entry begins, and no other line.
const LEAF: &[u8] = b"{\"disclosures\":";
/// How a leaf without its entry begins.
const ABSENT: &[u8] = b"{\"index\":";
/// How the trailer begins.
const TRAILER: &[u8] = b"{\"leaves\":";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderLine {
    pub(super) consistency: Vec<String>,
    pub(super) end: String,
    pub(super) format: String,
    pub(super) from: Option<Timestamp>,
    pub(super) frontier: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) origin: String,
    pub(super) previous: Option<String>,
    pub(super) start: Option<String>,
    pub(super) tenant_id: Uuid,
    pub(super) to: Option<Timestamp>,
}

/// A leaf with its entry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeafLine<'a> {
    #[serde(borrow, deserialize_with = "borrowed_list")]
    pub(super) disclosures: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) entry: Cow<'a, str>,
    pub(super) index: u64,
}

/// A leaf whose entry is gone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbsentLine<'a> {
    pub(super) index: u64,
    #[serde(borrow)]
    pub(super) leaf_hash: Cow<'a, str>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrailerLine<'a> {
    pub(super) leaves: u64,
    #[serde(borrow)]
    pub(super) sha256: Cow<'a, str>,
}

/// Any line but the first.
pub(super) enum Line<'a> {
    Leaf(LeafLine<'a>),
    Absent(AbsentLine<'a>),
    Trailer(TrailerLine<'a>),
}

impl Line<'_> {
    fn number(&self) -> u64 {
        match self {
            Self::Leaf(leaf) => leaf.index,
            Self::Absent(absent) => absent.index,
            Self::Trailer(trailer) => trailer.leaves,
        }
    }
}

/// The line in a text without its newline; `None` unless it is written exactly as it should be.
pub(super) fn parse(text: &[u8]) -> Option<Line<'_>> {
    let line = if text.starts_with(LEAF) {
        strictly(text).map(Line::Leaf)
    } else if text.starts_with(ABSENT) {
        strictly(text).map(Line::Absent)
    } else if text.starts_with(TRAILER) {
        strictly(text).map(Line::Trailer)
    } else {
        None
    };
    // A larger number would have another spelling in canonical JSON.
    line.filter(|line| line.number() <= MAX_SAFE_INTEGER)
}

/// A value whose only spelling is this text.
pub(super) fn strictly<'a, T: Serialize + Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
    let value: T = serde_json::from_slice(text).ok()?;
    is_written_as(&value, text).then_some(value)
}
