//! Canonical JSON (JCS, RFC 8785), and hashes over it that cannot be guessed.

mod scanner;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub(crate) use scanner::array_items;
pub use scanner::is_canonical;

use crate::tree::Hash;

/// A random salt of 128 bits, which keeps a short value from being guessed from its hash.
pub type Salt = [u8; 16];

/// The value has no canonical form: a number is not finite, or a name of a member is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value has no canonical JSON: {0}")]
pub struct NotCanonicalizable(String);

/// The canonical JSON of a value.
///
/// Integers beyond ±(2^53−1) lose digits, as RFC 8785 says; whoever hashes what others sent refuses them first.
///
/// # Errors
/// [`NotCanonicalizable`]; never for a [`serde_json::Value`].
pub fn canonical_json(value: &impl Serialize) -> Result<String, NotCanonicalizable> {
    serde_json_canonicalizer::to_string(value).map_err(|error| NotCanonicalizable(error.to_string()))
}

/// `SHA-256(salt ‖ text)`.
#[must_use]
pub fn salted_hash(salt: &[u8], text: &str) -> Hash {
    Sha256::new().chain_update(salt).chain_update(text).finalize().into()
}
