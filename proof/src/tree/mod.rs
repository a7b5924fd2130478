//! Merkle trees as in Certificate Transparency (RFC 6962 §2.1, RFC 9162 §2.1).
//!
//! A log keeps the hash of each perfect subtree once, when its last leaf is appended ([`CompactRange`]); any proof is built
//! from a few of those ([`Plan`]) and verified from nothing but the roots ([`verify_inclusion`], [`verify_consistency`]).

mod compact;
mod plan;
mod verify;

use sha2::{Digest as _, Sha256};

pub use compact::{CompactRange, RangeError};
pub use plan::{MissingNode, OutOfTree, Plan};
pub use verify::{ProofError, verify_consistency, verify_inclusion};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The largest tree: the number of its leaves fits a signed integer of 64 bits, as databases and other verifiers have it.
pub const MAX_SIZE: u64 = 0x7fff_ffff_ffff_ffff;

/// The leaf hash of an entry: `SHA-256(0x00 ‖ entry)` (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0x00]).chain_update(entry).finalize().into()
}

/// The hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962 §2.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let hash = Sha256::new().chain_update([0x01]).chain_update(left);
    hash.chain_update(right).finalize().into()
}

/// The root of the tree without leaves: the SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Where a perfect subtree stands: it has `2^level` leaves, the first of which is `index · 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// 0 for a leaf.
    pub level: u8,
    /// Its place among those of its level, from 0.
    pub index: u64,
}

/// A perfect subtree and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub id: NodeId,
    /// The hash of its root.
    pub hash: Hash,
}

impl NodeId {
    /// The leaves it covers: the first, and the one after its last. `None` where that is beyond any tree.
    #[must_use]
    pub fn leaves(self) -> Option<(u64, u64)> {
        let width = 1_u64.checked_shl(u32::from(self.level))?;
        let first = self.index.checked_mul(width)?;
        let end = first.checked_add(width).filter(|end| *end <= MAX_SIZE)?;
        Some((first, end))
    }

    /// The node above, if this is the right child of it and `left` the left one.
    fn above(self, left: Self) -> Option<Self> {
        let is_right = self.index & 1 == 1;
        let is_beside = left.level == self.level && left.index == self.index ^ 1;
        (is_right && is_beside).then_some(Self {
            level: self.level.saturating_add(1),
            index: self.index >> 1,
        })
    }
}

/// The perfect subtrees that a tree of this many leaves consists of, the widest first: those whose hashes
/// [`CompactRange::from_hashes`] takes, for the tree as it was at any earlier size. One of level 0 is a leaf.
#[must_use]
pub fn frontier(size: u64) -> Vec<NodeId> {
    cover(0, size)
}

/// The fewest perfect subtrees that cover the leaves from `begin` up to, not including, `end`, from left to right.
fn cover(begin: u64, end: u64) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    let mut at = begin;
    while let Some(level) = end.checked_sub(at).and_then(u64::checked_ilog2) {
        // Zero is aligned to every level.
        let level = level.min(at.trailing_zeros());
        nodes.push(NodeId {
            level: u8::try_from(level).unwrap_or(u8::MAX),
            index: at.checked_shr(level).unwrap_or(0),
        });
        at = at.saturating_add(1_u64.checked_shl(level).unwrap_or(u64::MAX));
    }
    nodes
}

/// The root over adjacent subtrees, each of which is wider than the next: they are joined from the right.
fn join(hashes: impl DoubleEndedIterator<Item = Hash>) -> Hash {
    hashes
        .rev()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or_else(empty_root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_certificate_transparency() {
        // The empty tree, the leaf without bytes and the node without children's bytes, as its test vectors have them.
        let expected = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        ];
        assert_eq!([empty_root(), leaf_hash(b"")].map(hex::encode), expected);
    }

    #[test]
    fn a_cover_is_minimal_and_whole() {
        let ids = |begin, end| {
            cover(begin, end)
                .iter()
                .map(|id| (id.level, id.index))
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(0, 0), []);
        assert_eq!(ids(0, 7), [(2, 0), (1, 2), (0, 6)]);
        assert_eq!(ids(3, 9), [(0, 3), (2, 1), (0, 8)]);
        assert_eq!(ids(0, MAX_SIZE).len(), 63);
        for (begin, end) in (0..40).flat_map(|begin| (begin..40).map(move |end| (begin, end))) {
            let mut at = begin;
            for id in cover(begin, end) {
                let (first, after) = id.leaves().unwrap();
                assert_eq!(first, at);
                at = after;
            }
            assert_eq!(at, end);
        }
    }
}
