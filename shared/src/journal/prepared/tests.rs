//! Tests of prepared events and the entries in them.

use countersign_proof::{
    disclosure::{Disclosable, classify},
    entry::Entry,
};
use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::journal::{disclosure::digest, entry::MAX_ENTRY_BYTES};

const EVENT_ID: Uuid = Uuid::from_u128(0x019a_9f00_0000_7000_8000_0000_0000_0001);
const TENANT_ID: Uuid = Uuid::from_u128(0x019a_9f00_0000_7000_8000_0000_0000_0002);

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// An event with a caller and arguments.
pub(in crate::journal) fn event() -> NewAuditEvent {
    NewAuditEvent {
        request_id: "r-1".to_owned(),
        recorded_by: "agent:deployer".to_owned(),
        caller_id: Some("deployer".to_owned()),
        tool: "payments.refund".to_owned(),
        action: None,
        correlation_id: None,
        environment: None,
        trust_level: None,
        decision: None,
        outcome: None,
        latency_ms: None,
        arguments: object(&json!({"amount": 1})),
        risk_labels: Vec::new(),
        occurred_at: None,
    }
}

fn prepare(event: &NewAuditEvent, seed: u64) -> PreparedEvent {
    let salts = Salts::draw(&Random::from_seed(seed));
    PreparedEvent::new(event, &event.canonical_content(), EVENT_ID, TENANT_ID, &salts).unwrap()
}

fn parsed(prepared: &PreparedEvent) -> Value {
    serde_json::from_str(&prepared.entry).unwrap()
}

/// Whether the entry commits to exactly these disclosures and possibly more: what a verifier checks.
fn commits_to(prepared: &PreparedEvent, disclosures: &[String]) -> bool {
    let entry = parsed(prepared);
    let digests = entry["_sd"].as_array().unwrap();
    disclosures.iter().all(|text| digests.contains(&json!(digest(text))))
}

#[test]
fn the_entry_has_the_published_form() {
    let full = NewAuditEvent {
        action: Some("refund".to_owned()),
        correlation_id: Some("c".to_owned()),
        environment: Some("dev".to_owned()),
        trust_level: Some(2),
        decision: Some("ALLOW".to_owned()),
        outcome: Some("OK".to_owned()),
        latency_ms: Some(12),
        risk_labels: vec!["money".to_owned()],
        occurred_at: DateTime::from_timestamp_nanos(1_795_132_800_123_456_789).into(),
        arguments: object(&json!({"password": "hunter2"})),
        ..event()
    };
    let prepared = prepare(&full, 1);
    let mut entry = parsed(&prepared);
    let digests = entry.as_object_mut().unwrap().remove("_sd").unwrap();
    assert_eq!(digests.as_array().unwrap().len(), 3);
    assert!(
        digests
            .as_array()
            .unwrap()
            .is_sorted_by_key(|digest| digest.as_str().unwrap().to_owned())
    );
    assert_eq!(
        entry,
        json!({
            "v": 1, "event_id": EVENT_ID, "tenant_id": TENANT_ID, "request_id": "r-1", "recorded_by": "agent:deployer",
            "tool": "payments.refund", "action": "refund", "correlation_id": "c", "environment": "dev",
            "trust_level": 2, "decision": "ALLOW", "outcome": "OK", "latency_ms": 12, "risk_labels": ["money"],
            "redaction_flags": ["key:password"], "occurred_at": "2026-11-20T00:00:00.123Z",
            "raw_args_hash": prepared.raw_args_hash,
        })
    );
    assert_eq!(
        prepared.occurred_at.map(crate::http::timestamp::format).as_deref(),
        Some("2026-11-20T00:00:00.123Z")
    );
}

