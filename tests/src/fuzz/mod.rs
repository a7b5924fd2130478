//! What is fuzzed: one function a target, which takes any bytes and panics where a promise about them is broken.
//!
//! `cargo test` runs them over the committed corpora and over inputs made from those; `scripts/fuzz.sh` lets libFuzzer
//! search for more. Both call the same functions, so that neither can be left behind.

mod bodies;
mod credentials;
mod events;
mod proofs;

/// What a target does with an input.
pub type Target = fn(&[u8]);

/// The targets: the name of the corpus in `fuzz/corpus/` and of the binary in `fuzz/fuzz_targets/`, and the function.
pub const TARGETS: [(&str, Target); 11] = [
    ("api_key", credentials::api_key),
    ("approval_token", credentials::approval_token),
    ("bundle", proofs::bundle),
    ("checkpoint", proofs::checkpoint),
    ("cursor", credentials::cursor),
    ("entry", proofs::entry),
    ("lambda_event", events::lambda_event),
    ("note", proofs::note),
    ("redaction", bodies::redaction),
    ("strict_json", bodies::strict_json),
    ("tlog_proof", proofs::tlog_proof),
];

/// Runs the target of this name on one input.
///
/// # Panics
/// There is no such target, or the input breaks what it promises.
pub fn run(target: &str, data: &[u8]) {
    match TARGETS.iter().find(|(name, _)| *name == target) {
        Some((_, function)) => function(data),
        None => panic!("no target is called {target}"),
    }
}
