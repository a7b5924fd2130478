//! The product's own credentials in base64, as they stand in copied headers, in configuration and in what tools return.

use std::{ops::Range, sync::LazyLock};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use regex::Regex;

/// The name of the rule.
pub(super) const NAME: &str = "encoded-credential";

/// Nothing shorter than this encodes a credential of ours.
const SHORTEST: usize = 40;

/// Base64 that is wrapped has at least this many letters in every line but the last: 64 in PEM (RFC 7468), 76 in MIME
/// (RFC 2045).
const LINE: usize = 60;

// The break of a line and the indentation of the next, as they are or spelled out in a text inside a text.
static LINE_BREAK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\A(?:\r?\n|(?:\\{1,8}r)?\\{1,8}n)[ \t]{0,64}").expect("the pattern of line breaks compiles")
});

/// How our credentials begin.
const BEGINNINGS: &[&str] = &["cs_", "csl_", "cst_", "whsec_"];

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
            // Letters that are no part of it may stand in front, and shift it.
            (0..4).any(|shift| decoded(&run.letters[shift..]).is_some_and(|inner| is_credential(&inner)))
        })
        .map(|run| run.place)
        .collect()
}

/// Letters of base64 with nothing between them but the breaks of lines.
struct Run {
    /// Where it stands, its padding included.
    place: Range<usize>,
    /// Its letters in the standard alphabet.
    letters: Vec<u8>,
}

/// The runs that are long enough. A full line is followed into the next one.
fn runs(text: &str) -> impl Iterator<Item = Run> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(|byte| is_letter(*byte))?;
        let mut letters = Vec::new();
        at = start;
        loop {
            let line = bytes[at..].iter().take_while(|byte| is_letter(**byte)).count();
            letters.extend(bytes[at..at + line].iter().copied().map(standard));
            at += line;
            let next_line = (line >= LINE)
                .then(|| LINE_BREAK.find(&text[at..]))
                .flatten()
                .map(|line_break| at + line_break.end())
                .filter(|next| bytes.get(*next).is_some_and(|byte| is_letter(*byte)));
            match next_line {
                Some(next) => at = next,
                None => break,
            }
        }
        at += bytes[at..].iter().take(2).take_while(|byte| **byte == b'=').count();
        Some(Run {
            place: start..at,
            letters,
        })
    })
    .filter(|run| run.place.len() >= SHORTEST)
}

fn is_letter(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, b'+' | b'/' | b'-' | b'_')
}

fn standard(letter: u8) -> u8 {
    match letter {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

fn decoded(letters: &[u8]) -> Option<String> {
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

    use super::super::{credential, mask_credentials, sanitize_text};
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
    fn a_key_in_wrapped_base64_is_hidden_to_its_last_line() {
        for before in [
            "",
            "some words of another length, ",
            "{\"file\":\"/etc/keys\", \"and\":\"",
        ] {
            for after in [
                "",
                " and so on, until there are three lines of it, whatever their length may be, or four",
            ] {
                let encoded = BASE64_STANDARD.encode(format!("{before}{}{after}", key()));
                for width in [60, 64, 76] {
                    for line_break in ["\n", "\r\n", "\n    ", "\r\n\t", r"\n", r"\r\n", r"\\n"] {
                        let lines: Vec<&str> = encoded
                            .as_bytes()
                            .chunks(width)
                            .map(|line| std::str::from_utf8(line).expect("ASCII"))
                            .collect();
                        let text = format!("key: {}.", lines.join(line_break));
                        let sanitized = sanitize_text(&text);
                        assert_eq!(sanitized.text, "key: [REDACTED:encoded-credential].", "{text}");
                        assert!(credential(&text).is_some(), "{text}");
                        assert_eq!(mask_credentials(&text, "***"), "key: ***.", "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_that_is_not_full_ends_what_is_encoded() {
        let encoded = BASE64_STANDARD.encode(key());
        let (first, second) = encoded.split_at(59);
        assert_eq!(credential(&format!("{first}\n{second}")), credential(first));
        let whole = format!("first\n{encoded}\n\nlast");
        assert_eq!(
            sanitize_text(&whole).text,
            "first\n[REDACTED:encoded-credential]\n\nlast"
        );
        // Behind a full line a word may be the last letters of it.
        assert_eq!(
            sanitize_text(&format!("{encoded}\nlast one")).text,
            "[REDACTED:encoded-credential] one"
        );
    }

    #[test]
    fn wrapped_base64_of_something_else_is_left_alone() {
        let encoded = BASE64_STANDARD.encode("docs_dev and cs_team are words, and no credentials at all. ".repeat(9));
        let lines: Vec<&str> = encoded
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("ASCII"))
            .collect();
        for line_break in ["\n", r"\n"] {
            let text = format!(
                "-----BEGIN CERTIFICATE-----{line_break}{}{line_break}",
                lines.join(line_break)
            );
            assert_eq!(sanitize_text(&text).text, text);
        }
    }

    #[test]
    fn what_stands_around_it_stays() {
        for token in [format!("cst_{}", "x".repeat(43)), format!("csl_{}", "x".repeat(64))] {
            let encoded = BASE64_STANDARD.encode(token);
            assert_eq!(
                sanitize_text(&format!("the token is {encoded} today")).text,
                "the token is [REDACTED:encoded-credential] today"
            );
        }
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
