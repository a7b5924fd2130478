//! The verifier: takes a bundle in pieces and says at the end what it is.

use sha2::{Digest as _, Sha256};

use super::{
    MAX_LINE_BYTES,
    form::{AbsentLine, LeafLine, Line, TrailerLine, parse},
    head::{self, Head, Trust},
    ids::SeenIds,
    leaf,
    outcome::{Outcome, Reason, Report},
};
use crate::{encoding::hash_from_hex, note::VerifierKey, tree::Hash};

/// A bundle that is being verified.
///
/// Give it the bytes as they come with [`push`](Self::push), then ask with [`finish`](Self::finish). It keeps one line, the
/// right edge of the tree and the latest event ids, however long the bundle is.
#[derive(Debug)]
pub struct Verifier {
    pinned: Vec<VerifierKey>,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    lines: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing was read.
    New,
    /// The header was read.
    Leaves(Box<Leaves>),
    /// The trailer was read.
    Ended(Trust, Box<Report>),
    /// Nothing that follows matters.
    Failed(Reason),
}

/// What is known between header and trailer.
#[derive(Debug)]
struct Leaves {
    head: Head,
    first_index: u64,
    events: u64,
    absent: u64,
    erased: u64,
    seen: SeenIds,
    checksum: Sha256,
}

impl Verifier {
    /// A verifier that believes these keys and no others. Without any it believes those the bundle lists, and says so
    /// ([`Outcome::SignedTofu`]).
    #[must_use]
    pub fn new(pinned: Vec<VerifierKey>) -> Self {
        Self {
            pinned,
            partial: Vec::new(),
            lines: 0,
            state: State::New,
        }
    }

    /// Takes the next bytes, wherever they begin and end.
    ///
    /// # Errors
    /// The bundle has failed, now or before; what follows need not be read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        if let State::Failed(reason) = &self.state {
            return Err(reason.clone());
        }
        let taken = self.take(bytes);
        if let Err(reason) = &taken {
            self.state = State::Failed(reason.clone());
        }
        taken
    }

    /// What the bundle is, now that all of it was given.
    #[must_use]
    pub fn finish(self) -> Outcome {
        match self.state {
            State::Failed(reason) => Outcome::Failed(reason),
            State::Ended(Trust::Pinned, report) => Outcome::SignedPinned(report),
            State::Ended(Trust::Listed, report) => Outcome::SignedTofu(report),
            State::Ended(Trust::Nobody, report) => Outcome::Unsigned(report),
            State::New | State::Leaves(_) => Outcome::Failed(Reason::Truncated { lines: self.lines }),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if matches!(self.state, State::Ended(..)) {
                return Err(Reason::TrailingData);
            }
            let end = memchr::memchr(b'\n', rest);
            let length = end.map_or(rest.len(), |newline| newline.saturating_add(1));
            let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            if self.partial.len().saturating_add(piece.len()) > MAX_LINE_BYTES {
                return Err(Reason::LineTooLong {
                    line: self.lines.saturating_add(1),
                });
            }
            if end.is_none() {
                self.partial.extend(piece);
            } else if self.partial.is_empty() {
                self.line(piece)?;
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.extend(piece);
                self.line(&line)?;
                line.clear();
                self.partial = line;
            }
        }
        Ok(())
    }

    /// Takes a line with its newline.
    fn line(&mut self, whole: &[u8]) -> Result<(), Reason> {
        self.lines = self.lines.saturating_add(1);
        let text = whole.strip_suffix(b"\n").unwrap_or(whole);
        match &mut self.state {
            State::New => {
                let head = head::check(text, &self.pinned)?;
                self.state = State::Leaves(Box::new(Leaves::new(head, whole)));
            }
            State::Leaves(leaves) => match parse(text).ok_or(Reason::LineMalformed { line: self.lines })? {
                Line::Leaf(leaf) => leaves.leaf(&leaf, whole)?,
                Line::Absent(absent) => leaves.absent(&absent, whole, self.lines)?,
                Line::Trailer(trailer) => {
                    let report = leaves.end(&trailer)?;
                    self.state = State::Ended(leaves.head.trust, Box::new(report));
                }
            },
            State::Ended(..) | State::Failed(_) => {}
        }
        Ok(())
    }
}

impl Leaves {
    fn new(head: Head, header: &[u8]) -> Self {
        Self {
            first_index: head.tree.size(),
            head,
            events: 0,
            absent: 0,
            erased: 0,
            seen: SeenIds::default(),
            checksum: Sha256::new_with_prefix(header),
        }
    }

    fn leaf(&mut self, leaf: &LeafLine<'_>, whole: &[u8]) -> Result<(), Reason> {
        self.expect(leaf.index)?;
        let checked = leaf::check(leaf, self.head.tenant_id, &mut self.seen)?;
        self.events = self.events.saturating_add(1);
        self.erased = self
            .erased
            .saturating_add(u64::try_from(checked.erased).unwrap_or(u64::MAX));
        self.append(checked.hash, leaf.index, whole)
    }

    fn absent(&mut self, absent: &AbsentLine<'_>, whole: &[u8], line: u64) -> Result<(), Reason> {
        self.expect(absent.index)?;
        let hash = hash_from_hex(&absent.leaf_hash).ok_or(Reason::LineMalformed { line })?;
        self.absent = self.absent.saturating_add(1);
        self.append(hash, absent.index, whole)
    }

    /// That the leaf with this index is the one that should come.
    fn expect(&self, found: u64) -> Result<(), Reason> {
        let expected = self.head.tree.size();
        if found != expected {
            return Err(Reason::IndexUnexpected { expected, found });
        }
        if expected >= self.head.end.size {
            return Err(Reason::LeafSurplus { index: found });
        }
        Ok(())
    }

    fn append(&mut self, hash: Hash, index: u64, whole: &[u8]) -> Result<(), Reason> {
        self.checksum.update(whole);
        // No checkpoint is larger than the largest tree, so a leaf that is expected fits.
        self.head.tree.append(hash).map_err(|_| Reason::LeafSurplus { index })
    }

    fn end(&mut self, trailer: &TrailerLine<'_>) -> Result<Report, Reason> {
        let Head { tree, end, .. } = &self.head;
        if tree.size() != end.size {
            return Err(Reason::LeavesMissing {
                expected: tree.size(),
                size: end.size,
            });
        }
        if tree.root() != end.root {
            return Err(Reason::RootMismatch);
        }
        if Some(trailer.leaves) != end.size.checked_sub(self.first_index) {
            return Err(Reason::CountMismatch);
        }
        let checksum: Hash = self.checksum.finalize_reset().into();
        if hash_from_hex(&trailer.sha256) != Some(checksum) {
            return Err(Reason::ChecksumMismatch);
        }
        Ok(Report {
            origin: end.origin.clone(),
            tenant_id: self.head.tenant_id,
            signed_by: self.head.signed_by.clone(),
            first_index: self.first_index,
            size: end.size,
            root: hex::encode(end.root),
            events: self.events,
            absent_entries: self.absent,
            erased_values: self.erased,
            requested: self.head.requested,
            complete: self.head.complete,
            covers_request: self.head.covers_request,
            previous: self.head.previous.clone(),
            ids_all_compared: self.seen.remembers_all(),
            sha256: hex::encode(checksum),
        })
    }
}
