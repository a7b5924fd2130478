//! Proofs that an entry is in a log, in one text (c2sp.org/tlog-proof@v1).

use std::{fmt, str::FromStr};

use crate::{
    checkpoint::{Checkpoint, CheckpointError, signed_by_origin},
    encoding::{decimal, from_base64, hash_from_base64, to_base64},
    note::{Note, NoteError, VerifierKey},
    tree::{Hash, MAX_SIZE, ProofError, verify_inclusion},
};

/// The first line.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The longest proof that is read, in bytes.
pub const MAX_PROOF_BYTES: usize = 2_000_000;

/// No tree is higher.
const MAX_PATH: usize = 63;

/// A proof as it was read. Its `Display` is the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Data for whoever uses the proof. Nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// The leaf's index, from 0.
    pub index: u64,
    /// The inclusion path, from the leaf's sibling upwards.
    pub path: Vec<Hash>,
    /// The checkpoint's signed note.
    pub checkpoint: String,
}

/// Why a proof shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// It does not have the form of a proof.
    #[error("not a {HEADER}: {0}")]
    Malformed(&'static str),
    /// Its checkpoint is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The leaf is not where the proof says.
    #[error("the entry is not in the log: {0}")]
    Inclusion(#[from] ProofError),
}

impl TlogProofError {
    /// The error's stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "PROOF_MALFORMED",
            Self::Checkpoint(CheckpointError::Note(NoteError::InvalidSignature { .. })) => "SIGNATURE_INVALID",
            Self::Checkpoint(CheckpointError::Note(NoteError::NoKnownSignature)) => "SIGNATURE_MISSING",
            Self::Checkpoint(_) => "CHECKPOINT_MALFORMED",
            Self::Inclusion(_) => "NOT_INCLUDED",
        }
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(text: &str) -> Result<Self, TlogProofError> {
        let malformed = TlogProofError::Malformed;
        if text.len() > MAX_PROOF_BYTES {
            return Err(malformed("it is too long"));
        }
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(malformed("no empty line parts path and checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed("its first line is another"));
        }
        let mut line = lines.next().unwrap_or_default();
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            extra = Some(from_base64(encoded).ok_or(malformed("its extra data is no Base64"))?);
            line = lines.next().unwrap_or_default();
        }
        let index = line
            .strip_prefix("index ")
            .and_then(decimal)
            .filter(|index| *index < MAX_SIZE)
            .ok_or(malformed("it has no index"))?;
        let mut path = Vec::new();
        for line in lines {
            path.push(hash_from_base64(line).ok_or(malformed("a line of its path is no hash"))?);
            if path.len() > MAX_PATH {
                return Err(malformed("its path is longer than any"));
            }
        }
        Ok(Self {
            extra,
            index,
            path,
            checkpoint: checkpoint.to_owned(),
        })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", to_base64(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        self.path
            .iter()
            .try_for_each(|hash| writeln!(formatter, "{}", to_base64(hash)))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}

impl TlogProof {
    /// Checks that the leaf is in the log at the index, under a checkpoint that a key of the log among `keys` signed, and
    /// returns that checkpoint.
    ///
    /// # Errors
    /// See [`TlogProofError`].
    pub fn verify(&self, leaf_hash: &Hash, keys: &[VerifierKey]) -> Result<Checkpoint, TlogProofError> {
        let (note, checkpoint) = self.open()?;
        signed_by_origin(&note, &checkpoint.origin, keys).map_err(CheckpointError::from)?;
        self.check(leaf_hash, checkpoint)
    }

    /// Checks the same without asking who signed the checkpoint: that the hashes fit together, and nothing more.
    ///
    /// # Errors
    /// See [`TlogProofError`].
    pub fn verify_unsigned(&self, leaf_hash: &Hash) -> Result<Checkpoint, TlogProofError> {
        let (_, checkpoint) = self.open()?;
        self.check(leaf_hash, checkpoint)
    }

    fn open(&self) -> Result<(Note<'_>, Checkpoint), CheckpointError> {
        let note = Note::parse(&self.checkpoint)?;
        let checkpoint = note.unverified_text().parse()?;
        Ok((note, checkpoint))
    }

    fn check(&self, leaf_hash: &Hash, checkpoint: Checkpoint) -> Result<Checkpoint, TlogProofError> {
        verify_inclusion(self.index, checkpoint.size, leaf_hash, &self.path, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        checkpoint::SealedCheckpoint,
        note::SigningKey,
        tree::{leaf_hash, node_hash},
    };

    const ENTRY: &[u8] = b"an entry";

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("example.com/log", &[seed; 32]).unwrap()
    }

    fn proof() -> TlogProof {
        let sibling = leaf_hash(b"the one before");
        let checkpoint = SealedCheckpoint {
            origin: "example.com/log".to_owned(),
            size: 2,
            root: node_hash(&sibling, &leaf_hash(ENTRY)),
            sealed_at: "2026-11-20T08:00:00.250Z".parse().unwrap(),
            sealed_through: "2026-11-20T08:00:00.000Z".parse().unwrap(),
        };
        TlogProof {
            extra: None,
            index: 1,
            path: vec![sibling],
            checkpoint: checkpoint.sign(&[&key(1)]).unwrap(),
        }
    }

    #[test]
    fn the_form_is_that_of_the_specification() {
        // c2sp.org/tlog-proof, its example; the signatures, which it abridges, are another checkpoint's.
        let text = "c2sp.org/tlog-proof@v1\n\
            extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ\n\
            index 73894\n\
            gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\
            B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\
            EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\n\
            RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n\
            AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n\
            \n\
            example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n\
            \u{2014} example.com/fancylog Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let proof: TlogProof = text.parse().unwrap();
        assert_eq!((proof.index, proof.path.len()), (73_894, 5));
        assert!(
            proof
                .extra
                .as_ref()
                .is_some_and(|extra| extra.starts_with(b"age-v1.2.1-darwin-arm64.tar.gz"))
        );
        assert_eq!(proof.to_string(), text);
        let checkpoint = proof.open().unwrap().1;
        assert_eq!(
            (checkpoint.origin.as_str(), checkpoint.size),
            ("example.com/fancylog", 109_482)
        );
        // Five hashes are no path in a tree of that size.
        assert_eq!(
            proof.verify_unsigned(&[0; 32]),
            Err(TlogProofError::Inclusion(ProofError::Length))
        );
    }

    #[test]
    fn it_holds_for_its_entry_place_and_key_alone() {
        let keys = [key(1).verifier().clone()];
        let read: TlogProof = proof().to_string().parse().unwrap();
        assert_eq!(read, proof());
        assert_eq!(read.verify(&leaf_hash(ENTRY), &keys).unwrap().size, 2);
        assert!(read.verify_unsigned(&leaf_hash(ENTRY)).is_ok());

        let inclusion = |error| Err(TlogProofError::Inclusion(error));
        assert_eq!(read.verify(&leaf_hash(b"another"), &keys), inclusion(ProofError::Root));
        for (index, error) in [(0, ProofError::Root), (2, ProofError::Sizes)] {
            let moved = TlogProof { index, ..proof() };
            assert_eq!(moved.verify(&leaf_hash(ENTRY), &keys), inclusion(error));
        }
        assert_eq!(
            read.verify(&leaf_hash(ENTRY), &[key(2).verifier().clone()]),
            Err(CheckpointError::Note(NoteError::NoKnownSignature).into())
        );
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let keys = [key(1).verifier().clone()];
        let text = proof().to_string().into_bytes();
        for (at, bit) in (0..text.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut changed = text.clone();
            changed[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            let verified = changed
                .parse()
                .and_then(|proof: TlogProof| proof.verify(&leaf_hash(ENTRY), &keys));
            assert!(verified.is_err(), "{changed}");
        }
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        let text = proof().to_string();
        let long = format!(
            "index 1\n{}",
            "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n".repeat(63)
        );
        for (from, to) in [
            ("@v1", "@v2"),
            ("index 1", "index 01"),
            ("index 1", "index -1"),
            ("index 1", "index 9223372036854775807"),
            ("index 1\n", ""),
            ("index 1", "extra \nextra \nindex 1"),
            ("index 1\n", &long),
            ("\n\n", "\n"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(
                matches!(changed.parse::<TlogProof>(), Err(TlogProofError::Malformed(_))),
                "{changed}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text: String) {
            let head = format!("{HEADER}\nindex 0\n\n{text}");
            for text in [text, head] {
                if let Ok(proof) = text.parse::<TlogProof>() {
                    prop_assert_eq!(proof.to_string(), text);
                    let _ = proof.verify_unsigned(&[0; 32]);
                }
            }
        }
    }
}
