//! Checkpoints (c2sp.org/tlog-checkpoint): the size and root of a log, in the text of a signed note.
//!
//! Those of this product carry two extension lines, which are signed with the rest and say what the tree is complete for:
//!
//! ```text
//! sealed_at 2026-11-20T08:00:00.250Z
//! sealed_through 2026-11-20T08:00:00.000Z
//! ```
//!
//! Every leaf in the tree was received before `sealed_at`, and everything received before `sealed_through` is in the tree.

use std::{fmt, str::FromStr};

use crate::{
    encoding::{decimal, hash_from_base64, to_base64},
    note::{Note, NoteError, SigningKey, VerifierKey, sign},
    timestamp::Timestamp,
    tree::{Hash, MAX_SIZE, empty_root},
};

const SEALED_AT: &str = "sealed_at ";
const SEALED_THROUGH: &str = "sealed_through ";

/// The head of any log's tree. Its `Display` is the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Further lines, which mean nothing to who does not know them.
    pub extensions: Vec<String>,
}

/// A checkpoint that says for which time its tree is complete. Its `Display` is the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCheckpoint {
    /// The log's name.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Every leaf was received before this.
    pub sealed_at: Timestamp,
    /// Everything received before this is in the tree; never after `sealed_at`.
    pub sealed_through: Timestamp,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Its note is refused.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text is not that of a checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let lines = text.strip_suffix('\n').ok_or(malformed("its last line has no end"))?;
        let mut lines = lines.split('\n');
        if lines.clone().any(str::is_empty) {
            return Err(malformed("a line is empty"));
        }
        let mut next = || lines.next().ok_or(malformed("it has fewer than three lines"));
        let (origin, size, root) = (next()?, next()?, next()?);
        Ok(Self {
            origin: origin.to_owned(),
            size: decimal(size)
                .filter(|size| *size <= MAX_SIZE)
                .ok_or(malformed("its size is no number"))?,
            root: hash_from_base64(root).ok_or(malformed("its root is no hash"))?,
            extensions: lines.map(str::to_owned).collect(),
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.size, to_base64(&self.root))?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

impl FromStr for SealedCheckpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let checkpoint: Checkpoint = text.parse()?;
        let [at, through] = checkpoint.extensions.as_slice() else {
            return Err(malformed("it does not have the two lines sealed_at and sealed_through"));
        };
        let time = |line: &str, name| line.strip_prefix(name).and_then(|time: &str| time.parse().ok());
        let sealed_at: Timestamp = time(at, SEALED_AT).ok_or(malformed("its sealed_at is no time"))?;
        let sealed_through: Timestamp =
            time(through, SEALED_THROUGH).ok_or(malformed("its sealed_through is no time"))?;
        if sealed_through > sealed_at {
            return Err(malformed("it is complete beyond the time at which it was sealed"));
        }
        if checkpoint.size == 0 && checkpoint.root != empty_root() {
            return Err(malformed("its root is not that of an empty tree"));
        }
        Ok(Self {
            origin: checkpoint.origin,
            size: checkpoint.size,
            root: checkpoint.root,
            sealed_at,
            sealed_through,
        })
    }
}

impl fmt::Display for SealedCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.size, to_base64(&self.root))?;
        writeln!(formatter, "{SEALED_AT}{}", self.sealed_at)?;
        writeln!(formatter, "{SEALED_THROUGH}{}", self.sealed_through)
    }
}

impl SealedCheckpoint {
    /// The signed note of this checkpoint.
    ///
    /// # Errors
    /// The checkpoint could not be read back: its origin is empty or holds a newline, it is complete beyond its own time,
    /// or it has leaves and the root of an empty tree the wrong way round; or the note cannot be made, see [`sign`].
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<String, CheckpointError> {
        let text = self.to_string();
        if text.parse::<Self>()? != *self {
            return Err(CheckpointError::Malformed("its origin holds a newline"));
        }
        Ok(sign(&text, keys)?)
    }
}

/// The text of a note signed by its log itself: by a key among `keys` that has the checkpoint's origin as its name. Keys
/// with other names, such as witnesses', do not count.
///
/// # Errors
/// See [`NoteError`].
pub(crate) fn signed_by_origin<'k>(
    note: &Note<'_>,
    origin: &str,
    keys: &'k [VerifierKey],
) -> Result<Vec<&'k VerifierKey>, NoteError> {
    let (_, mut signers) = note.verify(keys)?;
    signers.retain(|key| key.name() == origin);
    if signers.is_empty() {
        return Err(NoteError::NoKnownSignature);
    }
    Ok(signers)
}

