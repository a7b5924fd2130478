//! Whether a text, and JSON, can be shown to a person whole and as it is. Pure.
//!
//! What hides, or is more than anybody reads, must not be agreed to where it is shown once and in a hurry. Which places those
//! are is for the function that shows something.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unicode_normalization::char::is_combining_mark;
use utoipa::ToSchema;

/// More bytes of JSON than this are not read to their end.
const MAX_SHOWN_BYTES: usize = 16 * 1024;
/// Nor is deeper nesting understood. The outermost object is the first level.
const MAX_SHOWN_DEPTH: usize = 16;
/// More marks than these on one letter are not of any writing; they cover what stands above and below.
const MAX_MARKS: usize = 4;
/// Code points with the property `Default_Ignorable_Code_Point` (Unicode 17.0, `DerivedCoreProperties.txt`): most fonts show
/// nothing for them. Those with `Bidi_Control` (`PropList.txt`), which make the text around them read in another order, are
/// all among them.
const DEFAULT_IGNORABLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Why something cannot safely be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisplayWarning {
    /// Some text holds characters that are not seen, make others read in another order, or pile up and cover others.
    InvisibleCharacters,
    /// The JSON is over 16 KiB or nested over 16 levels, which is too much to be read with care.
    TooLarge,
}

/// What is wrong with showing these texts and these arguments, whose names count as texts too; empty when nothing is.
pub fn display_warnings<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    arguments: &Map<String, Value>,
) -> Vec<DisplayWarning> {
    let hides = texts.into_iter().any(hides_something) || holds_hidden(arguments);
    let is_too_large = depth(arguments) > MAX_SHOWN_DEPTH || json_bytes(arguments) > MAX_SHOWN_BYTES;
    let warnings = [
        hides.then_some(DisplayWarning::InvisibleCharacters),
        is_too_large.then_some(DisplayWarning::TooLarge),
    ];
    warnings.into_iter().flatten().collect()
}

fn hides_something(text: &str) -> bool {
    text.chars().any(is_hidden) || piles_up_marks(text)
}

/// Whether more than [`MAX_MARKS`] combining marks (general category M) follow each other.
fn piles_up_marks(text: &str) -> bool {
    let mut marks = 0;
    !text.is_ascii()
        && text.chars().any(|char| {
            marks = if is_combining_mark(char) { marks + 1 } else { 0 };
            marks > MAX_MARKS
        })
}

/// The Braille pattern without dots (U+2800) is no space, and shows as one. Controls are not seen either, but for those that
/// break and indent lines; and what separates lines and paragraphs (general categories Zl and Zp) breaks them where JSON shows
/// no escape.
fn is_hidden(char: char) -> bool {
    let is_ignorable = || {
        DEFAULT_IGNORABLE
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&char))
    };
    match char {
        '\n' | '\r' | '\t' => false,
        '\u{2028}' | '\u{2029}' | '\u{2800}' => true,
        _ => char.is_control() || (!char.is_ascii() && is_ignorable()),
    }
}

fn holds_hidden(object: &Map<String, Value>) -> bool {
    object
        .iter()
        .any(|(name, value)| hides_something(name) || value_holds_hidden(value))
}

