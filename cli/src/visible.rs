//! Text that others wrote, made safe to show in a terminal.
//!
//! A request's text is read by the person who decides on it. Control characters would drive the terminal, bidirectional
//! marks would reorder what is read, and zero-width characters would make two different names look alike. Each is shown
//! as its code point, `<U+202E>`, so that what is seen is what is there.

use std::fmt::Write as _;

/// Ranges of characters that show nothing, or something other than themselves: control (Cc), format (Cf), line and
/// paragraph separators (Zl, Zp), every space but U+0020 (Zs), private use (Co), noncharacters of the basic plane, and
/// `Default_Ignorable_Code_Point` (Unicode 16, `DerivedCoreProperties.txt`). In order.
const UNSEEN: [(u32, u32); 41] = [
    (0x0000, 0x001F),
    (0x007F, 0x00A0),
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x115F, 0x1160),
    (0x1680, 0x1680),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2000, 0x200F),
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    // Braille with no dots raised: a blank that is no space.
    (0x2800, 0x2800),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xE000, 0xF8FF),
    (0xFDD0, 0xFDEF),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0x1FFFE, 0x1FFFF),
    (0x2FFFE, 0x2FFFF),
    (0x3FFFE, 0x3FFFF),
    (0xE0000, 0xE0FFF),
    (0xEFFFE, 0xEFFFF),
    (0xF0000, 0xFFFFD),
    (0xFFFFE, 0xFFFFF),
    (0x10_0000, 0x10_FFFD),
    (0x10_FFFE, 0x10_FFFF),
];

/// Whether a character would not be seen as itself.
fn is_unseen(character: char) -> bool {
    let code = u32::from(character);
    let after = UNSEEN.partition_point(|(first, _)| *first <= code);
    after > 0 && code <= UNSEEN[after - 1].1
}

/// The text on one line, with everything that would not be seen as itself shown as its code point.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unseen(character) {
            let _ = write!(shown, "<U+{:04X}>", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether the text holds anything but line breaks that [`visible`] has to mark.
pub(crate) fn hides_something(text: &str) -> bool {
    text.chars().any(|character| character != '\n' && is_unseen(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_marked() {
        let table = [
            ("delete\u{1b}[2K\rlist", "delete<U+001B>[2K<U+000D>list"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("two\nlines\tand tab", "two<U+000A>lines<U+0009>and tab"),
            ("invoice\u{202e}fdp.exe", "invoice<U+202E>fdp.exe"),
            ("\u{2066}isolated\u{2069}", "<U+2066>isolated<U+2069>"),
            ("pay\u{200b}ments", "pay<U+200B>ments"),
            (
                "a\u{200d}b\u{2060}c\u{feff}d\u{ad}e",
                "a<U+200D>b<U+2060>c<U+FEFF>d<U+00AD>e",
            ),
            (
                "no\u{a0}break\u{3000}wide\u{2800}blank\u{3164}",
                "no<U+00A0>break<U+3000>wide<U+2800>blank<U+3164>",
            ),
            ("tag\u{e0041}\u{fe0f}\u{e0100}", "tag<U+E0041><U+FE0F><U+E0100>"),
            ("own \u{e000}\u{10ffff}", "own <U+E000><U+10FFFF>"),
            ("line\u{2028}paragraph\u{2029}", "line<U+2028>paragraph<U+2029>"),
        ];
        for (text, shown) in table {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        for text in [
            "payments.refund",
            "Überweisung – 4 200 €",
            "承認してください",
            "утверждено",
            "👍 ok \\u{202e} <U+202E>",
            "مرحبا",
        ] {
            assert_eq!(visible(text), text);
            assert!(!hides_something(text));
        }
    }

    #[test]
    fn a_line_break_hides_nothing_and_all_else_that_is_marked_does() {
        assert!(!hides_something("two\nlines"));
        assert!(hides_something("two\r\nlines"));
        assert!(hides_something("\u{202e}"));
    }

    #[test]
    fn the_ranges_are_in_order_and_no_control_character_of_unicode_escapes_them() {
        assert!(UNSEEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(('\0'..=char::MAX).filter(|c| c.is_control()).all(is_unseen));
        assert!(
            ('\0'..=char::MAX)
                .filter(|c| c.is_whitespace() && *c != ' ')
                .all(is_unseen)
        );
        assert!((' '..='~').all(|c| !is_unseen(c)));
    }
}
