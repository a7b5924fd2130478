//! What may happen to a bundle on its way, each once.

use super::{Log, ORIGIN, TENANT, event, key, lines, minute, pinned, resealed, samples};
use countersign_proof::{
    bundle::{Header, Previous},
    canonical::canonical_json,
    note::{SigningKey, VerifierKey, sign},
    tree::CompactRange,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A bundle that is not what it should be.
pub(crate) struct Tampered {
    /// What was done to it.
    pub(crate) what: String,
    pub(crate) bundle: Vec<u8>,
    /// The keys that the verifier believes.
    pub(crate) pinned: Vec<VerifierKey>,
    /// The only codes that are right.
    pub(crate) codes: Vec<&'static str>,
}

const CHECKPOINT: [&str; 4] = [
    "CHECKPOINT_MALFORMED",
    "ORIGIN_MISMATCH",
    "SIGNATURE_INVALID",
    "SIGNATURE_MISSING",
];

/// The codes that are right where the byte at `at` of line `line` of `lines` was flipped, by the member it is in.
fn codes_of(lines: &[Vec<u8>], line: usize, at: usize) -> Vec<&'static str> {
    let is_last = at + 1 == lines[line].len();
    let before = String::from_utf8_lossy(&lines[line][..at]);
    // The member whose value the byte is in, if it is in one.
    let member = {
        let names = [
            "consistency",
            "end",
            "format",
            "from",
            "frontier",
            "keys",
            "origin",
            "previous",
            "start",
            "tenant_id",
            "to",
            "disclosures",
            "entry",
            "index",
            "leaf_hash",
            "leaves",
            "sha256",
        ];
        let found = names
            .iter()
            .filter_map(|name| before.rfind(&format!("\"{name}\":")).map(|place| (place, *name)));
        found.max().map(|(_, name)| name)
    };
    let shape = if line == 0 {
        "HEADER_MALFORMED"
    } else {
        "LINE_MALFORMED"
    };
    let mut codes = vec![shape];
    if line + 1 == lines.len() {
        codes.extend(["COUNT_MISMATCH", "CHECKSUM_MISMATCH"]);
        // The end of the last line is the end of the bundle.
        return if is_last { vec!["TRUNCATED"] } else { codes };
    }
    match member {
        Some("consistency") => codes.push("CONSISTENCY_INVALID"),
        Some("end" | "start" | "previous") => codes.extend(CHECKPOINT),
        // A flip in the text of a time is another time that was asked for.
        Some("from" | "to") => codes.push("CHECKSUM_MISMATCH"),
        Some("frontier") => codes.push("FRONTIER_MISMATCH"),
        Some("origin") => codes.push("ORIGIN_MISMATCH"),
        Some("tenant_id") => codes.push("TENANT_MISMATCH"),
        Some("disclosures") => codes.extend(["DISCLOSURE_MALFORMED", "DISCLOSURE_UNCOMMITTED"]),
        Some("entry") => codes.extend([
            "ENTRY_MALFORMED",
            "TENANT_MISMATCH",
            "EVENT_DUPLICATE",
            "DISCLOSURE_UNCOMMITTED",
            "ROOT_MISMATCH",
        ]),
        Some("index") => codes.push("INDEX_UNEXPECTED"),
        Some("leaf_hash") => codes.push("ROOT_MISMATCH"),
        _ => {}
    }
    codes
}

/// The bundle with bits of each byte flipped, for each of the masks.
pub(crate) fn flips(bundle: &[u8], masks: &[u8]) -> impl Iterator<Item = Tampered> {
    let lines = lines(bundle);
    let places: Vec<(usize, usize)> = (0..lines.len())
        .flat_map(|line| (0..lines[line].len()).map(move |at| (line, at)))
        .collect();
    let each = places.into_iter().enumerate();
    each.flat_map(move |(place, (line, at))| masks.iter().map(move |mask| (place, line, at, *mask)))
        .map(move |(place, line, at, mask)| {
            let mut changed = bundle.to_vec();
            changed[place] ^= mask;
            Tampered {
                what: format!("line {line}, byte {at} ^ {mask:#04x}"),
                bundle: changed,
                pinned: pinned(&[1]),
                codes: codes_of(&lines, line, at),
            }
        })
}

