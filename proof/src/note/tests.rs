//! Tests of notes and keys, with the examples of the specification and of golang.org/x/mod/sumdb/note.

use proptest::prelude::*;

use super::*;

/// c2sp.org/signed-note
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
/// The same page's first example, of which it does not tell the key.
const SALVATORE: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
    \u{2014} quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

/// golang/mod, `sumdb/note/note_test.go`: the key, its secret, and a text that both people signed.
const PETER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH_KEY: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH: &str =
    "\u{2014} EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn key(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

fn peter_signs() -> SigningKey {
    let decoded = from_base64(PETER_SECRET).unwrap();
    SigningKey::from_seed("PeterNeumann", decoded[1..].try_into().unwrap()).unwrap()
}

/// The names of those who signed.
fn signers(note: &str, keys: &[VerifierKey]) -> Result<Vec<String>, NoteError> {
    let note = Note::parse(note)?;
    let (_, signers) = note.verify(keys)?;
    Ok(signers.into_iter().map(|key| key.name().to_owned()).collect())
}

#[test]
fn the_examples_of_the_specification_verify() {
    assert_eq!(signers(EXAMPLE, &[key(EXAMPLE_KEY)]).unwrap(), ["example.com/foo"]);
    let note = Note::parse(SALVATORE).unwrap();
    assert!(note.unverified_text().ends_with("sole:\n\ned è subito sera.\n"));
    assert_eq!(note.verify(&[key(EXAMPLE_KEY)]), Err(NoteError::NoKnownSignature));
}

#[test]
fn the_key_of_another_implementation_makes_the_signature_it_makes_there() {
    let peter = peter_signs();
    assert_eq!(peter.verifier().to_string(), PETER_KEY);
    assert_eq!(sign(TEXT, &[&peter]).unwrap(), format!("{TEXT}\n{PETER}"));
    assert_eq!(format!("{peter:?}"), format!("SigningKey({PETER_KEY})"));
}

#[test]
fn signatures_by_unknown_keys_are_passed_over() {
    let (peter, enoch) = (key(PETER_KEY), key(ENOCH_KEY));
    let note = format!("{TEXT}\n{PETER}{ENOCH}");
    assert_eq!(signers(&note, std::slice::from_ref(&peter)).unwrap(), ["PeterNeumann"]);
    assert_eq!(
        signers(&note, &[enoch.clone(), peter.clone()]).unwrap(),
        ["PeterNeumann", "EnochRoot"]
    );
    assert_eq!(signers(&note, &[]), Err(NoteError::NoKnownSignature));
    // Another name with Peter's id, and Peter's name with another id.
    for unknown in [
        PETER.replace("PeterNeumann", "CarmenSandiego"),
        PETER.replace("x08g", "xxxx"),
    ] {
        let note = format!("{TEXT}\n{unknown}");
        assert_eq!(
            signers(&note, std::slice::from_ref(&peter)),
            Err(NoteError::NoKnownSignature)
        );
        assert_eq!(
            signers(&format!("{note}{PETER}"), std::slice::from_ref(&peter)).unwrap(),
            ["PeterNeumann"]
        );
    }
    let repeated = format!("{TEXT}\n{PETER}{PETER}");
    assert_eq!(signers(&repeated, &[peter]).unwrap(), ["PeterNeumann"]);
}

#[test]
fn one_wrong_signature_by_a_known_key_is_one_too_many() {
    let wrong = PETER.replace("S9UG", "S9UH");
    let expected = Err(NoteError::InvalidSignature {
        name: "PeterNeumann".to_owned(),
        key_id: 0xc74f_20a3,
    });
    for note in [
        format!("{TEXT}\n{wrong}"),
        format!("{TEXT}\n{PETER}{wrong}"),
        format!("{TEXT}.\n\n{PETER}"),
    ] {
        assert_eq!(signers(&note, &[key(PETER_KEY)]), expected, "{note}");
    }
    // golang: a signature of three bytes too many.
    let long = format!("{TEXT}\n{}ABCD{}", &PETER[..60], &PETER[60..]);
    assert_eq!(signers(&long, &[key(PETER_KEY)]), expected);
}

