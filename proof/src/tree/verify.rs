//! Whether a proof shows what it should (RFC 9162 §2.1.3.2 and §2.1.4.2).

use super::{Hash, MAX_SIZE, node_hash};

/// Why a proof shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf or the smaller tree is not within the larger one, whatever the hashes.
    #[error("the sizes do not fit")]
    Sizes,
    /// The proof has more or fewer hashes than one about these sizes.
    #[error("the proof has the wrong length")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that the leaf with this hash is the leaf `index` of the tree of `size` leaves with this root.
///
/// # Errors
/// See [`ProofError`].
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, path: &[Hash], root: &Hash) -> Result<(), ProofError> {
    let mut last = size.checked_sub(1).ok_or(ProofError::Sizes)?;
    if index > last || size > MAX_SIZE {
        return Err(ProofError::Sizes);
    }
    let (mut node, mut hash) = (index, *leaf);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            climb_to_right_child(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `from` leaves is a prefix of the tree of `to` leaves.
///
/// Trees of one size must have one root. Nothing can be proved about a tree without leaves, which is a prefix of any.
///
/// # Errors
/// See [`ProofError`].
pub fn verify_consistency(
    from: u64,
    to: u64,
    path: &[Hash],
    from_root: &Hash,
    to_root: &Hash,
) -> Result<(), ProofError> {
    let equal = |one: &Hash, other: &Hash| if one == other { Ok(()) } else { Err(ProofError::Root) };
    if from == 0 || from > to || to > MAX_SIZE {
        return Err(ProofError::Sizes);
    }
    if from == to {
        return if path.is_empty() {
            equal(from_root, to_root)
        } else {
            Err(ProofError::Length)
        };
    }
    // The smaller tree is itself one of the subtrees, and its root the first hash.
    let (first, rest) = if from.is_power_of_two() {
        (from_root, path)
    } else {
        path.split_first().ok_or(ProofError::Length)?
    };
    let (mut node, mut last) = (from.saturating_sub(1), to.saturating_sub(1));
    let level = node.trailing_ones();
    node = node.checked_shr(level).unwrap_or(0);
    last = last.checked_shr(level).unwrap_or(0);
    let (mut smaller, mut larger) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            smaller = node_hash(sibling, &smaller);
            larger = node_hash(sibling, &larger);
            climb_to_right_child(&mut node, &mut last);
        } else {
            larger = node_hash(&larger, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    equal(&smaller, from_root).and_then(|()| equal(&larger, to_root))
}

/// Passes the levels at which a node on the right edge has no sibling.
fn climb_to_right_child(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}
