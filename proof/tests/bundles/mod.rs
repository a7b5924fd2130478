//! A small log, and bundles of it.

pub(crate) mod tampering;

use countersign_proof::{
    bundle::{Header, Outcome, Previous, Verifier, Writer},
    checkpoint::SealedCheckpoint,
    disclosure::{digest, disclosure},
    entry::Entry,
    note::{SigningKey, VerifierKey},
    timestamp::Timestamp,
    tree::{CompactRange, Hash, Plan, leaf_hash},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The log's name.
pub(crate) const ORIGIN: &str = "log.example/tenants/1";
/// Whose log it is.
pub(crate) const TENANT: Uuid = Uuid::from_u128(0x019a_9f00_0000_7000_8000_0000_0000_0002);

/// The log's key.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[seed; 32]).expect("a key")
}

/// Keys to pin.
pub(crate) fn pinned(seeds: &[u8]) -> Vec<VerifierKey> {
    seeds.iter().map(|seed| key(*seed).verifier().clone()).collect()
}

/// An event: its entry and its disclosures.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) entry: String,
    pub(crate) disclosures: Vec<String>,
}

/// The event of this number, of a tenant.
pub(crate) fn event(number: u8, tenant_id: Uuid) -> Event {
    let salt = |kind: u8| [number.wrapping_mul(3).wrapping_add(kind); 16];
    let disclosures: Vec<String> = [
        ("args_salt", json!(hex::encode([number; 16]))),
        ("caller_id", json!("deployer")),
        (
            "sanitized_args",
            json!({"amount": number, "note": "ä \"quoted\"\n", "ratio": 0.5}),
        ),
    ]
    .into_iter()
    .zip(0..)
    .map(|((name, value), kind)| disclosure(&salt(kind), name, &value).expect("a disclosure"))
    .collect();
    let mut digests: Vec<_> = disclosures.iter().map(|text| digest(text).into()).collect();
    digests.sort_unstable();
    let entry = Entry {
        digests,
        action: number.is_multiple_of(2).then(|| "refund".into()),
        correlation_id: None,
        decision: Some("ALLOW".into()),
        environment: Some("dev".into()),
        event_id: Uuid::from_u128(0x019a_9f00_0000_7000_8000_0000_0000_1000 + u128::from(number)),
        latency_ms: Some(i64::from(number) * 7),
        occurred_at: "2026-11-20T08:00:00.123Z".parse().ok(),
        outcome: None,
        raw_args_hash: hex::encode([number; 32]).into(),
        recorded_by: "agent:deployer".into(),
        redaction_flags: vec!["key:password".into()],
        request_id: format!("r-{number}").into(),
        risk_labels: vec!["money".into()],
        tenant_id,
        tool: "payments.refund".into(),
        trust_level: Some(2),
        v: 1,
    };
    Event {
        entry: entry.to_text().expect("an entry"),
        disclosures,
    }
}

/// A whole log, sealed after every leaf.
pub(crate) struct Log {
    pub(crate) events: Vec<Event>,
    pub(crate) key: SigningKey,
}

/// What a bundle should hold.
#[derive(Clone, Default)]
pub(crate) struct Range {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) previous: Option<usize>,
    /// Leaves of which one disclosure is gone.
    pub(crate) erased: Vec<usize>,
    /// Leaves of which the entry is gone.
    pub(crate) absent: Vec<usize>,
}

impl Log {
    /// A log of so many events, under the key 1.
    pub(crate) fn new(events: u8) -> Self {
        Self {
            events: (0..events).map(|number| event(number, TENANT)).collect(),
            key: key(1),
        }
    }

    pub(crate) fn leaf(&self, index: usize) -> Hash {
        leaf_hash(self.events[index].entry.as_bytes())
    }

    pub(crate) fn range(&self, size: usize) -> CompactRange {
        let mut range = CompactRange::new();
        (0..size).for_each(|index| range.append(self.leaf(index)).expect("it fits"));
        range
    }

    /// The signed checkpoint after so many leaves: sealed half a second past the minute of that number, and complete
    /// through that minute.
    pub(crate) fn checkpoint(&self, size: usize) -> String {
        self.sealed(size).sign(&[&self.key]).expect("a checkpoint")
    }

