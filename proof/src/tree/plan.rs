//! Which subtrees a proof is made of, and the proof made of them.

use std::collections::BTreeSet;

use super::{Hash, MAX_SIZE, NodeId, cover, join};

/// A proof before its hashes are known. A store is asked for [`nodes`](Self::nodes) at once, and [`build`](Self::build)
/// makes the proof of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The leaves under each hash of the proof, as a half-open range, in the proof's order. At most the last subtree on
    /// the right is not perfect, and then its root is joined from perfect ones.
    ranges: Vec<(u64, u64)>,
}

/// The leaf or the size is not in the tree, or the tree is larger than any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{asked} is not within a tree of {size} leaves")]
pub struct OutOfTree {
    /// The index or size that was asked for.
    pub asked: u64,
    /// The size of the tree.
    pub size: u64,
}

/// The store does not have a subtree that it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subtree at level {}, index {} is missing", .0.level, .0.index)]
pub struct MissingNode(pub NodeId);

impl Plan {
    /// The proof that the leaf `index` is in the tree of `size` leaves (RFC 6962 §2.1.1).
    ///
    /// # Errors
    /// [`OutOfTree`].
    pub fn inclusion(index: u64, size: u64) -> Result<Self, OutOfTree> {
        if index >= size || size > MAX_SIZE {
            return Err(OutOfTree { asked: index, size });
        }
        let mut ranges = Vec::new();
        let (mut begin, mut end) = (0, size);
        while let Some(middle) = split(begin, end) {
            if index < middle {
                ranges.push((middle, end));
                end = middle;
            } else {
                ranges.push((begin, middle));
                begin = middle;
            }
        }
        ranges.reverse();
        Ok(Self { ranges })
    }

    /// The proof that the tree of `from` leaves is a prefix of the tree of `to` (RFC 6962 §2.1.2).
    ///
    /// # Errors
    /// [`OutOfTree`]; nothing is proved about a tree without leaves, which is a prefix of any.
    pub fn consistency(from: u64, to: u64) -> Result<Self, OutOfTree> {
        if from == 0 || from > to || to > MAX_SIZE {
            return Err(OutOfTree { asked: from, size: to });
        }
        let mut ranges = Vec::new();
        let (mut begin, mut end) = (0, to);
        while from != end {
            let Some(middle) = split(begin, end) else { break };
            if from <= middle {
                ranges.push((middle, end));
                end = middle;
            } else {
                ranges.push((begin, middle));
                begin = middle;
            }
        }
        // Whoever verifies has the root of the smaller tree itself.
        if begin != 0 {
            ranges.push((begin, end));
        }
        ranges.reverse();
        Ok(Self { ranges })
    }

    /// The subtrees whose hashes the proof needs, each once. Those of level 0 are leaf hashes.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        let ranges = self.ranges.iter();
        let needed: BTreeSet<NodeId> = ranges.flat_map(|&(begin, end)| cover(begin, end)).collect();
        needed.into_iter().collect()
    }

    /// The proof, from the hashes of its subtrees.
    ///
    /// # Errors
    /// [`MissingNode`]: `hash_of` did not know one of [`nodes`](Self::nodes).
    pub fn build(&self, mut hash_of: impl FnMut(NodeId) -> Option<Hash>) -> Result<Vec<Hash>, MissingNode> {
        let mut root_of = |&(begin, end): &(u64, u64)| {
            let subtrees = cover(begin, end).into_iter();
            let hashes: Result<Vec<Hash>, _> = subtrees.map(|id| hash_of(id).ok_or(MissingNode(id))).collect();
            hashes.map(|hashes| join(hashes.into_iter()))
        };
        self.ranges.iter().map(&mut root_of).collect()
    }
}

/// Where a tree over these leaves parts: after the largest power of two that is smaller than their number (RFC 6962
/// §2.1). `None` for a single leaf.
fn split(begin: u64, end: u64) -> Option<u64> {
    let last = end.checked_sub(begin)?.checked_sub(1)?;
    let left = 1_u64.checked_shl(last.checked_ilog2()?)?;
    begin.checked_add(left)
}
