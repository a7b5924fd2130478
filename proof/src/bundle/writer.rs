//! Bundles as an exporter writes them, line by line.

use std::borrow::Cow;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    FORMAT,
    form::{AbsentLine, HeaderLine, LeafLine, TrailerLine},
};
use crate::{
    encoding::to_base64,
    note::VerifierKey,
    timestamp::Timestamp,
    tree::{CompactRange, Hash},
};

/// What a bundle begins with.
#[derive(Debug, Clone)]
pub struct Header {
    /// The log's name.
    pub origin: String,
    /// Whose log it is.
    pub tenant_id: Uuid,
    /// Received from here on; `None`: from the log's beginning.
    pub from: Option<Timestamp>,
    /// Received before this; `None`: as far as the log is sealed.
    pub to: Option<Timestamp>,
    /// The signed checkpoint at the size of `frontier`; `None` if that is 0.
    pub start: Option<String>,
    /// The tree before the first leaf of the bundle.
    pub frontier: CompactRange,
    /// The signed checkpoint after the last leaf.
    pub end: String,
    /// The previous export.
    pub previous: Option<Previous>,
    /// The keys of the log, older ones too.
    pub keys: Vec<VerifierKey>,
}

/// The export before this one.
#[derive(Debug, Clone)]
pub struct Previous {
    /// The checkpoint it ended with, signed.
    pub checkpoint: String,
    /// The consistency path from there to the end of this one, as [`crate::tree::Plan::consistency`] builds it; empty from
    /// a tree without leaves.
    pub path: Vec<Hash>,
}

/// A line could not be written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("the line could not be written: {0}")]
pub struct WriteError(#[from] serde_json::Error);

/// A bundle that is being written. What each call returns is appended to the file, in that order.
#[derive(Debug)]
pub struct Writer {
    first_index: u64,
    index: u64,
    checksum: Sha256,
}

impl Writer {
    /// Begins a bundle with its header.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn new(header: Header) -> Result<(Self, String), WriteError> {
        let base64 = |hash: Hash| to_base64(&hash);
        let mut keys: Vec<String> = header.keys.iter().map(ToString::to_string).collect();
        keys.sort_unstable();
        keys.dedup();
        let size = header.frontier.size();
        let (previous, path) = header.previous.map_or((None, Vec::new()), |previous| {
            (Some(previous.checkpoint), previous.path)
        });
        let mut writer = Self {
            first_index: size,
            index: size,
            checksum: Sha256::new(),
        };
        let line = writer.line(&HeaderLine {
            consistency: path.into_iter().map(base64).collect(),
            end: header.end,
            format: FORMAT.to_owned(),
            from: header.from,
            frontier: header.frontier.hashes().map(base64).collect(),
            keys,
            origin: header.origin,
            previous,
            start: header.start,
            tenant_id: header.tenant_id,
            to: header.to,
        })?;
        Ok((writer, line))
    }

    /// The next leaf, with its entry and what is left of its disclosures, in any order.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn leaf(&mut self, entry: &str, disclosures: &[String]) -> Result<String, WriteError> {
        let mut disclosures: Vec<Cow<'_, str>> = disclosures.iter().map(Cow::from).collect();
        disclosures.sort_unstable();
        let index = self.next_index();
        self.line(&LeafLine {
            disclosures,
            entry: entry.into(),
            index,
        })
    }

    /// The next leaf, whose entry is gone.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn absent(&mut self, leaf_hash: &Hash) -> Result<String, WriteError> {
        let index = self.next_index();
        self.line(&AbsentLine {
            index,
            leaf_hash: hex::encode(leaf_hash).into(),
        })
    }

    /// The trailer, after the last leaf.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish(mut self) -> Result<String, WriteError> {
        let sha256 = hex::encode(self.checksum.finalize_reset());
        let leaves = self.index.saturating_sub(self.first_index);
        self.line(&TrailerLine {
            leaves,
            sha256: sha256.into(),
        })
    }

    fn next_index(&mut self) -> u64 {
        let index = self.index;
        self.index = self.index.saturating_add(1);
        index
    }

    fn line(&mut self, value: &impl Serialize) -> Result<String, WriteError> {
        let mut line = serde_json::to_string(value)?;
        line.push('\n');
        self.checksum.update(&line);
        Ok(line)
    }
}