fn value_holds_hidden(value: &Value) -> bool {
    match value {
        Value::String(text) => hides_something(text),
        Value::Array(items) => items.iter().any(value_holds_hidden),
        Value::Object(object) => holds_hidden(object),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn depth(object: &Map<String, Value>) -> usize {
    1 + object.values().map(value_depth).max().unwrap_or_default()
}

fn value_depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(value_depth).max().unwrap_or_default(),
        Value::Object(object) => depth(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn json_bytes(object: &Map<String, Value>) -> usize {
    struct Counter(usize);

    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, object) {
        Ok(()) => counter.0,
        // What has no JSON form cannot be shown at all.
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PLAIN: &[DisplayWarning] = &[];
    const INVISIBLE: &[DisplayWarning] = &[DisplayWarning::InvisibleCharacters];
    const LARGE: &[DisplayWarning] = &[DisplayWarning::TooLarge];

    fn of(arguments: &Value) -> Vec<DisplayWarning> {
        display_warnings([], arguments.as_object().expect("an object"))
    }

    #[test]
    fn a_hidden_character_is_found_in_texts_values_and_names() {
        assert_eq!(
            display_warnings(["billing", "first\nsecond\tand\r\nthird é 字 👍"], &Map::new()),
            PLAIN
        );
        assert_eq!(display_warnings(["billing", "in\u{202e}voice"], &Map::new()), INVISIBLE);
        for arguments in [
            json!({ "a": "x\u{2066}y" }),
            json!({ "a": [[{ "b": "\u{feff}" }]] }),
            json!({ "a": [{ "\u{ad}": 1 }] }),
            json!({ "\u{200b}": null }),
        ] {
            assert_eq!(of(&arguments), INVISIBLE, "{arguments}");
        }
    }

    #[test]
    fn bidi_controls_ignorables_and_controls_are_hidden_and_what_is_seen_is_not() {
        // Bidi_Control, in full.
        let bidi = ['\u{61c}', '\u{200e}', '\u{200f}']
            .into_iter()
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}');
        let others = "\u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{180e}\u{200b}\u{200c}\u{200d}\u{2060}\u{2065}\u{3164}\u{fe00}\u{fe0f}\
                      \u{feff}\u{ffa0}\u{fff8}\u{1bca0}\u{1d173}\u{e0001}\u{e0041}\u{e01ef}\u{e0fff}";
        for char in bidi
            .chain(others.chars())
            .chain("\0\u{8}\u{b}\u{1b}\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{2800}".chars())
        {
            assert!(is_hidden(char), "U+{:04X}", u32::from(char));
        }
        for char in "\n\r\t a~é אב字👍\u{a0}\u{2801}\u{3000}\u{fffc}\u{fffd}".chars() {
            assert!(!is_hidden(char), "U+{:04X}", u32::from(char));
        }
    }

    #[test]
    fn more_than_four_marks_on_each_other_hide_something() {
        for mark in ["\u{301}", "\u{489}", "\u{20dd}", "\u{e31}", "\u{93f}"] {
            for (marks, warnings) in [(1, PLAIN), (4, PLAIN), (5, INVISIBLE), (40, INVISIBLE)] {
                let text = format!("e{}x", mark.repeat(marks));
                assert_eq!(display_warnings([text.as_str()], &Map::new()), warnings, "{text}");
                assert_eq!(of(&json!({ "a": [text] })), warnings);
            }
        }
        // A letter between them begins again.
        let apart = "e\u{301}\u{302}\u{303}\u{304}".repeat(9);
        assert_eq!(display_warnings([apart.as_str()], &Map::new()), PLAIN);
        // Those of different kinds count together.
        let mixed = "e\u{301}\u{302}\u{489}\u{20dd}\u{93f}";
        assert_eq!(display_warnings([mixed], &Map::new()), INVISIBLE);
    }

    #[test]
    fn arguments_are_too_large_beyond_16_kib_or_16_levels() {
        let empty = json!({ "a": "" }).to_string().len();
        let of_bytes = |bytes: usize| json!({ "a": "x".repeat(bytes - empty) });
        assert_eq!(of(&of_bytes(16_384)), PLAIN);
        assert_eq!(of(&of_bytes(16_385)), LARGE);
        let of_depth = |depth: usize| {
            (1..depth).fold(json!({ "a": 1 }), |inner, level| {
                if level % 2 == 0 || level + 1 == depth {
                    json!({ "a": inner })
                } else {
                    json!([inner])
                }
            })
        };
        assert_eq!(of(&of_depth(16)), PLAIN);
        assert_eq!(of(&of_depth(17)), LARGE);
        let both = [DisplayWarning::InvisibleCharacters, DisplayWarning::TooLarge];
        assert_eq!(
            display_warnings(["\u{200b}"], of_depth(17).as_object().expect("an object")),
            both
        );
    }

    proptest! {
        #[test]
        fn a_hidden_character_anywhere_in_arguments_is_found(
            before in "[ -~]{0,20}", after in "[ -~]{0,20}", pick: prop::sample::Index, levels in 0_usize..10, as_key: bool,
        ) {
            let (first, last) = DEFAULT_IGNORABLE[pick.index(DEFAULT_IGNORABLE.len())];
            let hidden = char::from_u32(u32::midpoint(u32::from(first), u32::from(last))).unwrap_or(first);
            let text = format!("{before}{hidden}{after}");
            let planted = if as_key { json!({ text: 1 }) } else { json!([text]) };
            let nested = (0..levels).fold(planted, |inner, _| json!([inner]));
            prop_assert_eq!(of(&json!({ "a": nested })), INVISIBLE);
        }
    }
}
