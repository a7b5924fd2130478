//! Names that say that their value is secret.
//!
//! A name is cut into words at every change of case and every character that is no letter, so `X-Api-Key`, `x_api_key`
//! and `xApiKey` are the same, while `tokenizer` and `author` contain no listed word. Prefixes of words never count.

use std::sync::LazyLock;

/// The listed names, each as its words joined by `_`. In a name, the words may also be written together (`apikey`).
const SENSITIVE: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "pgpassword",
    "secret",
    "secrets",
    "token",
    "access_tokens",
    "refresh_tokens",
    "auth_tokens",
    "api_tokens",
    "authorization",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "session",
    "jwt",
    "otp",
    "totp",
    "mfa_code",
    "one_time_code",
    "pin",
    "cvv",
    "cvc",
    "ssn",
    "social_security_number",
    "card_number",
    "account_key",
    "access_key",
    "api_key",
    "api_keys",
    "encryption_key",
    "master_key",
    "private_key",
    "secret_key",
    "session_key",
    "signing_key",
    "ssh_key",
    "access_token",
    "api_token",
    "auth_token",
    "bearer_token",
    "id_token",
    "refresh_token",
    "session_token",
    "session_id",
    "client_secret",
    "set_cookie",
    "db_pass",
    "pg_pass",
    "mysql_pass",
    "smtp_pass",
    "user_pass",
    "root_pass",
    "admin_pass",
    "key_pass",
    "store_pass",
];

/// Listed names that count as the end of a longer word as well (`dbpassword`). No plain English word ends like this.
const ENDINGS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "token",
    "credentials",
    "api_key",
    "access_key",
    "private_key",
    "secret_key",
    "session_id",
];

/// Names that count as the last word only: `DB_PASS`, not `pass_rate`.
const LAST_WORDS: &[&str] = &["pass", "pw"];

/// A listed name and the word it makes when its words are written together.
type Listed = (&'static str, String);

// Made once a process: a text may have a hundred thousand names.
static SENSITIVE_TOGETHER: LazyLock<Vec<Listed>> = LazyLock::new(|| together(SENSITIVE));
static ENDINGS_TOGETHER: LazyLock<Vec<Listed>> = LazyLock::new(|| together(ENDINGS));

fn together(names: &[&'static str]) -> Vec<Listed> {
    names.iter().map(|name| (*name, name.replace('_', ""))).collect()
}

/// The listed names of several words, as a pattern would find them in prose: `api\x20key`.
pub(super) fn phrases() -> impl Iterator<Item = String> {
    let several = SENSITIVE.iter().filter(|name| name.contains('_'));
    several.map(|name| name.replace('_', r"\x20"))
}

/// The listed name that occurs in `key` as whole words, the first in the order of the list; else one that stands at its
/// end or at the end of a word. What redaction put into the key itself does not count.
pub(super) fn sensitive_word(key: &str) -> Option<&'static str> {
    let words: Vec<String> = key
        .split(super::MARKER_START)
        .enumerate()
        .flat_map(|(at, part)| {
            words(if at == 0 {
                part
            } else {
                part.split_once(']').map_or(part, |(_, rest)| rest)
            })
        })
        .collect();
    let whole = SENSITIVE_TOGETHER
        .iter()
        .find(|(listed, together)| words.contains(together) || (listed.contains('_') && has_in_turn(&words, listed)));
    let ending = || {
        ENDINGS_TOGETHER
            .iter()
            .find(|(_, together)| words.iter().any(|word| word.ends_with(together.as_str())))
    };
    let last = || {
        LAST_WORDS
            .iter()
            .copied()
            .find(|listed| words.last().is_some_and(|word| word == listed))
    };
    whole.or_else(ending).map(|(listed, _)| *listed).or_else(last)
}

fn has_in_turn(words: &[String], listed: &str) -> bool {
    words
        .windows(listed.split('_').count())
        .any(|window| window.iter().map(String::as_str).eq(listed.split('_')))
}

/// The lower-case words of a name: `XApiKey2` is `x`, `api`, `key`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut letters = name.chars().peekable();
    let mut previous = ' ';
    while let Some(letter) = letters.next() {
        let starts_a_word = letter.is_uppercase()
            // `apiKey`, and the last capital of `APIKey`.
            && (previous.is_lowercase() || letters.peek().is_some_and(|next| next.is_lowercase()));
        if starts_a_word || !letter.is_alphabetic() {
            words.push(String::new());
        }
        if letter.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        previous = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_every_usual_spelling() {
        for (key, word) in [
            ("password", "password"),
            ("PASSWORD", "password"),
            ("db.password2", "password"),
            ("userPassword", "password"),
            ("X-Api-Key", "api_key"),
            ("xApiKey", "api_key"),
            ("APIKey", "api_key"),
            ("APIKEY", "api_key"),
            ("apikey", "api_key"),
            ("openai_api_key_prod", "api_key"),
            ("Authorization", "authorization"),
            ("Set-Cookie", "cookie"),
            ("clientSecret", "secret"),
            ("clientsecret", "client_secret"),
            ("privateKeyPem", "private_key"),
            ("aws_access_key_id", "access_key"),
            ("AWSAccessKeyId", "access_key"),
            ("card number", "card_number"),
            ("--password", "password"),
            ("DB_PASS", "db_pass"),
            ("VPN_PASS", "pass"),
            ("pass", "pass"),
            ("adminPw", "pw"),
            ("dbpass", "db_pass"),
            ("dbpassword", "password"),
            ("rootpassword2", "password"),
            ("MYSQL_ROOTPASSWD", "passwd"),
            ("usertoken", "token"),
            ("awssecretaccesskey", "access_key"),
        ] {
            assert_eq!(sensitive_word(key), Some(word), "{key}");
        }
    }

    #[test]
    fn other_names_that_merely_begin_alike_are_not() {
        let harmless = [
            "",
            "-",
            "author",
            "tokenizer",
            "max_tokens",
            "tokenize",
            "secretary",
            "pinned",
            "spinner",
            "keyboard",
            "key",
            "passwordless",
            "sessions",
            "cookiecutter",
            "public_key",
            "accessKeyboard",
            "api",
            "topic",
            "opinion",
            "compass",
            "bypass",
            "pass_rate",
            "passing",
            "passport",
            "obsession",
            "monkey",
            "maxtokens",
        ];
        for key in harmless {
            assert_eq!(sensitive_word(key), None, "{key}");
        }
    }
}
