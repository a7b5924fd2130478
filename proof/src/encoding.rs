//! Texts of hashes, and the comparison that makes every format here have one spelling.

use std::{borrow::Cow, io};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize};

use crate::tree::Hash;

/// The largest integer that survives canonical JSON, 2^53−1.
pub(crate) const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// Standard Base64 with padding (RFC 4648 §4).
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of standard Base64; `None` for a missing padding and for bits beyond the last byte too.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A hash in standard Base64.
pub(crate) fn hash_from_base64(text: &str) -> Option<Hash> {
    from_base64(text)?.try_into().ok()
}

/// A hash in lower-case hex.
pub(crate) fn hash_from_hex(text: &str) -> Option<Hash> {
    if !is_lower_hex(text, 64) {
        return None;
    }
    let mut hash = Hash::default();
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

/// Whether a text is so many digits of lower-case hex.
pub(crate) fn is_lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text is so many characters of Base64url without padding.
pub(crate) fn is_base64url(text: &str, characters: usize) -> bool {
    text.len() == characters
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A decimal number without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// Whether a value is written as exactly these bytes of JSON. Where the members of a type are declared in the order of
/// their names, that is its canonical form, so whatever else was in the text (white space, another escape, a member
/// twice or out of place) makes it another text.
pub(crate) fn is_written_as(value: &impl Serialize, text: &[u8]) -> bool {
    let mut expected = Expected { rest: text };
    serde_json::to_writer(&mut expected, value).is_ok() && expected.rest.is_empty()
}

/// A text that stays where it was read from, if it has no escapes. Left to itself, serde copies those in lists and options.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// A list of texts, without copies.
pub(crate) fn borrowed_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cow<'de, str>>, D::Error> {
    let texts = Vec::<Borrowed<'de>>::deserialize(deserializer)?;
    Ok(texts.into_iter().map(|text| text.0).collect())
}

/// A text that may be absent, without a copy.
pub(crate) fn borrowed_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    let text = Option::<Borrowed<'de>>::deserialize(deserializer)?;
    Ok(text.map(|text| text.0))
}

struct Expected<'a> {
    rest: &'a [u8],
}

impl io::Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest = self
            .rest
            .strip_prefix(bytes)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
