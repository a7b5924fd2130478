//! Payment card numbers: 13 to 19 digits of a known issuer that satisfy the Luhn check (ISO/IEC 7812-1).
//!
//! Digits may stand in groups parted by single spaces or hyphens. A number that is part of something longer (a hash, a
//! fraction) is no card.

use std::ops::Range;

/// The name of the rule.
pub(super) const NAME: &str = "card-number";

/// Where card numbers stand in a text, in order, overlapping ones joined.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let groups = digit_groups(text);
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (at, first) in groups.iter().enumerate() {
        if !may_start(text, first.start) {
            continue;
        }
        let mut digits = String::new();
        let mut end = first.start;
        for group in &groups[at..] {
            if !continues(text, end, group.start) && group != first {
                break;
            }
            digits.push_str(&text[group.clone()]);
            if digits.len() > 19 {
                break;
            }
            end = group.end;
            if is_card(&digits) && may_end(text, end) {
                match spans.last_mut() {
                    Some(last) if last.end >= first.start => last.end = last.end.max(end),
                    _ => spans.push(first.start..end),
                }
            }
        }
    }
    spans
}

fn digit_groups(text: &str) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match groups.last_mut() {
            Some(group) if group.end == at => group.end = at + 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

fn continues(text: &str, end: usize, start: usize) -> bool {
    matches!(&text.as_bytes()[end..start], b" " | b"-")
}

fn may_start(text: &str, at: usize) -> bool {
    let before = &text.as_bytes()[..at];
    match before {
        [.., digit, b'.'] if digit.is_ascii_digit() => false,
        [.., byte] => !byte.is_ascii_alphabetic(),
        [] => true,
    }
}

fn may_end(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_none_or(|byte| !byte.is_ascii_alphabetic())
}

fn is_card(digits: &str) -> bool {
    has_an_issuer(digits) && luhn(digits)
}

/// The issuers' number ranges with the lengths they use; without them every tenth long number would be a card.
fn has_an_issuer(digits: &str) -> bool {
    let Some(prefix) = digits.get(..4).and_then(|prefix| prefix.parse::<u16>().ok()) else {
        return false;
    };
    match prefix {
        4000..=4999 => matches!(digits.len(), 13 | 16 | 19),
        2221..=2720 | 5100..=5599 => digits.len() == 16,
        3400..=3499 | 3700..=3799 => digits.len() == 15,
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&digits.len()),
        3528..=3589 | 6011 | 6200..=6299 | 6440..=6599 => (16..=19).contains(&digits.len()),
        5000..=5099 | 5600..=5899 | 6300..=6399 | 6700..=6799 => (13..=19).contains(&digits.len()),
        _ => false,
    }
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| match (place % 2, u32::from(byte - b'0')) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<&str> {
        spans(text).into_iter().map(|span| &text[span]).collect()
    }

    #[test]
    fn test_numbers_of_the_issuers_are_found() {
        for card in [
            "4111111111111111",
            "4222222222222",
            "5500005555555559",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "6200000000000005",
            "4111 1111 1111 1111",
            "3782-822463-10005",
        ] {
            assert_eq!(found(card), [card]);
            assert_eq!(found(&format!("card {card}, exp. 12/29 and 7 {card}")), [card, card]);
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for text in [
            "4111111111111112",
            "1763635200000",
            "0.4111111111111111",
            "a4111111111111111",
            "4111111111111111f",
            "04111111111111111",
            "41111111111111110000000",
            "4111  1111 1111 1111",
            "4111.1111.1111.1111",
            "",
            "019a9f3c-1234-7123-8456-123456789012",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn neighbouring_numbers_do_not_hide_a_card() {
        assert_eq!(
            found("4111111111111111 5500005555555559"),
            ["4111111111111111", "5500005555555559"]
        );
        assert_eq!(found("12-4111 1111 1111 1111"), ["4111 1111 1111 1111"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = spans(&text);
        }

        #[test]
        fn one_wrong_digit_fails_the_check(at in 0_usize..16, digit in 0_u8..10) {
            let mut card = *b"5500005555555559";
            prop_assume!(card[at] != b'0' + digit);
            card[at] = b'0' + digit;
            prop_assert!(!luhn(std::str::from_utf8(&card).unwrap()));
        }
    }
}
