//! Canonical JSON, and hashes over it that cannot be guessed. Pure.

use countersign_proof::canonical;
pub(super) use countersign_proof::canonical::salted_hash;
use serde::Serialize;

/// Canonical JSON (JCS, RFC 8785).
pub(super) fn canonical_json(value: &impl Serialize) -> String {
    canonical::canonical_json(value).expect("finite numbers and string keys always have a canonical form")
}
