//! The keys of notes: Ed25519 (RFC 8032), each with a name and a short id.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};

use crate::encoding::{from_base64, is_lower_hex, to_base64};

/// The identifier of Ed25519 among the kinds of signatures.
const ED25519: u8 = 0x01;

/// A public key with its name: `<name>+<key id>+<base64(0x01 ‖ public key)>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

/// A secret key with its name. Its `Debug` shows the public half alone.
#[derive(Clone)]
pub struct SigningKey {
    verifier: VerifierKey,
    key: ed25519_dalek::SigningKey,
}

/// Why a text is no verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not have the form `<name>+<key id>+<base64>`.
    #[error("not a verifier key: expected <name>+<8 hex digits>+<base64>")]
    Malformed,
    /// The name is empty or holds a space, a plus or a control character.
    #[error("the name of a key holds no space, plus or control character")]
    Name,
    /// The key is of another kind.
    #[error("the key is not an Ed25519 key")]
    Kind,
    /// The key is no point of the curve, not written as it should be, or one that verifies anything.
    #[error("the public key is none that a signer could have")]
    Point,
    /// The id is that of another name or key.
    #[error("the id of the key is not that of its name and bytes")]
    Id,
}

impl VerifierKey {
    /// The key of this name.
    ///
    /// # Errors
    /// [`KeyError::Name`], [`KeyError::Point`].
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| KeyError::Point)?;
        if key.is_weak() || !is_reduced(public) {
            return Err(KeyError::Point);
        }
        Ok(Self {
            name: name.to_owned(),
            id: key_id(name, public),
            key,
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)`.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether these bytes are this key's signature of the text. Strictly, so that all verifiers agree: a signature in
    /// another spelling is none.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl SigningKey {
    /// The key of this name and 32 secret bytes.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, key.verifying_key().as_bytes())?;
        Ok(Self { verifier, key })
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature of a text, 64 bytes.
    #[must_use]
    pub fn sign(&self, text: &str) -> [u8; 64] {
        self.key.sign(text.as_bytes()).to_bytes()
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // Base64 may hold a plus, the name and the id may not.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Malformed);
        };
        if !is_lower_hex(id, 8) {
            return Err(KeyError::Malformed);
        }
        let decoded = from_base64(encoded).ok_or(KeyError::Malformed)?;
        let (&kind, public) = decoded.split_first().ok_or(KeyError::Malformed)?;
        if kind != ED25519 {
            return Err(KeyError::Kind);
        }
        let key = Self::new(name, public.try_into().map_err(|_| KeyError::Point)?)?;
        if u32::from_str_radix(id, 16) != Ok(key.id) {
            return Err(KeyError::Id);
        }
        Ok(key)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend(self.public());
        write!(formatter, "{}+{:08x}+{}", self.name, self.id, to_base64(&bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifierKey({self})")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.verifier)
    }
}

/// Whether a key may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed = |character: char| !character.is_whitespace() && character >= ' ' && character != '+';
    !name.is_empty() && name.chars().all(is_allowed)
}

fn key_id(name: &str, public: &[u8; 32]) -> u32 {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(public)
        .finalize()
        .into();
    let [first, second, third, fourth, ..] = hash;
    u32::from_be_bytes([first, second, third, fourth])
}

/// Whether the y coordinate is written below 2^255−19, as RFC 8032 §5.1.3 wants it.
fn is_reduced(public: &[u8; 32]) -> bool {
    let [lowest, middle @ .., highest] = public;
    *lowest < 0xed || highest & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}