/// The checkpoint in a signed note, if a key of its log among `keys` signed it.
///
/// # Errors
/// See [`CheckpointError`].
pub fn open(note: &str, keys: &[VerifierKey]) -> Result<SealedCheckpoint, CheckpointError> {
    let note = Note::parse(note)?;
    let checkpoint: SealedCheckpoint = note.unverified_text().parse()?;
    signed_by_origin(&note, &checkpoint.origin, keys)?;
    Ok(checkpoint)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed() -> SealedCheckpoint {
        SealedCheckpoint {
            origin: "example.com/log".to_owned(),
            size: 3,
            root: [7; 32],
            sealed_at: "2026-11-20T08:00:00.250Z".parse().unwrap(),
            sealed_through: "2026-11-20T08:00:00.000Z".parse().unwrap(),
        }
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        // c2sp.org/tlog-checkpoint
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let note = format!(
            "{text}\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        );
        let checkpoint: Checkpoint = Note::parse(&note).unwrap().unverified_text().parse().unwrap();
        assert_eq!((checkpoint.size, checkpoint.extensions.len()), (20_852_163, 0));
        assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(checkpoint.to_string(), text);
        // golang/mod, sumdb/tlog/note_test.go
        let golden = "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n";
        let checkpoint: Checkpoint = golden.parse().unwrap();
        assert_eq!(checkpoint.root, crate::tree::leaf_hash(b"hello world"));
        assert_eq!(
            (checkpoint.size, checkpoint.to_string().as_str()),
            (123_456_789_012, golden)
        );
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=";
        for text in [
            String::new(),
            "\n".to_owned(),
            "log\n1\n".to_owned(),
            format!("log\n1\n{root}"),
            format!("\n1\n{root}\n"),
            format!("log\n01\n{root}\n"),
            format!("log\n+1\n{root}\n"),
            format!("log\n-1\n{root}\n"),
            format!("log\n0x1\n{root}\n"),
            format!("log\n9223372036854775808\n{root}\n"),
            format!("log\n99999999999999999999\n{root}\n"),
            format!("log\n1\n{root}A\n"),
            format!("log\n1\n{}\n", root.trim_end_matches('=')),
            format!("log\n1\n{}\n", root.replace("b0=", "b1=")),
            format!("log\n1\n{root}\n\n"),
            format!("log\n1\n{root}\n\nmore\n"),
        ] {
            assert!(text.parse::<Checkpoint>().is_err(), "{text:?}");
        }
        assert!(
            format!("log\n9223372036854775807\n{root}\nmore\n")
                .parse::<Checkpoint>()
                .is_ok()
        );
    }

    #[test]
    fn both_times_stand_there_in_their_order() {
        let text = sealed().to_string();
        assert_eq!(text.parse(), Ok(sealed()));
        for (from, to) in [
            ("sealed_at 2026-11-20T08:00:00.250Z\n", ""),
            ("sealed_through 2026-11-20T08:00:00.000Z\n", ""),
            (
                "sealed_through 2026-11-20T08:00:00.000Z\n",
                "sealed_through 2026-11-20T08:00:00.251Z\n",
            ),
            ("sealed_at ", "sealed_at  "),
            ("sealed_at ", "Sealed_at "),
            ("00.000Z\n", "00.000Z\nmore\n"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(changed.parse::<SealedCheckpoint>().is_err(), "{changed}");
        }
        let empty = SealedCheckpoint { size: 0, ..sealed() };
        assert!(empty.to_string().parse::<SealedCheckpoint>().is_err());
    }

    #[test]
    fn only_a_key_of_the_log_vouches_for_it() {
        let key = |name, seed| SigningKey::from_seed(name, &[seed; 32]).unwrap();
        let (own, next, witness) = (
            key("example.com/log", 1),
            key("example.com/log", 2),
            key("witness.example", 3),
        );
        let note = sealed().sign(&[&own, &next, &witness]).unwrap();
        let open_with = |key: &SigningKey| open(&note, &[key.verifier().clone()]);
        assert_eq!(open_with(&own), Ok(sealed()));
        assert_eq!(open_with(&next), Ok(sealed()));
        let unknown = Err(CheckpointError::Note(NoteError::NoKnownSignature));
        assert_eq!(open_with(&witness), unknown);
        assert_eq!(open_with(&key("example.com/log", 4)), unknown);
        let named = SealedCheckpoint {
            origin: "example.com/log\n9".to_owned(),
            ..sealed()
        };
        assert!(named.sign(&[&own]).is_err());
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text: String) {
            let _ = (text.parse::<Checkpoint>(), text.parse::<SealedCheckpoint>());
        }
    }
}
