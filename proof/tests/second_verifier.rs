//! The second verifier, in Python, over the same bundles: both come to the same end for the same reason.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

#[expect(dead_code, reason = "which reasons are right is asserted in tampering.rs")]
mod bundles;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bundles::{
    Log, Range, minute, pinned, samples,
    tampering::{Tampered, cuts, flips, forgeries, moves},
    verify,
};
use countersign_proof::{bundle::Outcome, note::VerifierKey};
use serde_json::{Value, json};

const VERIFIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/second_verifier/verify.py");

/// A bundle and the keys to believe.
type Case = (String, Vec<u8>, Vec<VerifierKey>);

/// What ours says, as far as both say it.
fn ours(bundle: &[u8], keys: &[VerifierKey]) -> Value {
    let outcome = verify(bundle, keys.to_vec());
    if let Outcome::Failed(reason) = &outcome {
        let mut reason = json!(reason);
        // It says in words what is wrong with an entry.
        if reason["code"] == "ENTRY_MALFORMED" {
            reason.as_object_mut().expect("an object").remove("what");
        }
        return json!({"status": "FAILED", "reason": reason});
    }
    let mut report = json!(outcome.report());
    report.as_object_mut().expect("an object").remove("signed_by");
    json!({"status": outcome.status(), "report": report})
}

/// Has both verify each, and counts them.
fn both_agree(cases: impl IntoIterator<Item = Case>) {
    let mut python = Command::new("python3")
        .args([VERIFIER, "--many"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut asked = python.stdin.take().expect("its input");
    let said = BufReader::new(python.stdout.take().expect("its output"));
    let (expect, expected) = std::sync::mpsc::sync_channel(256);
    let reader = thread::spawn(move || {
        let mut count = 0;
        for (line, (what, ours)) in said.lines().zip(expected) {
            let theirs: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
            let ours: Value = ours;
            assert_eq!(theirs, ours, "{what}");
            count += 1;
        }
        count
    });
    let mut sent = 0;
    for (what, bundle, keys) in cases {
        let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
        // Should either end early, the count below says so.
        let _ = writeln!(asked, "{}", json!({"bundle": STANDARD.encode(&bundle), "keys": texts}));
        let _ = expect.send((what, ours(&bundle, &keys)));
        sent += 1;
    }
    drop((asked, expect));
    let count = reader.join().expect("both agree");
    assert!(python.wait().expect("it ends").success());
    assert_eq!(count, sent);
    println!("{count} bundles");
}

fn cases(tampered: impl IntoIterator<Item = Tampered>) -> impl Iterator<Item = Case> {
    tampered.into_iter().map(|one| (one.what, one.bundle, one.pinned))
}

#[test]
fn both_agree_on_every_flipped_byte() {
    let [(log, range), _] = samples();
    both_agree(cases(flips(&log.bundle(&range), &[0x01, 0x20])));
}

#[test]
fn both_agree_on_every_flipped_byte_of_a_continued_bundle() {
    let [_, (log, range)] = samples();
    both_agree(cases(flips(&log.bundle(&range), &[0x01, 0x20])));
}

#[test]
fn both_agree_on_every_cut_and_move_and_forgery() {
    for (log, range) in samples() {
        let bundle = log.bundle(&range);
        both_agree(cases(moves(&bundle).into_iter().chain(cuts(&bundle))));
    }
    both_agree(cases(forgeries()));
}

#[test]
fn both_agree_on_what_holds() {
    let log = Log::new(9);
    let mut cases: Vec<Case> = Vec::new();
    for (start, end, previous) in [
        (0, 0, None),
        (0, 9, None),
        (0, 4, Some(0)),
        (3, 9, Some(6)),
        (8, 8, Some(8)),
        (5, 9, Some(2)),
    ] {
        for (from, to) in [
            (None, None),
            (Some(4), Some(9)),
            (Some(3), Some(12)),
            (Some(9), None),
            (None, Some(1)),
        ] {
            let range = Range {
                start,
                end,
                previous,
                erased: vec![4, 6],
                absent: vec![7],
            };
            let mut header = log.header(&range);
            (header.from, header.to) = (from.map(minute), to.map(minute));
            let signed = log.bundle_with(header.clone(), &range);
            header.keys = Vec::new();
            let unsigned = log.bundle_with(header, &range);
            let what = format!("{start} {end} {from:?} {to:?}");
            cases.push((what.clone(), signed.clone(), pinned(&[1, 2])));
            cases.push((what.clone(), signed, Vec::new()));
            cases.push((what, unsigned, Vec::new()));
        }
    }
    for (what, bundle, keys) in &cases {
        assert_ne!(ours(bundle, keys)["status"], "FAILED", "{what}");
    }
    both_agree(cases);
}
