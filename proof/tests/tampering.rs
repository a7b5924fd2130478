//! Tampering with bundles, exhaustively on small ones: nothing passes, and each is refused for the right reason.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

mod bundles;

use std::collections::BTreeMap;

use bundles::{
    Log, Range, key, minute, pinned, samples,
    tampering::{Tampered, cuts, flips, forgeries, moves},
    verify,
};
use countersign_proof::bundle::{MAX_LINE_BYTES, Outcome, Reason, Span, Verifier, Which};
use proptest::prelude::*;

/// That each is refused with one of its codes, and how often with which.
fn all_refused(all: impl IntoIterator<Item = Tampered>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tampered in all {
        let outcome = verify(&tampered.bundle, tampered.pinned.clone());
        let Outcome::Failed(reason) = outcome else {
            panic!("{}: {outcome:?}", tampered.what);
        };
        let code = reason.code();
        assert!(
            tampered.codes.contains(&code),
            "{}: {reason}, not {:?}",
            tampered.what,
            tampered.codes
        );
        assert_eq!(serde_json::to_value(&reason).expect("JSON")["code"], code);
        *counts.entry(code).or_default() += 1;
    }
    println!("{} refused: {counts:?}", counts.values().sum::<usize>());
}

/// The lowest bit, the one that tells small letters from capitals, and the one that ASCII does not have.
const MASKS: [u8; 3] = [0x01, 0x20, 0x80];

#[test]
fn every_flipped_byte_is_refused() {
    let [(log, range), _] = samples();
    all_refused(flips(&log.bundle(&range), &MASKS));
}

#[test]
fn every_flipped_byte_of_a_continued_bundle_is_refused() {
    let [_, (log, range)] = samples();
    all_refused(flips(&log.bundle(&range), &MASKS));
}

#[test]
fn every_line_dropped_repeated_or_swapped_is_refused() {
    for (log, range) in samples() {
        all_refused(moves(&log.bundle(&range)));
    }
}

#[test]
fn every_truncation_is_refused() {
    for (log, range) in samples() {
        all_refused(cuts(&log.bundle(&range)));
    }
}

#[test]
fn whoever_knows_the_format_and_not_the_key_is_refused() {
    all_refused(forgeries());
}

