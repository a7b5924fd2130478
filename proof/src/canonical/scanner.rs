//! Whether a text is canonical JSON already, in one pass that keeps nothing.

use std::cmp::Ordering;

/// Levels of arrays and objects that are followed. What the product hashes has at most 64.
const MAX_DEPTH: u8 = 100;

/// Whether a text is one JSON value in its canonical form (RFC 8785): no white space, the members of each object in
/// order and none twice, texts and numbers in their one spelling. More than 100 levels are none.
#[must_use]
pub fn is_canonical(text: &str) -> bool {
    let mut scanner = Scanner { rest: text };
    scanner.value(MAX_DEPTH).is_some() && scanner.rest.is_empty()
}

/// The items of a text that is a canonical array of three, each as it is written; `None` for any other text.
pub(crate) fn array_items(text: &str) -> Option<[&str; 3]> {
    let mut scanner = Scanner { rest: text };
    scanner.take("[")?;
    let first = scanner.spanned(MAX_DEPTH)?;
    scanner.take(",")?;
    let second = scanner.spanned(MAX_DEPTH)?;
    scanner.take(",")?;
    let third = scanner.spanned(MAX_DEPTH)?;
    (scanner.rest == "]").then_some([first, second, third])
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn take(&mut self, expected: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    fn advance(&mut self, bytes: usize) -> Option<&'a str> {
        let (before, after) = self.rest.split_at_checked(bytes)?;
        self.rest = after;
        Some(before)
    }

    /// Passes over a value and returns its text.
    fn spanned(&mut self, depth: u8) -> Option<&'a str> {
        let before = self.rest;
        self.value(depth)?;
        before.get(..before.len().checked_sub(self.rest.len())?)
    }

    fn value(&mut self, depth: u8) -> Option<()> {
        match self.rest.bytes().next()? {
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b'"' => self.string().map(drop),
            b't' => self.take("true"),
            b'f' => self.take("false"),
            b'n' => self.take("null"),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: u8) -> Option<()> {
        self.take("[")?;
        if self.take("]").is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.take(",").is_none() {
                return self.take("]");
            }
        }
    }

    fn object(&mut self, depth: u8) -> Option<()> {
        self.take("{")?;
        if self.take("}").is_some() {
            return Some(());
        }
        let mut last: Option<&str> = None;
        loop {
            let name = self.string()?;
            if last.is_some_and(|last| compare(last, name) != Ordering::Less) {
                return None;
            }
            last = Some(name);
            self.take(":")?;
            self.value(depth)?;
            if self.take(",").is_none() {
                return self.take("}");
            }
        }
    }

    /// Passes over a text and returns what stands between its quotes, escapes as they are.
    fn string(&mut self) -> Option<&'a str> {
        self.take("\"")?;
        let before = self.rest;
        loop {
            let plain = self
                .rest
                .bytes()
                .position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
            self.advance(plain)?;
            if self.rest.starts_with('"') {
                let inside = before.get(..before.len().checked_sub(self.rest.len())?)?;
                self.take("\"")?;
                return Some(inside);
            }
            // A control character does not begin an escape and ends the scan here.
            let (_, length) = escape(self.rest)?;
            self.advance(length)?;
        }
    }

    fn number(&mut self) -> Option<()> {
        let length = self
            .rest
            .bytes()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(self.rest.len());
        let text = self.advance(length)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_short = (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_short && (text == "0" || !digits.starts_with('0')) {
            return Some(());
        }
        let number: f64 = text.parse().ok()?;
        (ryu_js::Buffer::new().format(number) == text).then_some(())
    }
}

/// The character of an escape in its canonical spelling at the start of a text, and the escape's length in bytes.
fn escape(text: &str) -> Option<(char, usize)> {
    let short = match text.get(..2)? {
        "\\\"" => '"',
        "\\\\" => '\\',
        "\\b" => '\u{8}',
        "\\t" => '\t',
        "\\n" => '\n',
        "\\f" => '\u{c}',
        "\\r" => '\r',
        "\\u" => {
            let digits = text.get(2..6)?;
            let is_lower = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let character = char::from(u8::from_str_radix(digits, 16).ok().filter(|_| is_lower)?);
            let has_short = matches!(character, '\u{8}' | '\t' | '\n' | '\u{c}' | '\r');
            return (character < ' ' && !has_short).then_some((character, 6));
        }
        _ => return None,
    };
    Some((short, 2))
}