#[test]
fn what_does_not_have_the_form_is_refused() {
    let sixteen = format!("{TEXT}\n{}", PETER.repeat(MAX_SIGNATURES));
    assert!(Note::parse(&sixteen).is_ok());
    for note in [
        String::new(),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}\n{}", PETER.trim_end()),
        format!("\u{1}{TEXT}\n{PETER}"),
        format!("{TEXT}\r\n\n{PETER}"),
        format!(
            "{TEXT}\n\u{2014} Bad Name x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        ),
        format!("{TEXT}\n{PETER}Unexpected line.\n"),
        format!("{TEXT}\n{PETER}\n"),
        format!("{TEXT}\n\u{2014} a+b ABCDABCD\n"),
        format!("{TEXT}\n\u{2014}  ABCDABCD\n"),
        format!("{TEXT}\n\u{2014} a ABCD\n"),
        format!("{TEXT}\n\u{2014} a ABCDABC\n"),
        format!("{TEXT}\n\u{2014} a\n"),
        format!("{TEXT}\n- a ABCDABCD\n"),
        format!("{TEXT}\n{}", PETER.repeat(MAX_SIGNATURES + 1)),
        format!("{}\n{TEXT}\n{PETER}", "a".repeat(MAX_NOTE_BYTES)),
    ] {
        assert!(
            matches!(Note::parse(&note), Err(NoteError::Malformed(_))),
            "{note:.200}"
        );
    }
    let peter = peter_signs();
    for text in ["", "abc", "a\u{1}\n", "a\r\n"] {
        assert!(sign(text, &[&peter]).is_err(), "{text:?}");
    }
    assert!(sign(TEXT, &[]).is_err());
}

#[test]
fn mangled_keys_are_refused() {
    // golang: every part of a key and every changed byte; a key of another length and of another kind, ids adjusted.
    for (from, to) in (0..=PETER_KEY.len()).flat_map(|from| (from..=PETER_KEY.len()).map(move |to| (from, to))) {
        let part = &PETER_KEY[from..to];
        assert!(part == PETER_KEY || part.parse::<VerifierKey>().is_err(), "{part}");
    }
    for (at, bit) in (0..PETER_KEY.len()).flat_map(|at| (0..7).map(move |bit| (at, bit))) {
        let mut bytes = PETER_KEY.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();
        assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
    }
    for (text, error) in [
        (
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            KeyError::Malformed,
        ),
        (
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            KeyError::Kind,
        ),
        (
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            KeyError::Name,
        ),
        (
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            KeyError::Id,
        ),
        (
            "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            KeyError::Malformed,
        ),
    ] {
        assert_eq!(text.parse::<VerifierKey>(), Err(error), "{text}");
    }
}

#[test]
fn keys_that_verify_anything_or_have_two_spellings_are_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    // y = 4 written as 4 and as 4 + 2^255 − 19.
    let mut four = [0; 32];
    four[0] = 4;
    let mut four_again = [0xff; 32];
    four_again[0] = 0xf1;
    four_again[31] = 0x7f;
    assert!(VerifierKey::new("a", &four).is_ok());
    for point in [neutral, [0; 32], four_again] {
        assert_eq!(VerifierKey::new("a", &point), Err(KeyError::Point));
    }
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_nothing_else(seed: [u8; 32], text in "[^\\x00-\\x1f]{0,40}", at: prop::sample::Index, by in 1..=255_u8) {
        let signing = SigningKey::from_seed("log.example/1", &seed).unwrap();
        let keys = [signing.verifier().clone()];
        prop_assert_eq!(keys[0].to_string().parse(), Ok(keys[0].clone()));
        let note = sign(&format!("{text}\n"), &[&signing]).unwrap();
        prop_assert_eq!(signers(&note, &keys).unwrap(), ["log.example/1"]);

        let mut bytes = note.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(signers(&changed, &keys).is_err(), "{}", changed);
        }
    }

    #[test]
    fn any_text_has_an_answer(text: String, lines in prop::collection::vec("\u{2014} [a+ ]{0,3} [A-Za-z=]{0,12}", 0..4)) {
        let _ = (Note::parse(&text), text.parse::<VerifierKey>());
        let note = format!("{text}\n\n{}\n", lines.join("\n"));
        if let Ok(note) = Note::parse(&note) {
            prop_assert!(note.verify(&[key(PETER_KEY)]).is_err());
        }
    }
}
