//! The fuzzer's targets as ordinary tests: over the committed corpora, and over inputs made from those, the same at every
//! run. `FUZZ_INPUTS` says how many are made for each target.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

use shared::context::Random;
use system_tests::fuzz::{TARGETS, run};

/// Pieces that parsers care about, to be put anywhere.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"%00",
    b"%ff",
    b"\xff",
    b"\0",
    b"\n",
    b"9007199254740993",
    b"1e999",
    b"_",
    b"cs_dev_",
    b"cst_",
    b"password",
    b"Bearer ",
    b"4111111111111111",
    b"../",
];

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of a target's corpus, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz_folder().join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("a file"))
        })
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{} inputs for {target}", files.len());
    files
}

/// Runs a target and says which input it was, should it panic.
fn try_one(target: &str, name: &str, data: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(target, data))) {
        println!("{target}: {name} is not taken well: {}", data.escape_ascii());
        resume_unwind(panic);
    }
}

/// A number below `end`.
fn below(random: &Random, end: usize) -> usize {
    let number = u64::from_be_bytes(random.bytes());
    usize::try_from(number % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or_default()
}

/// One of the inputs, changed in one to four places.
fn changed(random: &Random, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut data = files[below(random, files.len())].1.clone();
    for _ in 0..=below(random, 4) {
        let at = below(random, data.len() + 1);
        let until = (at + below(random, 9)).min(data.len());
        match below(random, 6) {
            0 => data
                .splice(at..at, PIECES[below(random, PIECES.len())].iter().copied())
                .for_each(drop),
            1 => data.splice(at..until, random.bytes::<3>()).for_each(drop),
            2 => data.drain(at..until).for_each(drop),
            3 => {
                let again = data[at..until].repeat(1 + below(random, 70));
                data.splice(at..at, again).for_each(drop);
            }
            4 => {
                let other = &files[below(random, files.len())].1;
                let from = below(random, other.len() + 1);
                data.splice(at.., other[from..].iter().copied()).for_each(drop);
            }
            _ => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << below(random, 8);
                }
            }
        }
    }
    data
}

#[test]
fn every_committed_input_is_taken_well() {
    for (target, _) in TARGETS {
        let files = corpus(target);
        for (name, data) in &files {
            try_one(target, name, data);
        }
        println!("{target}: {} inputs", files.len());
    }
}

#[test]
fn thousands_of_inputs_made_from_those_are_taken_well() {
    let count: u64 = std::env::var("FUZZ_INPUTS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(2_000);
    for (target, _) in TARGETS {
        let files = corpus(target);
        let mut seen = BTreeSet::new();
        for seed in 0..count {
            let data = changed(&Random::from_seed(seed), &files);
            try_one(target, &format!("seed {seed}"), &data);
            seen.insert(data);
        }
        println!("{target}: {} different inputs of {count}", seen.len());
        assert!(
            u64::try_from(seen.len()).is_ok_and(|different| different * 2 > count),
            "{target}: too few differ"
        );
    }
}

#[test]
fn every_target_has_its_binary_and_its_corpus_and_no_other_has() {
    let names = |folder: &str| -> BTreeSet<String> {
        fs::read_dir(fuzz_folder().join(folder))
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .path()
                    .file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).expect("the fuzz crate's manifest");
    for target in targets {
        let binary = fs::read_to_string(fuzz_folder().join(format!("fuzz_targets/{target}.rs"))).expect("a binary");
        assert!(
            binary.contains(&format!("run(\"{target}\", data)")),
            "{target}: {binary}"
        );
        assert!(
            manifest.contains(&format!("name = \"{target}\"")),
            "{target} is not in the manifest"
        );
    }
}
