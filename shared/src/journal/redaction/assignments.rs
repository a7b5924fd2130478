//! Names and their values in running text: `PGPASSWORD=…`, `X-Api-Key: …`, `"password": "…"`, `--token …`.
//!
//! The name says that the value is secret, as it does for keys of an object; the form of the value does not matter. In
//! prose this hides a word too many ("the password: field"), which costs less than showing one too many. A name and a
//! value with nothing but a space between them are a pair only where the name is written as an option of a command.

use std::{ops::Range, sync::LazyLock};

use regex::{Captures, Regex};

use super::{is_marker, keys, leading_marker, rules::ESCAPE};

/// The name of the rule.
pub(super) const NAME: &str = "assigned-secret";

/// Names whose value may hold spaces and ends with its line where it stands behind a colon.
const TAKE_THE_LINE: &[&str] = &["authorization", "cookie", "cookies", "passphrase"];

/// Authentication schemes (RFC 9110, section 11.1), which stand in front of a credential and are no secret.
const SCHEMES: &[&str] = &[
    "bearer",
    "basic",
    "digest",
    "token",
    "apikey",
    "negotiate",
    "ntlm",
    "hawk",
    "dpop",
    "oauth",
    "aws4-hmac-sha256",
];

/// Written without quotes, these say that there is no secret.
const LITERALS: &[&str] = &["true", "false", "null", "none", "nil", "undefined"];

// Every repetition is bounded, so that a search does not read far beyond what it finds. The name of an ARN is consumed
// because it is what the approver must see. What may be an escape (`\n`) is looked at with the name and without.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    let name = r"[A-Za-z][0-9A-Za-z_.-]{1,63}";
    let phrases = keys::phrases().collect::<Vec<_>>().join("|");
    let pattern = format!(
        r#"(?x)
          arn:aws[a-z-]{{0,16}}:secretsmanager:[0-9a-z-]{{0,32}}:[0-9]{{0,16}}:secret:
        | (?<escape>{ESCAPE})?
          (?:
            -{{0,2}} (?<name>(?i-u:{phrases})|{name})
            (?:(?<name_ends>\\{{0,8}}["'`])|\*{{1,3}})?
            [\ \t]{{0,8}} (?<separator>=>|:=|={{1,3}}|:) [\ \t]{{0,8}} (?:\*{{1,3}}[\ \t]{{0,8}})?
          | (?<dashes>--?) (?<option>{name}) [\ \t]{{1,8}}
          )"#
    );
    Regex::new(&pattern).expect("the pattern of assignments compiles")
});

/// Where the values of sensitive names stand in a text, in order and apart.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(pair) = PAIR.captures_at(text, from) {
        from = pair.get_match().end();
        if let Some(value) = secret_value(text, &pair) {
            from = value.end;
            spans.push(value);
        }
    }
    spans
}

fn secret_value(text: &str, pair: &Captures<'_>) -> Option<Range<usize>> {
    let name = pair.name("name").or_else(|| pair.name("option"))?;
    let word = keys::sensitive_word(name.as_str()).or_else(|| {
        // `\token` in a path of Windows: the letter is the name's.
        let escape = pair.name("escape")?;
        keys::sensitive_word(&text[escape.start()..name.end()])
    })?;
    let start = pair.get_match().end();
    let separator = pair.name("separator").map(|separator| separator.as_str());
    if separator.is_none() && !is_option(text, pair) {
        return None;
    }
    // A path (`Token::parse`) or the scheme of a URL (`secret://…`).
    if separator == Some(":") && text[start..].starts_with([':', '/']) && !text[..start].ends_with([' ', '\t']) {
        return None;
    }

    let opening = opening_quote(&text[start..]);
    let start = without_scheme(text, start + opening.map_or(0, |quote| quote.length));
    // Looked at before the end is searched for: the search for the next pair begins right behind this one, so what is
    // refused only once its end is known would be read again and again.
    if opening.is_none() && is_hidden(&text[start..]) {
        return None;
    }
    let end = if opening.is_some() {
        until(text, start, opening)
    } else if separator == Some(":") && TAKE_THE_LINE.contains(&word) {
        let enclosing = closing_quote(&text[..name.start()]).filter(|_| pair.name("name_ends").is_none());
        until(text, start, enclosing)
    } else {
        end_of_word(text, start)
    };
    let value = start..end;
    let secret = &text[value.clone()];
    (!secret.is_empty() && !is_marker(secret) && (opening.is_some() || !is_none(secret))).then_some(value)
}