/// The bundle with each line dropped, each repeated, and each pair swapped.
pub(crate) fn moves(bundle: &[u8]) -> Vec<Tampered> {
    let lines = lines(bundle);
    let last = lines.len() - 1;
    let mut tampered = Vec::new();
    let mut add = |what: String, changed: Vec<Vec<u8>>, code| {
        tampered.push(Tampered {
            what,
            bundle: changed.concat(),
            pinned: pinned(&[1]),
            codes: vec![code],
        });
    };
    for number in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(number);
        let code = match number {
            0 => "HEADER_MALFORMED",
            _ if number == last => "TRUNCATED",
            _ if number + 1 == last => "LEAVES_MISSING",
            _ => "INDEX_UNEXPECTED",
        };
        add(format!("line {number} dropped"), dropped, code);
        let mut repeated = lines.clone();
        repeated.insert(number, lines[number].clone());
        let code = match number {
            0 => "LINE_MALFORMED",
            _ if number == last => "TRAILING_DATA",
            _ => "INDEX_UNEXPECTED",
        };
        add(format!("line {number} repeated"), repeated, code);
        for other in number + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(number, other);
            let code = match number {
                0 => "HEADER_MALFORMED",
                _ if other == last => "LEAVES_MISSING",
                _ => "INDEX_UNEXPECTED",
            };
            add(format!("lines {number} and {other} swapped"), swapped, code);
        }
    }
    tampered
}

/// The bundle cut off after each byte, and something after its end.
pub(crate) fn cuts(bundle: &[u8]) -> Vec<Tampered> {
    let cut = |bundle: Vec<u8>, code| Tampered {
        what: format!("{} bytes", bundle.len()),
        bundle,
        pinned: pinned(&[1]),
        codes: vec![code],
    };
    let ends = (0..bundle.len()).map(|end| cut(bundle[..end].to_vec(), "TRUNCATED"));
    let more = ["\n", " ", "x"].map(|more| cut([bundle, more.as_bytes()].concat(), "TRAILING_DATA"));
    ends.chain(more).collect()
}