/// The order of two names: by their UTF-16 code units (RFC 8785 §3.2.3).
fn compare(one: &str, other: &str) -> Ordering {
    let is_plain = |text: &str| text.is_ascii() && !text.contains('\\');
    if is_plain(one) && is_plain(other) {
        return one.cmp(other);
    }
    units(one).cmp(units(other))
}

/// The UTF-16 code units of a text whose escapes are canonical.
fn units(escaped: &str) -> impl Iterator<Item = u16> {
    let mut rest = escaped;
    let mut low = None;
    std::iter::from_fn(move || {
        if let Some(unit) = low.take() {
            return Some(unit);
        }
        let (character, length) =
            escape(rest).or_else(|| rest.chars().next().map(|first| (first, first.len_utf8())))?;
        rest = rest.get(length..)?;
        let mut units = [0; 2];
        let mut units = character.encode_utf16(&mut units).iter().copied();
        let first = units.next();
        low = units.next();
        first
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::canonical::canonical_json;

    #[test]
    fn what_is_not_canonical_is_told_apart() {
        for text in [
            "{}",
            "[]",
            "null",
            "0",
            "-1",
            "1e+21",
            "1e-7",
            "0.5",
            "9007199254740991",
            "333333333.3333333",
            r#""""#,
            r#""\u001f\u007f""#.replace("\\u007f", "\u{7f}").as_str(),
            r#"{"":1,"a":[true,false]}"#,
            // U+FB33 sorts after U+1F600, whose first UTF-16 unit is smaller.
            "{\"😀\":1,\"\u{fb33}\":2}",
            r#"{"\n":1,"\r":2,"1":3}"#,
        ] {
            assert!(is_canonical(text), "{text}");
        }
        for text in [
            "",
            " {}",
            "{} ",
            "{ }",
            "[1, 2]",
            "[1,]",
            "[,]",
            "[1",
            "{\"a\":1",
            "{\"a\"}",
            "{a:1}",
            "tru",
            "nul",
            "-0",
            "01",
            "1.0",
            "1E3",
            "1e3",
            "+1",
            ".5",
            "1.",
            "-",
            "1e999",
            "NaN",
            "inf",
            "9007199254740993",
            "\"a",
            "\"\n\"",
            r#""\/""#,
            r#""\u0041""#,
            r#""\u000a""#,
            r#""\u001F""#,
            r#""\u00e9""#,
            r#""\u+01f""#,
            r#""\ud83d\ude00""#,
            r#""\x""#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":2}"#,
            "{\"\u{fb33}\":1,\"😀\":2}",
            r#"[{"a":1}{"b":2}]"#,
        ] {
            assert!(!is_canonical(text), "{text}");
        }
    }

    #[test]
    fn depth_has_an_end() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_canonical(&nested(100)));
        assert!(!is_canonical(&nested(101)));
        assert!(!is_canonical(&"[".repeat(1_000_000)));
    }

    #[test]
    fn the_items_of_three_are_taken_as_they_stand() {
        assert_eq!(
            array_items(r#"["s","n",{"a":[1]}]"#),
            Some([r#""s""#, r#""n""#, r#"{"a":[1]}"#])
        );
        for text in ["[]", "[1,2]", "[1,2,3,4]", "[1,2,3", "[1,2,3] ", "[1, 2,3]", "{}"] {
            assert_eq!(array_items(text), None, "{text}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            any::<String>().prop_map(Value::from),
            "[\\x00-\\x22\\x5c\\x7f-\\u{100}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_the_canonicalizer_writes_is_canonical(value in any_value()) {
            let text = canonical_json(&value).unwrap();
            prop_assert!(is_canonical(&text), "{}", text);
        }

        #[test]
        fn a_text_is_canonical_only_if_the_canonicalizer_keeps_it(value in any_value(), at: prop::sample::Index, by in any::<u8>()) {
            let mut bytes = canonical_json(&value).unwrap().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
            if is_canonical(&text) {
                prop_assert_eq!(&serde_json_canonicalizer::pipe(&text).unwrap(), &text);
            }
        }

        #[test]
        fn any_text_has_an_answer(text: String) {
            let _ = (is_canonical(&text), array_items(&text));
        }
    }
}
