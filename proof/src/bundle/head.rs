//! The header: whether its checkpoints are signed, of one log, and lead to one another.

use uuid::Uuid;

use super::{
    FORMAT, MAX_KEYS,
    form::{HeaderLine, strictly},
    outcome::{Reason, Requested, Span, TreeHead, Which},
};
use crate::{
    checkpoint::{SealedCheckpoint, signed_by_origin},
    encoding::hash_from_base64,
    note::{Note, NoteError, VerifierKey, is_name},
    tree::{CompactRange, Hash, verify_consistency},
};

/// Whose word counts for a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// That of keys which the verifier was given.
    Pinned,
    /// That of keys which the header lists.
    Listed,
    /// Nobody's.
    Nobody,
}

/// A header that was checked.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) trust: Trust,
    pub(super) tenant_id: Uuid,
    pub(super) requested: Requested,
    pub(super) complete: Option<Span>,
    pub(super) covers_request: bool,
    pub(super) tree: CompactRange,
    pub(super) end: SealedCheckpoint,
    pub(super) previous: Option<TreeHead>,
    pub(super) signed_by: Vec<String>,
}

/// Checks the first line.
pub(super) fn check(line: &[u8], pinned: &[VerifierKey]) -> Result<Head, Reason> {
    let malformed = |what| Reason::HeaderMalformed { what };
    let header: HeaderLine = strictly(line).ok_or(malformed("line"))?;
    if header.format != FORMAT {
        return Err(malformed("format"));
    }
    if !is_name(&header.origin) {
        return Err(malformed("origin"));
    }
    if header.from.zip(header.to).is_some_and(|(from, to)| from >= to) {
        return Err(malformed("to"));
    }
    let listed = keys(&header).ok_or(malformed("keys"))?;
    let frontier = hashes(&header.frontier).ok_or(malformed("frontier"))?;
    let consistency = hashes(&header.consistency).ok_or(malformed("consistency"))?;

    let (trust, counting) = match (pinned, listed.as_slice()) {
        ([], []) => (Trust::Nobody, None),
        ([], listed) => (Trust::Listed, Some(listed)),
        (pinned, _) => (Trust::Pinned, Some(pinned)),
    };
    let open = |which, note: &str| open(which, note, &header.origin, counting);
    let start = header
        .start
        .as_deref()
        .map(|note| open(Which::Start, note))
        .transpose()?;
    let (end, signed_by) = open(Which::End, &header.end)?;
    let previous = header.previous.as_deref().map(|note| open(Which::Previous, note));
    let (start, previous) = (
        start.map(|opened| opened.0),
        previous.transpose()?.map(|opened| opened.0),
    );

    // The tree without leaves is said by the absence of `start`, and by nothing else.
    if start.as_ref().is_some_and(|start| start.size == 0) {
        return Err(Reason::CheckpointMalformed { which: Which::Start });
    }
    for (which, earlier) in [(Which::Start, &start), (Which::Previous, &previous)] {
        if earlier.as_ref().is_some_and(|earlier| earlier.size > end.size) {
            return Err(Reason::RolledBack { which });
        }
    }
    let tree = match &start {
        None => CompactRange::from_hashes(0, &frontier).ok(),
        Some(start) => CompactRange::from_hashes(start.size, &frontier)
            .ok()
            .filter(|tree| tree.root() == start.root),
    };
    let tree = tree.ok_or(Reason::FrontierMismatch)?;
    let is_continued = match &previous {
        // The tree without leaves is a prefix of any; its root was looked at when the checkpoint was read.
        Some(previous) if previous.size > 0 => {
            verify_consistency(previous.size, end.size, &consistency, &previous.root, &end.root).is_ok()
        }
        _ => consistency.is_empty(),
    };
    if !is_continued {
        return Err(Reason::ConsistencyInvalid);
    }

    let requested = Requested {
        from: header.from,
        to: header.to,
    };
    let (complete, covers_request) = completeness(requested, start.as_ref(), &end);
    Ok(Head {
        trust,
        tenant_id: header.tenant_id,
        requested,
        complete,
        covers_request,
        tree,
        end,
        previous: previous.map(|previous| TreeHead {
            size: previous.size,
            root: hex::encode(previous.root),
        }),
        signed_by,
    })
}

/// For which time nothing is missing, and whether that is what was asked for.
///
/// What stands before the first leaf was received before `start` was sealed, so nothing received later is missing; and what
/// was received before the time through which `end` is sealed stands before its last leaf.
fn completeness(
    requested: Requested,
    start: Option<&SealedCheckpoint>,
    end: &SealedCheckpoint,
) -> (Option<Span>, bool) {
    let from = requested.from.max(start.map(|start| start.sealed_at));
    let to = requested.to.map_or(end.sealed_through, |to| to.min(end.sealed_through));
    let complete = from.is_none_or(|from| from < to).then_some(Span { from, to });
    let is_covered = from == requested.from && requested.to.is_none_or(|asked| asked == to);
    (complete, is_covered && complete.is_some())
}

/// The listed keys, each a key of the log, in the order of their texts and none twice.
fn keys(header: &HeaderLine) -> Option<Vec<VerifierKey>> {
    if header.keys.len() > MAX_KEYS || !header.keys.is_sorted_by(|one, next| one < next) {
        return None;
    }
    let keys = header.keys.iter().map(|text| text.parse().ok());
    keys.map(|key| key.filter(|key: &VerifierKey| key.name() == header.origin))
        .collect()
}

fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    texts.iter().map(|text| hash_from_base64(text)).collect()
}

/// A checkpoint, and the keys among `counting` that signed it; with `None` nobody is asked.
fn open(
    which: Which,
    note: &str,
    origin: &str,
    counting: Option<&[VerifierKey]>,
) -> Result<(SealedCheckpoint, Vec<String>), Reason> {
    let malformed = Reason::CheckpointMalformed { which };
    let note = Note::parse(note).map_err(|_| malformed.clone())?;
    let checkpoint: SealedCheckpoint = note.unverified_text().parse().map_err(|_| malformed.clone())?;
    if checkpoint.origin != origin {
        return Err(Reason::OriginMismatch { which });
    }
    let Some(counting) = counting else {
        return Ok((checkpoint, Vec::new()));
    };
    let signers = signed_by_origin(&note, origin, counting).map_err(|error| match error {
        NoteError::InvalidSignature { .. } => Reason::SignatureInvalid { which },
        NoteError::NoKnownSignature => Reason::SignatureMissing { which },
        NoteError::Malformed(_) => malformed,
    })?;
    Ok((checkpoint, signers.into_iter().map(ToString::to_string).collect()))
}