/// What somebody does who knows the format, has the log's older checkpoints and everything but its key.
#[expect(clippy::too_many_lines, reason = "one forgery after the other")]
pub(crate) fn forgeries() -> Vec<Tampered> {
    let [(whole_log, whole), (log, range)] = samples();
    let mut tampered = Vec::new();
    let mut add = |what: &str, bundle: Vec<u8>, seeds: &[u8], code| {
        tampered.push(Tampered {
            what: what.to_owned(),
            bundle,
            pinned: pinned(seeds),
            codes: vec![code],
        });
    };
    let header = || log.header(&range);
    let good = log.bundle(&range);

    // Keys and checkpoints.
    add("another key is believed", good.clone(), &[2], "SIGNATURE_MISSING");
    add(
        "no listed key signed",
        log.bundle_with(
            Header {
                keys: pinned(&[2]),
                ..header()
            },
            &range,
        ),
        &[],
        "SIGNATURE_MISSING",
    );
    let mut keys = pinned(&[1]);
    keys.push(VerifierKey::new("another.example", key(1).verifier().public()).expect("a key"));
    add(
        "a listed key is another log's",
        log.bundle_with(Header { keys, ..header() }, &range),
        &[1],
        "HEADER_MALFORMED",
    );
    let mut forger = Log::new(9);
    forger.key = key(2);
    add(
        "all checkpoints are a forger's",
        forger.bundle(&range),
        &[1],
        "SIGNATURE_MISSING",
    );
    for (what, size, code) in [
        ("rolled back by one leaf", 8, "LEAF_SURPLUS"),
        ("rolled back to the previous export", 6, "LEAF_SURPLUS"),
        ("rolled back before the previous export", 5, "ROLLED_BACK"),
        ("rolled back before the start", 2, "ROLLED_BACK"),
    ] {
        let mut older = header();
        older.end = log.checkpoint(size);
        older.previous = older.previous.map(|previous| Previous {
            path: if size >= 6 {
                log.consistency(6, size)
            } else {
                Vec::new()
            },
            ..previous
        });
        add(what, log.bundle_with(older, &range), &[1], code);
    }
    let mut start = header();
    start.start = Some(log.checkpoint(2));
    add(
        "an older start with the same frontier",
        log.bundle_with(start, &range),
        &[1],
        "FRONTIER_MISMATCH",
    );
    let mut start = header();
    start.start = None;
    add(
        "no start, but a frontier",
        log.bundle_with(start, &range),
        &[1],
        "FRONTIER_MISMATCH",
    );
    let mut start = header();
    start.start = Some(log.checkpoint(0));
    start.frontier = CompactRange::new();
    add(
        "an empty start",
        log.bundle_with(start, &range),
        &[1],
        "CHECKPOINT_MALFORMED",
    );
    let mut frontier = header();
    let hashes: Vec<_> = frontier.frontier.hashes().rev().collect();
    frontier.frontier = CompactRange::from_hashes(3, &hashes).expect("a range");
    add(
        "the frontier turned round",
        log.bundle_with(frontier, &range),
        &[1],
        "FRONTIER_MISMATCH",
    );

    // A fork: the same log, in which one event once read differently.
    let mut fork = Log::new(9);
    fork.events[5] = event(99, TENANT);
    let mut forked = header();
    forked.previous = Some(Previous {
        checkpoint: fork.checkpoint(6),
        path: fork.consistency(6, 9),
    });
    add(
        "the previous export is of a fork",
        log.bundle_with(forked.clone(), &range),
        &[1],
        "CONSISTENCY_INVALID",
    );
    forked.previous = Some(Previous {
        checkpoint: log.checkpoint(6),
        path: Vec::new(),
    });
    add(
        "the path from the previous export is missing",
        log.bundle_with(forked.clone(), &range),
        &[1],
        "CONSISTENCY_INVALID",
    );
    let mut stray: Value = serde_json::from_slice(&lines(&good)[0]).expect("JSON");
    stray["previous"] = Value::Null;
    let mut without = lines(&good);
    without[0] = format!("{}\n", canonical_json(&stray).expect("JSON")).into_bytes();
    add("a path from no export", resealed(without), &[1], "CONSISTENCY_INVALID");
    let mut other = Log::new(9);
    other.key = SigningKey::from_seed("another.example", &[1; 32]).expect("a key");
    forked.previous = Some(Previous {
        checkpoint: other.checkpoint(6),
        path: other.consistency(6, 9),
    });
    add(
        "the previous export is another log's",
        log.bundle_with(forked, &range),
        &[1],
        "ORIGIN_MISMATCH",
    );
    add(
        "the leaves are a fork's",
        fork.bundle_with(header(), &range),
        &[1],
        "ROOT_MISMATCH",
    );

    // Leaves.
    let replaced = |index: usize, line: String| {
        let mut lines = lines(&good);
        lines[index - range.start + 1] = line.into_bytes();
        resealed(lines)
    };
    let leaf = |index: usize, entry: &str, disclosures: &[&str]| {
        let line = json!({"disclosures": disclosures, "entry": entry, "index": index});
        format!("{}\n", canonical_json(&line).expect("JSON"))
    };
    let own = &log.events[5];
    let mut sorted: Vec<&str> = own.disclosures.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let entry = own.entry.replace("r-5", "r-6");
    add(
        "a changed entry",
        replaced(5, leaf(5, &entry, &sorted)),
        &[1],
        "ROOT_MISMATCH",
    );
    let entry = own.entry.replace("\"v\":1", "\"v\":2");
    add(
        "an entry of another version",
        replaced(5, leaf(5, &entry, &sorted)),
        &[1],
        "ENTRY_MALFORMED",
    );
    let entry = own.entry.replace("\"v\":1", "\"v\":1,\"w\":1");
    add(
        "an entry with a member more",
        replaced(5, leaf(5, &entry, &sorted)),
        &[1],
        "ENTRY_MALFORMED",
    );
    let entry = own.entry.replace("{\"_sd\"", "{ \"_sd\"");
    add(
        "an entry with white space",
        replaced(5, leaf(5, &entry, &sorted)),
        &[1],
        "ENTRY_MALFORMED",
    );
    let entry = format!("{}{}", own.entry, " ".repeat(65_535));
    add(
        "an entry that is too long",
        replaced(5, leaf(5, &entry, &sorted)),
        &[1],
        "ENTRY_MALFORMED",
    );
    let mut foreign: Vec<&str> = log.events[6].disclosures.iter().map(String::as_str).collect();
    foreign.sort_unstable();
    add(
        "another event's disclosures",
        replaced(5, leaf(5, &own.entry, &foreign)),
        &[1],
        "DISCLOSURE_UNCOMMITTED",
    );
    add(
        "a disclosure twice",
        replaced(5, leaf(5, &own.entry, &[sorted[0], sorted[0]])),
        &[1],
        "DISCLOSURE_MALFORMED",
    );
    add(
        "disclosures out of order",
        replaced(5, leaf(5, &own.entry, &[sorted[1], sorted[0]])),
        &[1],
        "DISCLOSURE_MALFORMED",
    );
    add(
        "an empty disclosure",
        replaced(5, leaf(5, &own.entry, &[""])),
        &[1],
        "DISCLOSURE_MALFORMED",
    );
    add(
        "a leaf of another hash",
        replaced(5, format!("{{\"index\":5,\"leaf_hash\":\"{}\"}}\n", "0".repeat(64))),
        &[1],
        "ROOT_MISMATCH",
    );
    add(
        "a leaf hash in capitals",
        replaced(5, format!("{{\"index\":5,\"leaf_hash\":\"{}\"}}\n", "A".repeat(64))),
        &[1],
        "LINE_MALFORMED",
    );
    add(
        "a number that is no index",
        replaced(5, format!("{{\"index\":5.0,\"leaf_hash\":\"{}\"}}\n", "0".repeat(64))),
        &[1],
        "LINE_MALFORMED",
    );
    add(
        "an index beyond all",
        replaced(
            5,
            format!(
                "{{\"index\":18446744073709551616,\"leaf_hash\":\"{}\"}}\n",
                "0".repeat(64)
            ),
        ),
        &[1],
        "LINE_MALFORMED",
    );
    add(
        "an index that canonical JSON writes otherwise",
        replaced(
            5,
            format!("{{\"index\":9007199254740992,\"leaf_hash\":\"{}\"}}\n", "0".repeat(64)),
        ),
        &[1],
        "LINE_MALFORMED",
    );
    add("an empty line", replaced(5, "\n".to_owned()), &[1], "LINE_MALFORMED");
    let mut renumbered = lines(&good);
    renumbered.remove(3);
    for (place, line) in renumbered.iter_mut().enumerate().skip(3) {
        let text = String::from_utf8(line.clone()).expect("UTF-8");
        let index = |index: usize| format!("\"index\":{index}");
        *line = text.replace(&index(place + 3), &index(place + 2)).into_bytes();
    }
    add(
        "a leaf left out and the rest renumbered",
        resealed(renumbered),
        &[1],
        "LEAVES_MISSING",
    );
    let mut more = lines(&good);
    let trailer = more.len() - 1;
    more.insert(
        trailer,
        format!("{{\"index\":9,\"leaf_hash\":\"{}\"}}\n", "0".repeat(64)).into_bytes(),
    );
    add("a leaf more", resealed(more), &[1], "LEAF_SURPLUS");
    let mut counted = lines(&good);
    let trailer = counted.pop().expect("a trailer");
    counted.push(
        String::from_utf8(trailer)
            .expect("UTF-8")
            .replace(":6,", ":7,")
            .into_bytes(),
    );
    add("a wrong count", counted.concat(), &[1], "COUNT_MISMATCH");

    // Asked for something else.
    let mut asked = header();
    asked.from = asked.to;
    add(
        "from as late as to",
        log.bundle_with(asked, &range),
        &[1],
        "HEADER_MALFORMED",
    );
    let mut asked = header();
    asked.from = Some(minute(20));
    add(
        "from after to",
        log.bundle_with(asked, &range),
        &[1],
        "HEADER_MALFORMED",
    );
    let mut tenant = header();
    tenant.tenant_id = Uuid::nil();
    add(
        "another tenant's name on it",
        log.bundle_with(tenant, &range),
        &[1],
        "TENANT_MISMATCH",
    );
    let mut named = whole_log.header(&whole);
    named.origin = String::from("another.example");
    named.keys = Vec::new();
    add(
        "another log's name on it",
        whole_log.bundle_with(named, &whole),
        &[1],
        "ORIGIN_MISMATCH",
    );
    let mut spaced = whole_log.header(&whole);
    spaced.origin = format!("{ORIGIN} x");
    spaced.keys = Vec::new();
    add(
        "a name that no key could have",
        whole_log.bundle_with(spaced, &whole),
        &[1],
        "HEADER_MALFORMED",
    );
    let format = String::from_utf8(good.clone())
        .expect("UTF-8")
        .replacen("bundle/v1", "bundle/v2", 1);
    add(
        "another format",
        resealed(lines(format.as_bytes())),
        &[1],
        "HEADER_MALFORMED",
    );

    // The log itself is wrong: its own key signed it.
    let mut twice = Log::new(9);
    twice.events[6] = twice.events[5].clone();
    add(
        "the log has an event twice",
        twice.bundle(&range),
        &[1],
        "EVENT_DUPLICATE",
    );
    let mut strange = Log::new(9);
    strange.events[5] = event(5, Uuid::nil());
    add(
        "the log has another tenant's event",
        strange.bundle(&range),
        &[1],
        "TENANT_MISMATCH",
    );
    let mut early = header();
    let sealed = log.sealed(9).to_string().replace(
        "sealed_through 2026-11-20T08:09:00.000Z",
        "sealed_through 2026-11-20T08:10:00.000Z",
    );
    early.end = sign(&sealed, &[&key(1)]).expect("a note");
    add(
        "the log is complete beyond its own time",
        log.bundle_with(early.clone(), &range),
        &[1],
        "CHECKPOINT_MALFORMED",
    );
    early.end = sign(&sealed.replace("sealed_at", "sealed_by"), &[&key(1)]).expect("a note");
    add(
        "the log does not say when it was sealed",
        log.bundle_with(early, &range),
        &[1],
        "CHECKPOINT_MALFORMED",
    );
    tampered
}
