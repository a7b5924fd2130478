//! The product's own credentials in base64, as they stand in copied headers, in configuration and in what tools return.

use std::ops::Range;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// The name of the rule.
pub(super) const NAME: &str = "encoded-credential";

/// Nothing shorter than this encodes a credential of ours.
const SHORTEST: usize = 40;

/// How our credentials begin.
const BEGINNINGS: &[&str] = &["cs_", "cst_", "whsec_"];

/// Whoever encoded it need not have ended it well.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Where texts in either alphabet of base64 (RFC 4648, sections 4 and 5) hold what `is_credential` knows, in order and
/// apart. Such a text is taken whole: what else it holds cannot be read by a person anyway.
pub(super) fn spans(text: &str, is_credential: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    runs(text)
        .filter(|run| {
            let letters: Vec<u8> = text[run.clone()].bytes().map(standard).collect();
            // Letters that are no part of it may stand in front, and shift it.
            (0..4).any(|shift| decoded(&letters[shift..]).is_some_and(|inner| is_credential(&inner)))
        })
        .collect()
}

/// Unbroken runs of the letters of base64 that are long enough, with their padding.
fn runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let is_letter = |letter: &u8| letter.is_ascii_alphanumeric() || matches!(letter, b'+' | b'/' | b'-' | b'_');
        let bytes = text.as_bytes();
        let start = at + bytes[at..].iter().position(is_letter)?;
        let letters = bytes[start..].iter().take_while(|letter| is_letter(letter)).count();
        let padding = bytes[start + letters..]
            .iter()
            .take(2)
            .take_while(|byte| **byte == b'=')
            .count();
        at = start + letters + padding;
        Some(start..at)
    })
    .filter(|run| run.len() >= SHORTEST)
}

fn standard(letter: u8) -> u8 {
    match letter {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

fn decoded(letters: &[u8]) -> Option<String> {
    let letters = letters.split(|letter| *letter == b'=').next()?;
    // One letter too many encodes nothing.
    let whole = letters.len() - usize::from(letters.len() % 4 == 1);
    let bytes = LENIENT.decode(&letters[..whole]).ok()?;
    let inner = String::from_utf8_lossy(&bytes).into_owned();
    BEGINNINGS
        .iter()
        .any(|beginning| inner.contains(beginning))
        .then_some(inner)
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::super::{credential, sanitize_text};
    use super::*;

    fn key() -> String {
        format!("cs_dev_{}_{}", "0".repeat(22), "aB3".repeat(11))
    }

    #[test]
    fn a_key_is_found_in_either_alphabet_wherever_it_stands_in_what_was_encoded() {
        for front in ["", " ", "x ", "xy ", "user:", "{\"key\":\"", "Ää "] {
            for back in ["", "\n", "\"}", ", and more of it?>"] {
                let inner = format!("{front}{}{back}", key());
                for encoded in [BASE64_STANDARD.encode(&inner), BASE64_URL_SAFE_NO_PAD.encode(&inner)] {
                    for text in [
                        encoded.clone(),
                        format!("use {encoded}, please"),
                        format!("é=x-{encoded}"),
                    ] {
                        let sanitized = sanitize_text(&text);
                        assert!(!sanitized.text.contains(encoded.trim_end_matches('=')), "{text}");
                        assert_eq!(sanitized.flags, ["rule:encoded-credential"], "{text}");
                        assert!(credential(&text).is_some());
                        assert_eq!(sanitize_text(&sanitized.text).text, sanitized.text);
                    }
                }
            }
        }
    }

    #[test]
    fn what_stands_around_it_stays() {
        let encoded = BASE64_STANDARD.encode(format!("cst_{}", "x".repeat(43)));
        assert_eq!(
            sanitize_text(&format!("the token is {encoded} today")).text,
            "the token is [REDACTED:encoded-credential] today"
        );
    }

    #[test]
    fn other_long_words_are_left_alone() {
        for text in [
            "e37dc5975c3587b5e68c081bb9def428d817c42c81395f4f16cf5af7515711d7".to_owned(),
            BASE64_STANDARD.encode("the quick brown fox jumps over the lazy dog and back"),
            BASE64_STANDARD.encode("docs_dev and cs_team are words, and no credentials at all"),
            "a/long/path/of/many/parts/that/looks/like/base64/but/is/none".to_owned(),
        ] {
            assert_eq!(sanitize_text(&text).text, text);
        }
    }
}