    pub(crate) fn sealed(&self, size: usize) -> SealedCheckpoint {
        SealedCheckpoint {
            origin: self.key.verifier().name().to_owned(),
            size: size as u64,
            root: self.range(size).root(),
            sealed_at: format!("2026-11-20T08:{size:02}:00.500Z").parse().expect("a time"),
            sealed_through: minute(size),
        }
    }

    pub(crate) fn consistency(&self, from: usize, to: usize) -> Vec<Hash> {
        let Ok(plan) = Plan::consistency(from as u64, to as u64) else {
            return Vec::new();
        };
        let root_of = |first: u64, end: u64| {
            let mut range = CompactRange::new();
            let leaves = usize::try_from(first).expect("small")..usize::try_from(end).expect("small");
            leaves.for_each(|index| range.append(self.leaf(index)).expect("it fits"));
            range.root()
        };
        plan.build(|id| id.leaves().map(|(first, end)| root_of(first, end)))
            .expect("every node")
    }

    /// The header of a bundle that asks for exactly what its checkpoints are complete for.
    pub(crate) fn header(&self, range: &Range) -> Header {
        Header {
            origin: ORIGIN.to_owned(),
            tenant_id: TENANT,
            from: (range.start > 0).then(|| minute(range.start + 1)),
            to: Some(minute(range.end)),
            start: (range.start > 0).then(|| self.checkpoint(range.start)),
            frontier: self.range(range.start),
            end: self.checkpoint(range.end),
            previous: range.previous.map(|size| Previous {
                checkpoint: self.checkpoint(size),
                path: self.consistency(size, range.end),
            }),
            keys: vec![self.key.verifier().clone()],
        }
    }

    /// A bundle, as the product would write it.
    pub(crate) fn bundle(&self, range: &Range) -> Vec<u8> {
        self.bundle_with(self.header(range), range)
    }

    /// A bundle with another header.
    pub(crate) fn bundle_with(&self, header: Header, range: &Range) -> Vec<u8> {
        let (mut writer, mut text) = Writer::new(header).expect("a header");
        for index in range.start..range.end {
            let event = &self.events[index];
            let shown = &event.disclosures[usize::from(range.erased.contains(&index))..];
            let line = if range.absent.contains(&index) {
                writer.absent(&self.leaf(index))
            } else {
                writer.leaf(&event.entry, shown)
            };
            text.push_str(&line.expect("a line"));
        }
        text.push_str(&writer.finish().expect("a trailer"));
        text.into_bytes()
    }
}

/// A minute past eight.
pub(crate) fn minute(number: usize) -> Timestamp {
    format!("2026-11-20T08:{number:02}:00.000Z").parse().expect("a time")
}

/// What a bundle is under these keys.
pub(crate) fn verify(bundle: &[u8], pinned: Vec<VerifierKey>) -> Outcome {
    let mut verifier = Verifier::new(pinned);
    let _ = verifier.push(bundle);
    verifier.finish()
}

/// The lines of a bundle, each with its newline.
pub(crate) fn lines(bundle: &[u8]) -> Vec<Vec<u8>> {
    bundle
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// The lines with a trailer that fits them: what whoever forges a bundle does last.
pub(crate) fn resealed(mut lines: Vec<Vec<u8>>) -> Vec<u8> {
    lines.pop();
    let leaves = lines.len() - 1;
    let sha256 = hex::encode(Sha256::digest(lines.concat()));
    lines.push(format!("{}\n", json!({"leaves": leaves, "sha256": sha256})).into_bytes());
    lines.concat()
}

/// The two bundles that everything is tried on: one from the log's beginning, and one with all that a bundle may have.
pub(crate) fn samples() -> [(Log, Range); 2] {
    let from_the_beginning = Range {
        end: 5,
        ..Range::default()
    };
    let continued = Range {
        start: 3,
        end: 9,
        previous: Some(6),
        erased: vec![4],
        absent: vec![7],
    };
    [(Log::new(5), from_the_beginning), (Log::new(9), continued)]
}
