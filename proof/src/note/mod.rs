//! Signed notes (c2sp.org/signed-note): a text, and signatures by named keys.

mod key;

use std::fmt;

use crate::encoding::{from_base64, to_base64};
pub(crate) use key::is_name;
pub use key::{KeyError, SigningKey, VerifierKey};

/// The longest note that is read, in bytes.
pub const MAX_NOTE_BYTES: usize = 1_000_000;
/// The most signatures a note may have. The format asks for 16 at least.
pub const MAX_SIGNATURES: usize = 100;

/// What a signature line begins with: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// A note as it was read, none of its signatures verified yet. Its text means nothing before [`Note::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    text: &'a str,
    signatures: Vec<Signature<'a>>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature<'a> {
    name: &'a str,
    key_id: u32,
    bytes: Vec<u8>,
}

/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It does not have the form of a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// A signature by a known key is wrong.
    #[error("the signature by {name}+{key_id:08x} is wrong")]
    InvalidSignature {
        /// The key's name.
        name: String,
        /// The key's id.
        key_id: u32,
    },
    /// No known key signed it.
    #[error("no known key signed the note")]
    NoKnownSignature,
}

impl<'a> Note<'a> {
    /// The note in a text. Whatever follows its form to the letter is one, signatures of unknown kinds included.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Malformed("it is too long"));
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Malformed("it holds a control character"));
        }
        let (before, lines) = note
            .rsplit_once("\n\n")
            .ok_or(NoteError::Malformed("no empty line parts text and signatures"))?;
        // With the newline that ends its last line.
        let text = note
            .get(..before.len().saturating_add(1))
            .ok_or(NoteError::Malformed("it has no text"))?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Malformed("its last line has no end"))?;
        if lines.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("it has too many signatures"));
        }
        let signatures = lines.split('\n').map(signature).collect::<Option<_>>();
        Ok(Self {
            text,
            signatures: signatures.ok_or(NoteError::Malformed("a signature line is malformed"))?,
        })
    }

    /// The text, with its last newline, and those of `keys` that signed it. Signatures by other keys are passed over.
    ///
    /// # Errors
    /// [`NoteError::InvalidSignature`], [`NoteError::NoKnownSignature`].
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<(&'a str, Vec<&'k VerifierKey>), NoteError> {
        let mut signers: Vec<&VerifierKey> = Vec::new();
        for signature in &self.signatures {
            let is_its = |key: &&VerifierKey| key.name() == signature.name && key.id() == signature.key_id;
            let mut known = keys.iter().filter(is_its).peekable();
            if known.peek().is_none() {
                continue;
            }
            let signer = known
                .find(|key| key.verifies(self.text, &signature.bytes))
                .ok_or_else(|| NoteError::InvalidSignature {
                    name: signature.name.to_owned(),
                    key_id: signature.key_id,
                })?;
            if !signers.contains(&signer) {
                signers.push(signer);
            }
        }
        if signers.is_empty() {
            return Err(NoteError::NoKnownSignature);
        }
        Ok((self.text, signers))
    }

    /// The text, whoever signed it or not.
    #[must_use]
    pub fn unverified_text(&self) -> &'a str {
        self.text
    }
}

/// The note of a text, signed by each of these keys.
///
/// # Errors
/// [`NoteError::Malformed`]: the text does not end in a newline or holds a control character, or no key is given, or too
/// many.
pub fn sign(text: &str, keys: &[&SigningKey]) -> Result<String, NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("its text has no last newline"));
    }
    let mut note = format!("{text}\n");
    for key in keys {
        let mut bytes = key.verifier().id().to_be_bytes().to_vec();
        bytes.extend(key.sign(text));
        let signature = Line(key.verifier().name(), &bytes).to_string();
        note.push_str(&signature);
    }
    Note::parse(&note)?;
    Ok(note)
}

struct Line<'a>(&'a str, &'a [u8]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{SIGNATURE_PREFIX}{} {}", self.0, to_base64(self.1))
    }
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    if !is_name(name) {
        return None;
    }
    let decoded = from_base64(encoded)?;
    let (key_id, bytes) = decoded.split_first_chunk()?;
    (!bytes.is_empty()).then(|| Signature {
        name,
        key_id: u32::from_be_bytes(*key_id),
        bytes: bytes.to_vec(),
    })
}

#[cfg(test)]
mod tests;