/// Whether the dashes begin a word, with another one behind it that is no option itself.
fn is_option(text: &str, pair: &Captures<'_>) -> bool {
    let starts_a_word = pair.name("dashes").is_some_and(|dashes| {
        !text[..dashes.start()].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '-' | '_'))
    });
    starts_a_word && !text[pair.get_match().end()..].starts_with('-')
}

/// A quote with the backslashes that stand in front of it in a text inside a text.
#[derive(Clone, Copy)]
struct Quote {
    mark: u8,
    escapes: usize,
    length: usize,
}

fn opening_quote(text: &str) -> Option<Quote> {
    let escapes = text.bytes().take_while(|byte| *byte == b'\\').count();
    let mark = *text.as_bytes().get(escapes)?;
    quote(mark, escapes)
}

fn closing_quote(text: &str) -> Option<Quote> {
    let (mark, before) = text.as_bytes().split_last()?;
    quote(*mark, before.iter().rev().take_while(|byte| **byte == b'\\').count())
}

fn quote(mark: u8, escapes: usize) -> Option<Quote> {
    matches!(mark, b'"' | b'\'' | b'`').then_some(Quote {
        mark,
        escapes,
        length: escapes + 1,
    })
}

/// Where the quote is closed, or the line ends.
fn until(text: &str, start: usize, quote: Option<Quote>) -> usize {
    let mut backslashes = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate().skip(start) {
        match (byte, quote) {
            (b'\n' | b'\r', _) => return at,
            (b'\\', _) => {
                backslashes += 1;
                continue;
            }
            // Fewer backslashes close an outer text, twice as many and one belong to a text further in.
            (byte, Some(quote))
                if byte == quote.mark
                    && (backslashes < quote.escapes || backslashes % (2 * quote.escapes + 2) == quote.escapes) =>
            {
                return at - backslashes.min(quote.escapes);
            }
            _ => {}
        }
        backslashes = 0;
    }
    text.len()
}

/// Where a value without quotes ends: at a space, or at what parts values in queries, lists and shell commands.
fn end_of_word(text: &str, start: usize) -> usize {
    let ends_any = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'');
    let bytes = text.as_bytes();
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        if ends_any(byte) || matches!(byte, b'`' | b'&' | b';' | b',' | b'|' | b'<' | b'>') {
            break;
        }
        if byte == b'\\' {
            if bytes.get(at + 1).is_none_or(|&escaped| ends_any(escaped)) {
                break;
            }
            at += 1;
        }
        at += 1;
    }
    at
}

fn without_scheme(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let scheme = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        .count();
    let spaces = rest[scheme..]
        .bytes()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let is_scheme = SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(&rest[..scheme]));
    if is_scheme && spaces > 0 {
        start + scheme + spaces
    } else {
        start
    }
}

/// Whether another rule hid the value. Behind a marker, `@` is the rest of a URL with a password.
fn is_hidden(value: &str) -> bool {
    leading_marker(value).is_some_and(|marker| value[marker.len()..].starts_with(['@', ' ', '\t']))
}

/// Whether there is no value at all.
fn is_none(value: &str) -> bool {
    let bare = value.trim_end_matches(['}', ']', ')', '.']);
    LITERALS.iter().any(|literal| literal.eq_ignore_ascii_case(bare))
        || value.bytes().all(|byte| b"*-.(){}[]".contains(&byte))
}