#[test]
fn the_entry_is_canonical_and_leaves_absent_values_out() {
    let prepared = prepare(&event(), 1);
    assert_eq!(prepared.entry, serde_json_canonicalizer::pipe(&prepared.entry).unwrap());
    assert!(prepared.entry.starts_with(r#"{"_sd":["#), "{}", prepared.entry);
    assert!(!prepared.entry.contains("null"), "{}", prepared.entry);
    assert!(!prepared.entry.contains("caller_id"), "{}", prepared.entry);
}

#[test]
fn the_leaf_hash_is_that_of_rfc_6962() {
    // The hash of a leaf with no bytes, as Certificate Transparency's test vectors have it.
    assert_eq!(
        hex::encode(leaf_hash("")),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    let prepared = prepare(&event(), 1);
    assert_eq!(prepared.leaf_hash, leaf_hash(&prepared.entry));
}

#[test]
fn the_arguments_hash_can_be_recomputed_from_salt_and_arguments() {
    // echo -n '00112233445566778899aabbccddeeff' | xxd -r -p | cat - <(echo -n '{"a":1,"b":"x"}') | sha256sum
    let salt = hex::decode("00112233445566778899aabbccddeeff")
        .unwrap()
        .try_into()
        .unwrap();
    let arguments = object(&json!({"b": "x", "a": 1.0}));
    assert_eq!(
        raw_args_hash(&salt, &arguments),
        "a86f43ad7196e7f2296f840240987ccb78a9c80bd3a0e52e995778db6140d4ee"
    );
}

#[test]
fn equal_arguments_of_two_events_have_different_hashes() {
    let (first, second) = (prepare(&event(), 1), prepare(&event(), 2));
    assert_ne!(first.raw_args_hash, second.raw_args_hash);
    assert_ne!(first.content_hash, second.content_hash);
}

#[test]
fn an_event_without_a_caller_discloses_none() {
    let prepared = prepare(
        &NewAuditEvent {
            caller_id: None,
            ..event()
        },
        1,
    );
    let names: Vec<String> = prepared
        .disclosures
        .iter()
        .map(|text| disclosure::open(text).unwrap().0)
        .collect();
    assert_eq!(names, [SANITIZED_ARGS, ARGS_SALT]);
}

#[test]
fn an_entry_may_have_65535_bytes_and_not_one_more() {
    let bare = prepare(&event().tool(""), 1).entry.len();
    let longest = event().tool("x".repeat(MAX_ENTRY_BYTES - bare));
    assert_eq!(prepare(&longest, 1).entry.len(), MAX_ENTRY_BYTES);
    let longer = event().tool("x".repeat(MAX_ENTRY_BYTES - bare + 1));
    let salts = Salts::draw(&Random::from_seed(1));
    assert_eq!(
        PreparedEvent::new(&longer, "", EVENT_ID, TENANT_ID, &salts),
        Err(EntryError::TooLong)
    );
}

/// Whether a verifier takes the entry, and each disclosure for what it should show.
fn verifies(prepared: &PreparedEvent) -> bool {
    let entry = Entry::parse(&prepared.entry);
    let mut expected = vec![Disclosable::SanitizedArgs, Disclosable::ArgsSalt];
    expected.extend(prepared.caller_id.as_ref().map(|_| Disclosable::CallerId));
    let shown: Vec<_> = prepared.disclosures.iter().filter_map(|text| classify(text)).collect();
    let is_committed = |text: &String| entry.as_ref().is_ok_and(|entry| entry.commits_to(&digest(text)));
    shown == expected && prepared.disclosures.iter().all(is_committed)
}

#[test]
fn a_verifier_takes_the_deepest_arguments_there_may_be() {
    // A body has at most 64 levels.
    let deepest = (0..32).fold(json!(1.5), |inner, _| json!({ "inner": [inner] }));
    assert!(verifies(&prepare(&event().arguments(object(&deepest)), 1)));
}

#[test]
fn what_would_not_survive_canonical_json_is_no_entry() {
    let salts = Salts::draw(&Random::from_seed(1));
    for latency_ms in [1_i64 << 53, -(1 << 53), i64::MIN] {
        let slow = NewAuditEvent {
            latency_ms: Some(latency_ms),
            ..event()
        };
        let prepared = PreparedEvent::new(&slow, "", EVENT_ID, TENANT_ID, &salts);
        assert_eq!(prepared, Err(EntryError::Invalid("latency_ms")), "{latency_ms}");
    }
}

#[test]
fn long_arguments_do_not_lengthen_the_entry() {
    let long = event().arguments(object(&json!({"amount": "x".repeat(MAX_ENTRY_BYTES)})));
    assert_eq!(prepare(&long, 1).entry.len(), prepare(&event(), 1).entry.len());
}

#[test]
fn the_serialized_form_holds_neither_salt() {
    let salts = Salts::draw(&Random::from_seed(5));
    let prepared = PreparedEvent::new(&event(), "", EVENT_ID, TENANT_ID, &salts)
        .unwrap()
        .without_salts();
    let text = serde_json::to_string(&prepared).unwrap();
    let opened: Vec<Value> = prepared
        .disclosures
        .iter()
        .filter_map(|text| disclosure::open(text))
        .map(|(_, v)| v)
        .collect();
    for salt in [salts.arguments, salts.content] {
        assert!(!text.contains(&hex::encode(salt)));
        assert!(!opened.contains(&json!(hex::encode(salt))));
    }
    assert_eq!(serde_json::from_str::<PreparedEvent>(&text).unwrap(), prepared);
    assert!(commits_to(&prepared, &prepared.disclosures));
}

#[test]
fn every_salt_of_an_event_is_another() {
    let salts = Salts::draw(&Random::from_seed(1));
    let mut all = vec![salts.arguments, salts.content];
    all.extend(salts.disclosures);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 5);
}

proptest! {
    #[test]
    fn a_verifier_takes_what_was_prepared(texts: [String; 4], labels: Vec<String>, number: f64, seed: u64) {
        let [caller, note, tool, outcome] = texts;
        let submitted = event().caller_id(caller).tool(tool).outcome(outcome).risk_labels(labels);
        let submitted = submitted.arguments(object(&json!({ note: [number, null], "password": "hunter2" })));
        prop_assert!(verifies(&prepare(&submitted, seed)));
    }

    #[test]
    fn erasing_disclosures_leaves_the_leaf_and_the_rest_verifiable(caller: String, note: String, seed: u64, erased in 0_usize..3) {
        let submitted = event().caller_id(caller).arguments(object(&json!({ "note": note })));
        let mut prepared = prepare(&submitted, seed);
        prepared.disclosures.remove(erased);
        prop_assert_eq!(leaf_hash(&prepared.entry), prepared.leaf_hash);
        prop_assert!(commits_to(&prepared, &prepared.disclosures));
    }

    #[test]
    fn an_altered_disclosed_value_is_not_the_committed_one(caller: String, other: String, seed: u64) {
        prop_assume!(caller != other);
        let prepared = prepare(&event().caller_id(caller), seed);
        let salts = Salts::draw(&Random::from_seed(seed));
        for (at, name) in [SANITIZED_ARGS, ARGS_SALT, CALLER_ID].into_iter().enumerate() {
            let altered = disclosure(&salts.disclosures[at], name, &json!(other));
            prop_assert!(!commits_to(&prepared, &[altered]));
        }
    }

    #[test]
    fn the_clear_columns_are_what_the_disclosures_say(caller: String, note: String, seed: u64) {
        let prepared = prepare(&event().caller_id(caller).arguments(object(&json!({ "note": note }))), seed);
        let opened: Map<String, Value> = prepared.disclosures.iter().map(|text| disclosure::open(text).unwrap()).collect();
        prop_assert_eq!(opened[CALLER_ID].as_str(), prepared.caller_id.as_deref());
        prop_assert_eq!(&opened[SANITIZED_ARGS], &serde_json::from_str::<Value>(&prepared.sanitized_args).unwrap());
        prop_assert_eq!(&opened[ARGS_SALT], &json!(hex::encode(prepared.args_salt.unwrap())));
    }

    #[test]
    fn raw_secrets_are_in_no_column(secret in "[a-z]{12}", seed: u64) {
        let prepared = prepare(&event().arguments(object(&json!({ "password": secret }))), seed);
        let opened: Vec<_> = prepared.disclosures.iter().map(|text| disclosure::open(text)).collect();
        let everything = format!("{prepared:?} {opened:?}");
        prop_assert!(!everything.contains(&secret));
    }
}
