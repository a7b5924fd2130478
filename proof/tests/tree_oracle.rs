//! Trees against the `ct-merkle` package, which is another's implementation of the same standard, and against the
//! standard's own recursive definition.

use std::collections::HashMap;

use countersign_proof::tree::{
    CompactRange, Hash, Node, NodeId, Plan, RangeError, empty_root, frontier, leaf_hash, node_hash, verify_consistency,
    verify_inclusion,
};
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use sha2::Sha256;

/// A log as the product keeps it: the right edge, and each perfect subtree once.
#[derive(Default)]
struct Log {
    range: CompactRange,
    nodes: HashMap<NodeId, Hash>,
    leaves: Vec<Hash>,
}

impl Log {
    fn of(entries: &[Vec<u8>]) -> Self {
        let mut log = Self::default();
        for entry in entries {
            log.append(leaf_hash(entry));
        }
        log
    }

    fn append(&mut self, leaf: Hash) {
        let (level, index) = (0, self.range.size());
        self.nodes.insert(NodeId { level, index }, leaf);
        self.leaves.push(leaf);
        let nodes = &mut self.nodes;
        let completed = |node: Node| assert!(nodes.insert(node.id, node.hash).is_none(), "{node:?} came twice");
        self.range.append_and(leaf, completed).expect("it fits");
    }

    fn build(&self, plan: &Plan) -> Vec<Hash> {
        // As a database would: what is needed is fetched at once, then the proof is made of that and nothing else.
        let fetched: HashMap<NodeId, Hash> = plan.nodes().into_iter().map(|id| (id, self.nodes[&id])).collect();
        plan.build(|id| fetched.get(&id).copied()).expect("every node")
    }
}

/// MTH of RFC 6962 §2.1, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&mth(left), &mth(right))
        }
    }
}

fn root_of(hash: Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new(hash.into(), size)
}

#[test]
fn every_proof_over_small_trees_holds_and_no_other() {
    let entries: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n]).collect();
    let roots: Vec<Hash> = (0..=entries.len())
        .map(|size| Log::of(&entries[..size]).range.root())
        .collect();
    let log = Log::of(&entries);
    for (size, root) in (0_u64..).zip(&roots) {
        assert_eq!(*root, mth(&log.leaves[..usize::try_from(size).unwrap()]));
        // The tree as it was, from the subtrees of the tree as it is.
        let hashes: Vec<Hash> = frontier(size).into_iter().map(|id| log.nodes[&id]).collect();
        assert_eq!(CompactRange::from_hashes(size, &hashes).unwrap().root(), *root);
        for index in 0..size {
            let path = log.build(&Plan::inclusion(index, size).unwrap());
            let leaf = log.leaves[usize::try_from(index).unwrap()];
            assert_eq!(verify_inclusion(index, size, &leaf, &path, root), Ok(()));
            assert!(verify_inclusion(index, size, root, &path, root).is_err() || size == 1);
            assert!(verify_inclusion(index ^ 1, size, &leaf, &path, root).is_err());
            for cut in 0..path.len() {
                assert!(verify_inclusion(index, size, &leaf, &path[..cut], root).is_err());
            }
        }
        for (from, from_root) in (1..=size).zip(&roots[1..]) {
            let path = log.build(&Plan::consistency(from, size).unwrap());
            assert_eq!(verify_consistency(from, size, &path, from_root, root), Ok(()));
            for cut in 0..path.len() {
                assert!(verify_consistency(from, size, &path[..cut], from_root, root).is_err());
            }
            let forked = [7; 32];
            assert!(verify_consistency(from, size, &path, &forked, root).is_err());
            assert!(verify_consistency(from, size, &path, from_root, &forked).is_err());
        }
    }
}

#[test]
fn what_is_not_in_the_tree_has_no_proof() {
    assert!(Plan::inclusion(0, 0).is_err() && Plan::inclusion(3, 3).is_err());
    assert!(Plan::inclusion(0, u64::MAX).is_err() && Plan::consistency(1, u64::MAX).is_err());
    assert!(Plan::consistency(0, 3).is_err() && Plan::consistency(4, 3).is_err());
    assert_eq!(Plan::consistency(3, 3).unwrap().nodes(), []);
    let largest = 0x7fff_ffff_ffff_ffff;
    assert!(Plan::inclusion(largest - 1, largest).is_ok() && Plan::consistency(largest - 1, largest).is_ok());
    let plan = Plan::inclusion(0, 2).unwrap();
    assert!(plan.build(|_| None).is_err());
}

