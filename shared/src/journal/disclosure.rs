//! Values that an audit entry commits to without showing them, as `countersign_proof` makes and opens them. Pure: salts come
//! from the caller.

pub use countersign_proof::disclosure::{Salt, digest, open};
use serde_json::Value;

/// The text of one disclosed value, whose [`digest`] stands in the entry.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "a JSON value always has a canonical form")]
pub fn disclosure(salt: &Salt, name: &str, value: &Value) -> String {
    countersign_proof::disclosure::disclosure(salt, name, value).expect("a JSON value always has a canonical form")
}
