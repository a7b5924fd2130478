//! One leaf: its entry, and the values disclosed beside it.

use uuid::Uuid;

use super::{form::LeafLine, ids::SeenIds, outcome::Reason};
use crate::{
    disclosure::{Disclosable, classify, digest},
    entry::Entry,
    tree::{Hash, leaf_hash},
};

/// What a leaf adds to the report.
pub(super) struct Checked {
    pub(super) hash: Hash,
    /// The values that the entry commits to and the bundle does not show.
    pub(super) erased: usize,
}

/// Checks a leaf for itself. That it is the one in the log is seen from the root, when all are there.
pub(super) fn check(leaf: &LeafLine<'_>, tenant_id: Uuid, seen: &mut SeenIds) -> Result<Checked, Reason> {
    let index = leaf.index;
    let entry = Entry::parse(&leaf.entry).map_err(|error| Reason::EntryMalformed {
        index,
        what: error.to_string(),
    })?;
    if entry.tenant_id != tenant_id {
        return Err(Reason::TenantMismatch { index });
    }
    if !seen.is_new(entry.event_id) {
        return Err(Reason::EventDuplicate { index });
    }
    let malformed = Err(Reason::DisclosureMalformed { index });
    let mut shown: Vec<Disclosable> = Vec::with_capacity(3);
    let mut last = "";
    for disclosure in &leaf.disclosures {
        // In the order of their texts, so that there is one way to show them and no text stands twice.
        if disclosure.as_ref() <= last {
            return malformed;
        }
        last = disclosure;
        if !entry.commits_to(&digest(disclosure)) {
            return Err(Reason::DisclosureUncommitted { index });
        }
        match classify(disclosure) {
            Some(value) if !shown.contains(&value) => shown.push(value),
            _ => return malformed,
        }
    }
    Ok(Checked {
        hash: leaf_hash(leaf.entry.as_bytes()),
        erased: entry.digests.len().saturating_sub(shown.len()),
    })
}
