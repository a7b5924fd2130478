//! The form of an API key: `cs_<environment>_<key id>_<secret><checksum>`.
//!
//! The key id is the row's UUID, the secret 160 random bits, the checksum the CRC-32 of everything before it; all three in
//! base62 of fixed length. The checksum refuses typos and truncation without asking the database, and lets scanners tell
//! a real key from a look-alike.

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::Environment;
use crate::context::Random;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^22 > 2^128.
const ID_LENGTH: usize = 22;
/// 62^27 > 2^160.
const SECRET_LENGTH: usize = 27;
/// 62^6 > 2^32.
const CHECKSUM_LENGTH: usize = 6;

/// A key as a client presents it, parsed. `Debug` shows the id and never the secret.
#[derive(Debug)]
pub struct ApiKey {
    /// Which row it claims to be.
    pub id: Uuid,
    /// What only its holder knows.
    pub secret: SecretString,
}

/// The text is no API key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct MalformedKey;

/// A fresh key: the text to show once, and the secret to hash.
#[derive(Debug)]
pub struct MintedKey {
    /// What the client will present; shown once.
    pub text: SecretString,
    /// The part that is hashed.
    pub secret: SecretString,
}

impl ApiKey {
    /// Parses what a client presented.
    ///
    /// # Errors
    /// Another form, an unknown environment, or a checksum that does not fit.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let (body, checksum) = text
            .len()
            .checked_sub(CHECKSUM_LENGTH)
            .and_then(|at| text.split_at_checked(at))
            .ok_or(MalformedKey)?;
        if decode(checksum)? != u128::from(crc32fast::hash(body.as_bytes())) {
            return Err(MalformedKey);
        }
        let mut parts = body.strip_prefix("cs_").ok_or(MalformedKey)?.split('_');
        let (Some(environment), Some(id), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedKey);
        };
        environment.parse::<Environment>().map_err(|_| MalformedKey)?;
        let well_formed = id.len() == ID_LENGTH
            && secret.len() == SECRET_LENGTH
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed {
            return Err(MalformedKey);
        }
        Ok(Self {
            id: Uuid::from_u128(decode(id)?),
            secret: secret.into(),
        })
    }

    /// Mints a key for the row `id`.
    #[must_use]
    pub fn mint(environment: Environment, id: Uuid, random: &Random) -> MintedKey {
        let secret = random_base62(random);
        let body = format!("cs_{environment}_{}_{secret}", encode(id.as_u128(), ID_LENGTH));
        let checksum = encode(crc32fast::hash(body.as_bytes()).into(), CHECKSUM_LENGTH);
        MintedKey {
            text: format!("{body}{checksum}").into(),
            secret: secret.into(),
        }
    }
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.secret.expose_secret() == other.secret.expose_secret()
    }
}

/// 27 letters without bias: bytes beyond the last whole multiple of 62 are thrown away.
fn random_base62(random: &Random) -> String {
    let mut letters = String::with_capacity(SECRET_LENGTH);
    while letters.len() < SECRET_LENGTH {
        let bytes = random.bytes::<64>();
        letters.extend(
            bytes
                .iter()
                .filter(|byte| **byte < 62 * 4)
                .take(SECRET_LENGTH - letters.len())
                .map(|byte| char::from(ALPHABET[usize::from(byte % 62)])),
        );
    }
    letters
}

fn encode(mut value: u128, length: usize) -> String {
    let mut digits = vec![ALPHABET[0]; length];
    for digit in digits.iter_mut().rev() {
        // The remainder is below 62.
        *digit = ALPHABET[usize::try_from(value % 62).unwrap_or_default()];
        value /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

fn decode(text: &str) -> Result<u128, MalformedKey> {
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|letter| *letter == byte).ok_or(MalformedKey)?;
        value
            .checked_mul(62)
            .and_then(|value| value.checked_add(digit as u128))
            .ok_or(MalformedKey)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minted() -> (Uuid, String) {
        let id = Uuid::from_u128(0x019a_9f00_0000_7000_8000_0000_0000_0001);
        let key = ApiKey::mint(Environment::Dev, id, &Random::from_seed(1));
        (id, key.text.expose_secret().to_owned())
    }

    #[test]
    fn a_minted_key_parses_back_and_never_shows_its_secret() {
        let random = Random::from_seed(3);
        let id = Uuid::from_u128(u128::MAX);
        let minted = ApiKey::mint(Environment::Production, id, &random);
        let text = minted.text.expose_secret();
        assert!(text.starts_with("cs_production_"), "{text}");
        let parsed = ApiKey::parse(text).expect("our own key");
        assert_eq!(
            (parsed.id, parsed.secret.expose_secret()),
            (id, minted.secret.expose_secret())
        );
        assert!(!format!("{parsed:?} {minted:?}").contains(minted.secret.expose_secret()));
    }

    proptest! {
        #[test]
        fn one_changed_letter_is_refused(at in 0_usize..100, letter in "[0-9A-Za-z]") {
            let (_, text) = minted();
            let at = at % text.len();
            prop_assume!(&text[at..=at] != letter.as_str());
            let typo = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
            prop_assert!(ApiKey::parse(&typo).is_err());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = ApiKey::parse(&text);
            let _ = ApiKey::parse(&format!("cs_dev_{text}"));
        }

        #[test]
        fn ids_survive_base62(value in any::<u128>()) {
            prop_assert_eq!(decode(&encode(value, ID_LENGTH)), Ok(value));
        }
    }
}