#[test]
fn a_range_takes_only_what_is_adjacent_and_has_one_hash_a_bit() {
    let node = |level, index| Node {
        id: NodeId { level, index },
        hash: [7; 32],
    };
    let mut range = CompactRange::new();
    assert_eq!(range.root(), empty_root());
    range.merge(node(1, 0), |_| ()).unwrap();
    for stray in [node(0, 0), node(0, 3), node(2, 1), node(1, 0)] {
        assert_eq!(range.merge(stray, |_| ()), Err(RangeError::NotAdjacent(2)));
    }
    assert_eq!(range.merge(node(63, 0), |_| ()), Err(RangeError::TooLarge));
    assert_eq!(range.merge(node(200, 0), |_| ()), Err(RangeError::TooLarge));
    assert_eq!(range.size(), 2);
    let hashes = 2;
    assert_eq!(
        CompactRange::from_hashes(7, &[[0; 32]; 2]),
        Err(RangeError::Hashes { size: 7, hashes })
    );
    assert_eq!(CompactRange::from_hashes(u64::MAX, &[]), Err(RangeError::TooLarge));
    let mut full = CompactRange::from_hashes(0x7fff_ffff_ffff_ffff, &[[0; 32]; 63]).unwrap();
    assert_eq!(full.append([0; 32]), Err(RangeError::TooLarge));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ct_merkle_agrees(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 1..200), at: prop::sample::Index, from: prop::sample::Index) {
        let log = Log::of(&entries);
        let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for entry in &entries {
            oracle.push(entry.clone());
        }
        let size = entries.len();
        let root = log.range.root();
        let theirs = oracle.root();
        prop_assert_eq!(theirs.as_bytes().as_slice(), root.as_slice());

        let index = at.index(size);
        let path = log.build(&Plan::inclusion(index as u64, size as u64).unwrap());
        let (inclusion, path) = (oracle.prove_inclusion(index), path.concat());
        prop_assert_eq!(inclusion.as_bytes(), path.as_slice());
        let ours = InclusionProof::<Sha256>::from_bytes(path);
        prop_assert!(theirs.verify_inclusion(&entries[index], index as u64, &ours).is_ok());

        let from = 1 + from.index(size);
        let smaller = Log::of(&entries[..from]).range.root();
        let path = log.build(&Plan::consistency(from as u64, size as u64).unwrap());
        let (consistency, path) = (oracle.prove_consistency(size - from), path.concat());
        prop_assert_eq!(consistency.as_bytes(), path.as_slice());
        let ours = ConsistencyProof::<Sha256>::try_from_bytes(path).unwrap();
        prop_assert!(theirs.verify_consistency(&root_of(smaller, from as u64), &ours).is_ok());
    }

    #[test]
    fn a_range_continues_where_it_was_kept(leaves in prop::collection::vec(any::<Hash>(), 0..100), at: prop::sample::Index) {
        let at = at.index(leaves.len() + 1);
        let mut whole = CompactRange::new();
        let mut kept = CompactRange::new();
        for (place, leaf) in leaves.iter().enumerate() {
            whole.append(*leaf).unwrap();
            if place < at {
                kept.append(*leaf).unwrap();
            }
        }
        let hashes: Vec<Hash> = kept.hashes().collect();
        let mut continued = CompactRange::from_hashes(kept.size(), &hashes).unwrap();
        for leaf in &leaves[at..] {
            continued.append(*leaf).unwrap();
        }
        prop_assert_eq!(&continued, &whole);

        // The same by merging the subtrees of another range, as those of a tree that was built beside.
        let mut merged = CompactRange::new();
        for node in whole.nodes() {
            merged.merge(*node, |_| ()).unwrap();
        }
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn any_proof_has_an_answer(sizes: (u64, u64), path in prop::collection::vec(any::<Hash>(), 0..70), roots: (Hash, Hash)) {
        prop_assert!(verify_inclusion(sizes.0, sizes.1, &roots.0, &path, &roots.1).is_err());
        prop_assert!(verify_consistency(sizes.0, sizes.1, &path, &roots.0, &roots.1).is_err() || sizes.0 == sizes.1);
        let _ = (Plan::inclusion(sizes.0, sizes.1), Plan::consistency(sizes.0, sizes.1));
    }
}
