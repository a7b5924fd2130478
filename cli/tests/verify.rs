//! `countersign verify`, on bundles and proofs that nobody serves.

#[path = "../../proof/tests/bundles/mod.rs"]
#[expect(dead_code, reason = "the crate's own tests use more of it")]
mod bundles;
mod support;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use bundles::{Log, ORIGIN, key, samples};
use countersign_proof::{tlog_proof::TlogProof, tree::Plan};
use serde_json::Value;
use support::{Ran, countersign, run};

/// A file of this test.
fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("verify-{name}"));
    fs::write(&path, content).expect("written");
    path
}

/// Runs a verification with these keys, far from every server and credential.
fn verify(arguments: &[&str], keys: &[String]) -> Ran {
    let mut all = vec!["verify"];
    all.extend(arguments);
    for key in keys {
        all.extend(["--key", key]);
    }
    run(&[], &all)
}

fn pin(seed: u8) -> Vec<String> {
    vec![key(seed).verifier().to_string()]
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_bundle_has_an_exit_code_for_each_thing_it_may_be() {
    let [_, (log, range)] = samples();
    let whole = file("whole", log.bundle(&range));
    let ran = verify(&["bundle", text(&whole)], &pin(1)).expect(0);
    assert!(ran.stdout.starts_with("SIGNED_PINNED: whole"), "{}", ran.stdout);
    for fact in [
        "log.example/tenants/1 of tenant 019a9f00-0000-7000-8000-000000000002",
        "6 of 9, from index 3 on: 5 with their entry, 1 without; 1 values erased",
        "from 2026-11-20T08:04:00.000Z to 2026-11-20T08:09:00.000Z",
        "the export that ended with 6 leaves and root ",
        &pin(1)[0],
    ] {
        assert!(ran.stdout.contains(fact), "{fact}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("NOT all"), "{}", ran.stdout);
    verify(&["bundle", text(&whole)], &[pin(2), pin(1)].concat()).expect(0);
    let keys = file("log.keys", format!("{}\n{}\n", pin(2)[0], pin(1)[0]));
    verify(&["bundle", text(&whole), "--key-file", text(&keys)], &[]).expect(0);

    let ran = verify(&["bundle", text(&whole)], &[]).expect(10);
    assert!(ran.stdout.starts_with("SIGNED_TOFU: "), "{}", ran.stdout);

    let mut header = log.header(&range);
    header.keys = Vec::new();
    let unsigned = file("unsigned", log.bundle_with(header, &range));
    let ran = verify(&["bundle", text(&unsigned)], &[]).expect(11);
    assert!(ran.stdout.starts_with("UNSIGNED: "), "{}", ran.stdout);
    verify(&["bundle", text(&unsigned)], &pin(1)).expect(0);

    let ran = verify(&["bundle", text(&whole)], &pin(2)).expect(9);
    assert!(ran.stdout.starts_with("FAILED(SIGNATURE_MISSING): "), "{}", ran.stdout);
}

#[test]
fn an_altered_bundle_fails_and_the_reason_says_where() {
    let [_, (log, range)] = samples();
    let bundle = String::from_utf8(log.bundle(&range)).expect("UTF-8");
    let altered = file("altered", bundle.replacen("payments.refund", "payments.refuse", 1));
    let ran = verify(&["--json", "bundle", text(&altered)], &pin(1)).expect(9);
    let answer = ran.value();
    assert_eq!(
        (&answer["status"], &answer["reason"]["code"]),
        (&"FAILED".into(), &"ROOT_MISMATCH".into())
    );
    assert!(
        answer["message"]
            .as_str()
            .is_some_and(|message| message.contains("root")),
        "{answer}"
    );

    let lines: Vec<&str> = bundle.split_inclusive('\n').collect();
    let dropped = file("dropped", [&lines[..3], &lines[4..]].concat().concat());
    let answer = verify(&["--json", "bundle", text(&dropped)], &pin(1)).expect(9).value();
    assert_eq!(
        (&answer["reason"]["expected"], &answer["reason"]["found"]),
        (&5.into(), &6.into())
    );
}

#[test]
fn a_report_is_a_program_s_too_and_a_bundle_may_be_piped_in() {
    let [(log, range), _] = samples();
    let bundle = log.bundle(&range);
    let key = &pin(1)[0];
    let mut child = countersign(&[], &["verify", "bundle", "-", "--json", "--key", key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(&bundle)
        .expect("written");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    let answer: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(answer["status"], "SIGNED_PINNED");
    let report = &answer["report"];
    assert_eq!((&report["events"], &report["size"]), (&5.into(), &5.into()));
    assert_eq!(
        (&report["complete"]["from"], &report["covers_request"]),
        (&Value::Null, &true.into())
    );
}

#[test]
fn a_bundle_that_is_not_complete_for_what_was_asked_says_so() {
    let [_, (log, range)] = samples();
    let mut header = log.header(&range);
    header.to = Some(bundles::minute(30));
    let short = file("short", log.bundle_with(header, &range));
    let ran = verify(&["bundle", text(&short)], &pin(1)).expect(0);
    let expected = "from 2026-11-20T08:04:00.000Z to 2026-11-20T08:09:00.000Z; NOT all that was asked for, \
        from 2026-11-20T08:04:00.000Z to 2026-11-20T08:30:00.000Z";
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
}

#[test]
fn mistakes_and_missing_files_are_no_verdict() {
    let [(log, range), _] = samples();
    let whole = file("mistakes", log.bundle(&range));
    verify(&["bundle", text(&whole)], &["log.example+00000000+AAAA".to_owned()]).expect(2);
    verify(&["bundle"], &pin(1)).expect(2);
    for (keys, code) in [("", 2), ("\n", 2), ("not a key\n", 2)] {
        let keys = file("bad.keys", keys);
        verify(&["bundle", text(&whole), "--key-file", text(&keys)], &pin(1)).expect(code);
    }
    verify(&["bundle", text(&whole), "--key-file", "/nowhere/at/all"], &pin(1)).expect(1);
    verify(&["bundle", "/nowhere/at/all"], &pin(1)).expect(1);
    verify(&["proof", text(&whole), "--entry", "/nowhere/at/all"], &pin(1)).expect(1);
}

/// The proof of a leaf in a log of three, as its text.
fn proof(log: &Log, index: usize) -> String {
    let plan = Plan::inclusion(index as u64, 3).expect("in the tree");
    let path = plan.build(|id| {
        let (first, end) = id.leaves()?;
        let mut range = countersign_proof::tree::CompactRange::new();
        for leaf in first..end {
            range.append(log.leaf(usize::try_from(leaf).ok()?)).ok()?;
        }
        Some(range.root())
    });
    TlogProof {
        extra: None,
        index: index as u64,
        path: path.expect("every node"),
        checkpoint: log.checkpoint(3),
    }
    .to_string()
}

#[test]
fn one_event_is_in_the_log_or_it_is_not() {
    let log = Log::new(3);
    let proven = file("event.tlog-proof", proof(&log, 1));
    let entry = file("event.json", &log.events[1].entry);
    let other = file("other.json", &log.events[2].entry);
    let arguments = |entry: &Path| {
        [
            "proof".to_owned(),
            text(&proven).to_owned(),
            "--entry".to_owned(),
            text(entry).to_owned(),
        ]
    };
    let run = |entry: &Path, keys: &[String]| {
        let arguments = arguments(entry);
        verify(&arguments.each_ref().map(String::as_str), keys)
    };
    let ran = run(&entry, &pin(1)).expect(0);
    assert!(ran.stdout.contains("1 of 3, "), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("event 019a9f00-0000-7000-8000-000000001001 of payments.refund"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains(ORIGIN), "{}", ran.stdout);
    let ran = run(&entry, &[]).expect(11);
    assert!(ran.stdout.starts_with("UNSIGNED: "), "{}", ran.stdout);
    for (entry, keys, code) in [
        (&other, pin(1), "NOT_INCLUDED"),
        (&other, Vec::new(), "NOT_INCLUDED"),
        (&entry, pin(2), "SIGNATURE_MISSING"),
    ] {
        let ran = run(entry, &keys).expect(9);
        assert!(ran.stdout.starts_with(&format!("FAILED({code}): ")), "{}", ran.stdout);
    }
    let broken = file("broken.tlog-proof", proof(&log, 1).replace("@v1", "@v2"));
    let ran = verify(&["--json", "proof", text(&broken), "--entry", text(&entry)], &pin(1)).expect(9);
    assert_eq!(ran.value()["reason"]["code"], "PROOF_MALFORMED");
    let answer = verify(&["--json", "proof", text(&proven), "--entry", text(&entry)], &pin(1))
        .expect(0)
        .value();
    assert_eq!(answer["report"]["event_id"], "019a9f00-0000-7000-8000-000000001001");
    assert_eq!(answer["report"]["size"], 3);
}
