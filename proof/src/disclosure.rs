//! Values that an entry commits to without showing them (selective disclosure as in SD-JWT, RFC 9901).
//!
//! The entry holds the digest of a disclosure; the disclosure, with the value in it, is kept beside the entry. Erasing the
//! disclosure leaves the entry and every proof about it as they were. Salts come from the caller.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use crate::canonical::Salt;
use crate::{
    canonical::{NotCanonicalizable, array_items, canonical_json},
    encoding::{is_base64url, is_lower_hex},
};

/// The values of an entry of version 1 that are disclosed beside it, in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disclosable {
    /// The salt of the hash of the raw arguments, 16 bytes in lower-case hex.
    ArgsSalt,
    /// Who made the call: a text.
    CallerId,
    /// The arguments without their secrets: an object.
    SanitizedArgs,
}

impl Disclosable {
    /// The name in the disclosure.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ArgsSalt => "args_salt",
            Self::CallerId => "caller_id",
            Self::SanitizedArgs => "sanitized_args",
        }
    }
}

/// `base64url(JCS([salt, name, value]))` without padding: the text that is hashed, and everything needed to show one
/// value and prove that it is the one in the entry.
///
/// # Errors
/// [`NotCanonicalizable`]; a [`Value`] never is.
pub fn disclosure(salt: &Salt, name: &str, value: &Value) -> Result<String, NotCanonicalizable> {
    let json = canonical_json(&json!([URL_SAFE_NO_PAD.encode(salt), name, value]))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The digest that stands in the entry's `_sd`: SHA-256 over the ASCII of the disclosure, Base64url without padding.
#[must_use]
pub fn digest(disclosure: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(disclosure))
}

/// The name and value inside a disclosure of anybody's making, or `None` if the text is none.
#[must_use]
pub fn open(disclosure: &str) -> Option<(String, Value)> {
    let json = URL_SAFE_NO_PAD.decode(disclosure).ok()?;
    let (_salt, name, value): (String, String, Value) = serde_json::from_slice(&json).ok()?;
    Some((name, value))
}

/// Which value of an entry of version 1 a disclosure shows; `None` unless the text is exactly one that [`disclosure`]
/// writes for such a value: canonical, with a salt of 16 bytes and a value of the right type.
#[must_use]
pub fn classify(disclosure: &str) -> Option<Disclosable> {
    let json = URL_SAFE_NO_PAD.decode(disclosure).ok()?;
    let json = str::from_utf8(&json).ok()?;
    let [salt, name, value] = array_items(json)?;
    let salt = text_of(salt)?;
    if !is_base64url(salt, 22) || URL_SAFE_NO_PAD.decode(salt).is_err() {
        return None;
    }
    match name {
        r#""args_salt""# => is_lower_hex(text_of(value)?, 32).then_some(Disclosable::ArgsSalt),
        r#""caller_id""# => value.starts_with('"').then_some(Disclosable::CallerId),
        r#""sanitized_args""# => value.starts_with('{').then_some(Disclosable::SanitizedArgs),
        _ => None,
    }
}

/// What stands between the quotes of a JSON text without escapes.
fn text_of(json: &str) -> Option<&str> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn disclosed(salt: &Salt, name: &str, value: &Value) -> String {
        disclosure(salt, name, value).unwrap()
    }

    #[test]
    fn the_digest_is_the_one_of_the_standard() {
        // RFC 9901 §4.2.3, its example of a disclosure for `family_name`.
        let text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
        assert_eq!(digest(text), "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
        assert_eq!(open(text), Some(("family_name".to_owned(), json!("Möbius"))));
        // It is neither canonical nor a value of ours.
        assert_eq!(classify(text), None);
    }

    #[test]
    fn what_is_no_disclosure_does_not_open() {
        for text in ["", "!", "WyJhIl0", "eyJhIjoxfQ"] {
            assert_eq!((open(text), classify(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn values_have_their_types() {
        let salt = [7; 16];
        let hex = "00112233445566778899aabbccddeeff";
        for (name, value, expected) in [
            ("args_salt", json!(hex), Some(Disclosable::ArgsSalt)),
            ("caller_id", json!("a\"b"), Some(Disclosable::CallerId)),
            ("sanitized_args", json!({"a": [1]}), Some(Disclosable::SanitizedArgs)),
            ("args_salt", json!(hex.to_uppercase()), None),
            ("args_salt", json!("00"), None),
            ("args_salt", json!(1), None),
            ("caller_id", json!(["a"]), None),
            ("sanitized_args", json!("{}"), None),
            ("tool", json!("t"), None),
        ] {
            assert_eq!(classify(&disclosed(&salt, name, &value)), expected, "{name} {value}");
        }
        for json in [
            r#"["BwcHBwcHBwcHBwcHBwcHBw","caller_id", "a"]"#,
            r#"["BwcHBwcHBwcHBwcHBwcHBx","caller_id","a"]"#,
            r#"["BwcHBwcHBwcHBwcHBwcHB","caller_id","a"]"#,
            r#"["BwcHBwcHBwcHBwcHBwcHBw","caller_id","\u0061"]"#,
            r#"["BwcHBwcHBwcHBwcHBwcHBw","sanitized_args",{"b":1,"a":2}]"#,
            r#"[7,"caller_id","a"]"#,
        ] {
            assert_eq!(classify(&URL_SAFE_NO_PAD.encode(json)), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_disclosure_opens_to_what_went_in(salt: Salt, name: String, value: String) {
            let text = disclosed(&salt, &name, &json!({ "v": value }));
            prop_assert_eq!(open(&text), Some((name, json!({ "v": value }))));
        }

        #[test]
        fn what_is_written_is_classified(salt: Salt, value: String, name: String) {
            let text = disclosed(&salt, "sanitized_args", &json!({ name: value }));
            prop_assert_eq!(classify(&text), Some(Disclosable::SanitizedArgs));
        }

        #[test]
        fn another_value_or_salt_has_another_digest(salt: Salt, other_salt: Salt, value: String, other: String) {
            prop_assume!(salt != other_salt && value != other);
            let original = digest(&disclosed(&salt, "caller_id", &json!(value)));
            prop_assert_ne!(&original, &digest(&disclosed(&salt, "caller_id", &json!(other))));
            prop_assert_ne!(&original, &digest(&disclosed(&other_salt, "caller_id", &json!(value))));
        }
    }
}
