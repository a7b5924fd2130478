//! How much of a client's own words an error tells back: enough to find the mistake by, and never a body.

use std::borrow::Cow;

/// The most characters of a name that the client chose.
const LONGEST_NAME: usize = 64;
/// The most characters of a parser's message, in which a name or a value may be quoted.
const LONGEST_MESSAGE: usize = 300;

/// The name of a field or a parameter.
pub(super) fn name(name: &str) -> Cow<'_, str> {
    shortened(name, LONGEST_NAME)
}

/// What serde says of a mistake. It puts what it quotes in backticks, however long that is, and what it expected instead
/// behind it.
pub(super) fn message(message: &str) -> String {
    let mut parts = message.splitn(3, '`');
    let whole = match (parts.next(), parts.next(), parts.next()) {
        // Of several quoted words the first is the client's.
        (Some(before), Some(quoted), Some(after)) => Cow::Owned(format!("{before}`{}`{after}", name(quoted))),
        _ => Cow::Borrowed(message),
    };
    shortened(&whole, LONGEST_MESSAGE).into_owned()
}

fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_whole() {
        for text in ["", "tool", &"é".repeat(64)] {
            assert_eq!(name(text), text);
        }
        for text in [
            "expected an object",
            "unknown field `x`, expected `a` or `b`",
            "invalid value: `",
            "``",
        ] {
            assert_eq!(message(text), text);
        }
    }

    #[test]
    fn a_long_name_is_cut_and_what_is_said_of_it_stays() {
        let long = "é".repeat(100_000);
        let cut = format!("{}…", "é".repeat(64));
        assert_eq!(name(&long), cut);
        assert_eq!(
            message(&format!("unknown field `{long}`, expected `a` or `b`")),
            format!("unknown field `{cut}`, expected `a` or `b`")
        );
        assert_eq!(
            message(&format!("unknown field `{long}`")),
            format!("unknown field `{cut}`")
        );
        for said in [
            format!("invalid type: string \"{long}\", expected a map"),
            format!("`{long}"),
            "`".repeat(100_000),
        ] {
            assert_eq!(message(&said).chars().count(), 301, "at most so many and an ellipsis");
        }
    }
}
