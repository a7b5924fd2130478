//! Values that an audit entry commits to without showing them (selective disclosure as in SD-JWT, RFC 9901).
//!
//! The entry holds the digest of a disclosure; the disclosure, with the value in it, is kept beside the entry. Erasing
//! the disclosure leaves the entry and every proof about it as they were. Pure: salts come from the caller.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::canonical::canonical_json;

/// A random salt of 128 bits, which keeps a short value from being guessed from its digest.
pub type Salt = [u8; 16];

/// `base64url(JCS([salt, name, value]))` without padding: the text that is hashed, and everything needed to show one
/// value and prove that it is the one in the entry.
#[must_use]
pub fn disclosure(salt: &Salt, name: &str, value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(canonical_json(&json!([URL_SAFE_NO_PAD.encode(salt), name, value])))
}

/// The digest that stands in the entry's `_sd`: SHA-256 over the ASCII of the disclosure, base64url without padding.
#[must_use]
pub fn digest(disclosure: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(disclosure))
}

/// The name and value inside a disclosure, or `None` if the text is none.
#[must_use]
pub fn open(disclosure: &str) -> Option<(String, Value)> {
    let json = URL_SAFE_NO_PAD.decode(disclosure).ok()?;
    let (_salt, name, value): (String, String, Value) = serde_json::from_slice(&json).ok()?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_digest_is_the_one_of_the_standard() {
        // RFC 9901 §4.2.3, its example of a disclosure for `family_name`.
        let text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
        assert_eq!(digest(text), "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
        assert_eq!(open(text), Some(("family_name".to_owned(), json!("Möbius"))));
    }

    #[test]
    fn what_is_no_disclosure_does_not_open() {
        for text in ["", "!", "WyJhIl0", "eyJhIjoxfQ"] {
            assert_eq!(open(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_disclosure_opens_to_what_went_in(salt: Salt, name: String, value: String) {
            let text = disclosure(&salt, &name, &json!({ "v": value }));
            prop_assert_eq!(open(&text), Some((name, json!({ "v": value }))));
        }

        #[test]
        fn another_value_or_salt_has_another_digest(salt: Salt, other_salt: Salt, value: String, other: String) {
            prop_assume!(salt != other_salt && value != other);
            let original = digest(&disclosure(&salt, "caller_id", &json!(value)));
            prop_assert_ne!(&original, &digest(&disclosure(&salt, "caller_id", &json!(other))));
            prop_assert_ne!(&original, &digest(&disclosure(&other_salt, "caller_id", &json!(value))));
        }
    }
}