#[test]
fn the_reason_says_where() {
    let [_, (log, range)] = samples();
    let lines = bundles::lines(&log.bundle(&range));
    let failed = |lines: Vec<Vec<u8>>| match verify(&lines.concat(), pinned(&[1])) {
        Outcome::Failed(reason) => reason,
        outcome => panic!("{outcome:?}"),
    };
    let mut dropped = lines.clone();
    dropped.remove(3);
    let (expected, found) = (5, 6);
    assert_eq!(failed(dropped), Reason::IndexUnexpected { expected, found });
    let mut missing = lines.clone();
    missing.remove(6);
    let (expected, size) = (8, 9);
    assert_eq!(failed(missing), Reason::LeavesMissing { expected, size });
    let mut broken = lines.clone();
    broken[4] = b"{}\n".to_vec();
    assert_eq!(failed(broken), Reason::LineMalformed { line: 5 });
    assert_eq!(failed(lines[..4].to_vec()), Reason::Truncated { lines: 4 });
    let which = Which::Start;
    let outcome = verify(&lines.concat(), pinned(&[2]));
    assert_eq!(outcome, Outcome::Failed(Reason::SignatureMissing { which }));
    let json = serde_json::to_string(&Reason::SignatureMissing { which }).expect("JSON");
    assert_eq!(json, r#"{"code":"SIGNATURE_MISSING","which":"start"}"#);
}

#[test]
fn a_good_bundle_says_what_it_proves() {
    let [(log, range), (continued, part)] = samples();
    let outcome = verify(&log.bundle(&range), pinned(&[1]));
    assert_eq!(outcome.status(), "SIGNED_PINNED");
    let report = outcome.report().expect("a report");
    assert_eq!((report.events, report.erased_values, report.absent_entries), (5, 0, 0));
    assert_eq!(
        report.complete,
        Some(Span {
            from: None,
            to: minute(5)
        })
    );
    assert!(report.covers_request && report.ids_all_compared);
    assert_eq!(
        (report.first_index, report.size, report.previous.as_ref()),
        (0, 5, None)
    );
    assert_eq!(report.signed_by, [key(1).verifier().to_string()]);

    let outcome = verify(&continued.bundle(&part), pinned(&[2, 1]));
    let report = outcome.report().expect("a report");
    assert_eq!((report.events, report.erased_values, report.absent_entries), (5, 1, 1));
    let from = Some(minute(4));
    assert_eq!(report.complete, Some(Span { from, to: minute(9) }));
    let previous = report.previous.as_ref().expect("the previous export");
    assert_eq!((report.first_index, report.size, previous.size), (3, 9, 6));
    assert_eq!(previous.root, hex::encode(continued.range(6).root()));
}

#[test]
fn without_a_pinned_key_it_says_so() {
    let [(log, range), _] = samples();
    assert_eq!(verify(&log.bundle(&range), Vec::new()).status(), "SIGNED_TOFU");
    let mut header = log.header(&range);
    header.keys = Vec::new();
    let unsigned = log.bundle_with(header, &range);
    let outcome = verify(&unsigned, Vec::new());
    assert_eq!(outcome.status(), "UNSIGNED");
    assert_eq!(outcome.report().expect("a report").signed_by, [""; 0]);
    assert_eq!(verify(&unsigned, pinned(&[1])).status(), "SIGNED_PINNED");
}

#[test]
fn more_was_asked_for_than_is_proved() {
    let [_, (log, range)] = samples();
    let claim = |from: Option<usize>, to: Option<usize>| {
        let mut header = log.header(&range);
        (header.from, header.to) = (from.map(minute), to.map(minute));
        let outcome = verify(&log.bundle_with(header, &range), pinned(&[1]));
        let report = outcome.report().expect("a report").clone();
        let texts = report
            .complete
            .map(|span| (span.from.map(|at| at.to_string()), span.to.to_string()));
        (texts, report.covers_request)
    };
    let time = |text: &str| format!("2026-11-20T08:{text}Z");
    let sealed = Some(time("03:00.500"));
    // The start was sealed half a second past the third minute, the end is complete through the ninth.
    assert_eq!(
        claim(Some(4), Some(9)),
        (Some((Some(time("04:00.000")), time("09:00.000"))), true)
    );
    assert_eq!(
        claim(Some(3), Some(9)),
        (Some((sealed.clone(), time("09:00.000"))), false)
    );
    assert_eq!(claim(None, None), (Some((sealed.clone(), time("09:00.000"))), false));
    assert_eq!(
        claim(Some(4), None),
        (Some((Some(time("04:00.000")), time("09:00.000"))), true)
    );
    assert_eq!(
        claim(Some(4), Some(10)),
        (Some((Some(time("04:00.000")), time("09:00.000"))), false)
    );
    assert_eq!(claim(Some(9), Some(10)), (None, false));
    assert_eq!(claim(None, Some(3)), (None, false));
}

#[test]
fn the_ends_of_logs_are_bundles_too() {
    let log = Log::new(4);
    for (start, end, previous) in [
        (0, 0, None),
        (0, 4, Some(0)),
        (4, 4, Some(4)),
        (0, 1, None),
        (1, 4, Some(1)),
    ] {
        let range = Range {
            start,
            end,
            previous,
            ..Range::default()
        };
        let mut header = log.header(&range);
        (header.from, header.to) = (None, None);
        let outcome = verify(&log.bundle_with(header, &range), pinned(&[1]));
        assert_eq!(outcome.status(), "SIGNED_PINNED", "{start} {end} {outcome:?}");
    }
}

#[test]
fn a_line_has_an_end() {
    let mut verifier = Verifier::new(Vec::new());
    let piece = vec![b' '; 1024 * 1024];
    for _ in 0..MAX_LINE_BYTES / piece.len() {
        assert_eq!(verifier.push(&piece), Ok(()));
    }
    assert_eq!(verifier.push(b" "), Err(Reason::LineTooLong { line: 1 }));
    assert_eq!(verifier.push(b"\n"), Err(Reason::LineTooLong { line: 1 }));
    assert_eq!(verifier.finish(), Outcome::Failed(Reason::LineTooLong { line: 1 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_the_pieces_end_does_not_matter(cuts in prop::collection::vec(1_usize..400, 1..20)) {
        let [_, (log, range)] = samples();
        let bundle = log.bundle(&range);
        let mut verifier = Verifier::new(pinned(&[1]));
        let mut rest = bundle.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            prop_assert_eq!(verifier.push(piece), Ok(()));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(verifier.finish(), verify(&bundle, pinned(&[1])));
    }

    #[test]
    fn any_bytes_have_an_answer(bytes: Vec<u8>, at: prop::sample::Index, after: bool) {
        prop_assert_eq!(verify(&bytes, Vec::new()).status(), "FAILED");
        // And in the place of anything in a good bundle.
        let [(log, range), _] = samples();
        let mut bundle = log.bundle(&range);
        let at = at.index(bundle.len());
        let rest = bundle.split_off(at);
        bundle.extend(&bytes);
        if after {
            bundle.extend(rest);
        }
        prop_assume!(!bytes.is_empty() || !after);
        prop_assert_eq!(verify(&bundle, pinned(&[1])).status(), "FAILED");
    }
}
