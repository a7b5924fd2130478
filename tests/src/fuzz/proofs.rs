//! What somebody else wrote and a verifier reads: notes, checkpoints, proofs, entries, bundles.

use countersign_proof::{
    bundle::Verifier,
    canonical::is_canonical,
    checkpoint::{self, Checkpoint, SealedCheckpoint},
    disclosure::{classify, digest, open},
    entry::Entry,
    note::{Note, SigningKey, VerifierKey},
    tlog_proof::TlogProof,
    tree::leaf_hash,
};

/// The log of the corpora.
const ORIGIN: &str = "log.example/tenants/1";

/// The key that signed what is good in the corpora, and its public half.
fn key() -> Option<SigningKey> {
    SigningKey::from_seed(ORIGIN, &[1; 32]).ok()
}

fn pinned() -> Vec<VerifierKey> {
    key().iter().map(|key| key.verifier().clone()).collect()
}

/// A note is read or refused; what is read has a text, and what somebody signed is read again with its signature. A
/// verifier key has one spelling.
pub(super) fn note(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text, "a key has two spellings");
    }
    if let Ok(note) = Note::parse(text) {
        assert!(text.starts_with(note.unverified_text()) && note.unverified_text().ends_with('\n'));
        let _ = note.verify(&pinned());
    }
    let signed = key().and_then(|key| countersign_proof::note::sign(text, &[&key]).ok());
    if let Some(signed) = signed {
        let note = Note::parse(&signed);
        assert!(note.is_ok_and(|note| note.verify(&pinned()).is_ok_and(|(signed, _)| signed == text)));
    }
}

/// A checkpoint has one spelling, signed or not.
pub(super) fn checkpoint(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text, "a checkpoint has two spellings");
    }
    if let Ok(sealed) = text.parse::<SealedCheckpoint>() {
        assert_eq!(sealed.to_string(), text, "a sealed checkpoint has two spellings");
        assert!(sealed.sealed_through <= sealed.sealed_at);
        let signed = key().and_then(|key| sealed.sign(&[&key]).ok());
        // A note holds no control character but the newline.
        let is_signable = !text.chars().any(|character| character < ' ' && character != '\n');
        assert_eq!(signed.is_some_and(|note| note.starts_with(text)), is_signable);
    }
    let _ = checkpoint::open(text, &pinned());
}

/// A proof has one spelling and holds for one entry at most.
pub(super) fn tlog_proof(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(proof) = text.parse::<TlogProof>() else { return };
    assert_eq!(proof.to_string(), text, "a proof has two spellings");
    let leaves = [leaf_hash(b"first"), leaf_hash(b"second")];
    let holds = leaves.iter().filter(|leaf| proof.verify_unsigned(leaf).is_ok()).count();
    let signed = leaves
        .iter()
        .filter(|leaf| proof.verify(leaf, &pinned()).is_ok())
        .count();
    assert!(signed <= holds && holds <= 1, "a proof holds for two entries");
}

/// An entry has one spelling, which is canonical; a disclosure that is one of ours opens.
pub(super) fn entry(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(entry) = Entry::parse(text) {
        assert_eq!(entry.to_text().as_deref(), Ok(text), "an entry has two spellings");
        assert!(is_canonical(text), "an entry is not canonical");
    }
    let _ = (is_canonical(text), digest(text), open(text));
    if classify(text).is_some() {
        assert!(open(text).is_some(), "a disclosure does not open");
    }
}

/// A bundle comes to the same end in one piece and in many. The good ones of the corpus hold, and no other does unless its
/// signatures are theirs.
pub(super) fn bundle(data: &[u8]) {
    let mut whole = Verifier::new(pinned());
    let _ = whole.push(data);
    let outcome = whole.finish();
    let mut pieces = Verifier::new(pinned());
    let _ = data.chunks(7).try_for_each(|piece| pieces.push(piece));
    assert_eq!(pieces.finish(), outcome, "where the pieces end matters");
    let mut anybody = Verifier::new(Vec::new());
    let _ = anybody.push(data);
    let _ = anybody.finish();
}
