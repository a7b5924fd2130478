//! Canonical JSON, and hashes over it that cannot be guessed. Pure.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Canonical JSON (JCS, RFC 8785).
pub(super) fn canonical_json(value: &impl Serialize) -> String {
    serde_json_canonicalizer::to_string(value).expect("finite numbers and string keys always have a canonical form")
}

/// `SHA-256(salt ‖ text)`.
pub(super) fn salted_hash(salt: &[u8], text: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(text).finalize().into()
}
