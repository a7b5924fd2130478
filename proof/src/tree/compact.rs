//! The right edge of a tree, which is all that appending to it takes.

use super::{Hash, MAX_SIZE, Node, NodeId, cover, join};

/// The perfect subtrees that a tree consists of, one for each bit of its size, from the widest to the narrowest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: u64,
    nodes: Vec<Node>,
}

/// Why a compact range cannot be as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// A tree of this size consists of another number of subtrees.
    #[error("a tree of {size} leaves does not consist of {hashes} subtrees")]
    Hashes {
        /// The leaves.
        size: u64,
        /// The hashes that were given.
        hashes: usize,
    },
    /// The subtree does not begin where the tree ends.
    #[error("the subtree does not begin at leaf {0}")]
    NotAdjacent(u64),
    /// No tree is larger than [`MAX_SIZE`].
    #[error("the tree would be too large")]
    TooLarge,
}

impl CompactRange {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of this many leaves whose subtrees have these hashes, the widest first.
    ///
    /// # Errors
    /// [`RangeError::Hashes`], [`RangeError::TooLarge`].
    pub fn from_hashes(size: u64, hashes: &[Hash]) -> Result<Self, RangeError> {
        if size > MAX_SIZE {
            return Err(RangeError::TooLarge);
        }
        let ids = cover(0, size);
        if ids.len() != hashes.len() {
            return Err(RangeError::Hashes {
                size,
                hashes: hashes.len(),
            });
        }
        let nodes = ids
            .into_iter()
            .zip(hashes)
            .map(|(id, &hash)| Node { id, hash })
            .collect();
        Ok(Self { size, nodes })
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the subtrees, the widest first: with the size, all that [`from_hashes`](Self::from_hashes) needs.
    #[must_use]
    pub fn hashes(&self) -> impl ExactSizeIterator<Item = Hash> + DoubleEndedIterator {
        self.nodes.iter().map(|node| node.hash)
    }

    /// The subtrees, the widest first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(self.hashes())
    }

    /// Appends a leaf.
    ///
    /// # Errors
    /// [`RangeError::TooLarge`].
    pub fn append(&mut self, leaf_hash: Hash) -> Result<(), RangeError> {
        self.append_and(leaf_hash, |_| ())
    }

    /// Appends a leaf and hands each subtree of two leaves or more that it completes to `completed`, the narrowest first.
    /// Over the life of a tree each is handed out exactly once.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_and(&mut self, leaf_hash: Hash, completed: impl FnMut(Node)) -> Result<(), RangeError> {
        let id = NodeId {
            level: 0,
            index: self.size,
        };
        self.merge(Node { id, hash: leaf_hash }, completed)
    }

    /// Appends all leaves of an adjacent subtree at once, and hands on what is completed by it, as
    /// [`append_and`](Self::append_and) does. Another range is merged by appending its nodes in their order.
    ///
    /// # Errors
    /// [`RangeError::NotAdjacent`], [`RangeError::TooLarge`]; then nothing was appended.
    pub fn merge(&mut self, subtree: Node, mut completed: impl FnMut(Node)) -> Result<(), RangeError> {
        let (first, end) = subtree.id.leaves().ok_or(RangeError::TooLarge)?;
        if first != self.size {
            return Err(RangeError::NotAdjacent(self.size));
        }
        let mut node = subtree;
        while let Some(left) = self.nodes.last()
            && let Some(id) = node.id.above(left.id)
        {
            let hash = super::node_hash(&left.hash, &node.hash);
            node = Node { id, hash };
            completed(node);
            self.nodes.pop();
        }
        self.nodes.push(node);
        self.size = end;
        Ok(())
    }
}
