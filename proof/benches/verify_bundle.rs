//! How many events a second one core verifies: `cargo bench -p countersign-proof`.

#![expect(clippy::print_stdout, reason = "the figure is the output")]

#[path = "../tests/bundles/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod bundles;

use std::time::{Duration, Instant};

use bundles::{ORIGIN, TENANT, key, minute, pinned};
use countersign_proof::{
    bundle::{Header, Outcome, Verifier, Writer},
    checkpoint::SealedCheckpoint,
    disclosure::{digest, disclosure},
    entry::Entry,
    tree::{CompactRange, leaf_hash},
};
use serde_json::json;
use uuid::Uuid;

const EVENTS: u64 = 200_000;
const RUNS: usize = 5;

/// An event as agents record them: about 700 bytes of entry, and arguments with a few members.
fn event(number: u64) -> (String, Vec<String>) {
    let salt = |kind: u64| (u128::from(number) * 4 + u128::from(kind)).to_be_bytes();
    let arguments = json!({
        "order": format!("A-{number}"), "amount_cents": number * 7 % 100_000, "currency": "EUR",
        "reason": "The customer was charged twice", "notify": true, "password": "[REDACTED:key:password]",
    });
    let disclosures = [
        disclosure(&salt(0), "sanitized_args", &arguments).expect("a disclosure"),
        disclosure(&salt(1), "args_salt", &json!(hex::encode(salt(3)))).expect("a disclosure"),
        disclosure(&salt(2), "caller_id", &json!("refund-agent")).expect("a disclosure"),
    ];
    let mut digests: Vec<_> = disclosures.iter().map(|text| digest(text).into()).collect();
    digests.sort_unstable();
    let entry = Entry {
        digests,
        action: Some("payments.refund.requested".into()),
        correlation_id: Some(format!("corr-{number}").into()),
        decision: Some("REQUIRE_APPROVAL".into()),
        environment: Some("production".into()),
        event_id: Uuid::from_u128((0x019a_9f00_0000_7000 << 64) + u128::from(number)),
        latency_ms: Some(12),
        occurred_at: Some(minute(1)),
        outcome: Some("PENDING".into()),
        raw_args_hash: hex::encode([7; 32]).into(),
        recorded_by: "agent:refund-agent".into(),
        redaction_flags: vec!["key:password".into()],
        request_id: format!("request-{number}").into(),
        risk_labels: vec!["money".into()],
        tenant_id: TENANT,
        tool: "payments.refund".into(),
        trust_level: Some(2),
        v: 1,
    };
    (entry.to_text().expect("an entry"), disclosures.into())
}

fn bundle() -> Vec<u8> {
    let events: Vec<_> = (0..EVENTS).map(event).collect();
    let mut tree = CompactRange::new();
    for (entry, _) in &events {
        tree.append(leaf_hash(entry.as_bytes())).expect("it fits");
    }
    let end = SealedCheckpoint {
        origin: ORIGIN.to_owned(),
        size: tree.size(),
        root: tree.root(),
        sealed_at: minute(3),
        sealed_through: minute(2),
    };
    let header = Header {
        origin: ORIGIN.to_owned(),
        tenant_id: TENANT,
        from: None,
        to: None,
        start: None,
        frontier: CompactRange::new(),
        end: end.sign(&[&key(1)]).expect("a checkpoint"),
        previous: None,
        keys: pinned(&[1]),
    };
    let (mut writer, mut text) = Writer::new(header).expect("a header");
    for (entry, disclosures) in &events {
        text.push_str(&writer.leaf(entry, disclosures).expect("a line"));
    }
    text.push_str(&writer.finish().expect("a trailer"));
    text.into_bytes()
}

fn run(bundle: &[u8]) -> Duration {
    let started = Instant::now();
    let mut verifier = Verifier::new(pinned(&[1]));
    for piece in bundle.chunks(65_536) {
        verifier.push(piece).expect("a good bundle");
    }
    let outcome = verifier.finish();
    let took = started.elapsed();
    assert!(matches!(outcome, Outcome::SignedPinned(_)), "{outcome:?}");
    took
}

fn main() {
    let bundle = bundle();
    let best = (0..RUNS).map(|_| run(&bundle)).min().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (events, bytes) = (EVENTS as f64, bundle.len() as f64);
    println!(
        "{EVENTS} events, {:.0} bytes each: {:.0} events/s, {:.0} MB/s on one core (best of {RUNS})",
        bytes / events,
        events / best.as_secs_f64(),
        bytes / best.as_secs_f64() / 1e6
    );
}
