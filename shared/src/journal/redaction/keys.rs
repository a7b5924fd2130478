//! Names that say that their value is secret.
//!
//! A name is cut into words at every change of case and every character that is no letter, so `X-Api-Key`, `x_api_key`
//! and `xApiKey` are the same, while `tokenizer` and `author` contain no listed word. Prefixes of words never count.

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
];

/// The listed name that occurs in `key` as whole words, the first in the order of the list. What redaction put into the
/// key itself does not count.
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
    SENSITIVE.iter().copied().find(|listed| {
        let length = listed.split('_').count();
        words
            .iter()
            .any(|word| word.bytes().eq(listed.bytes().filter(|byte| *byte != b'_')))
            || words
                .windows(length)
                .any(|window| window.iter().map(String::as_str).eq(listed.split('_')))
    })
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
        ];
        for key in harmless {
            assert_eq!(sensitive_word(key), None, "{key}");
        }
    }
}
