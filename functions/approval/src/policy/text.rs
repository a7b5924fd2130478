//! The text of policies as a person sees it: lines, columns, and how deep it nests.

use miette::Diagnostic;

/// What one text may have.
const MAX_BYTES: usize = 64 << 10;
pub(super) const MAX_POLICIES: usize = 1_000;
/// Brackets within brackets.
const MAX_DEPTH: usize = 50;
/// Operators, conditions and square brackets in one policy: a chain of them is as deep a tree as it is long.
const MAX_OPERATORS: usize = 1_000;

/// Attributes of attributes: `has a.b.c` stands for a test of each, and each test is read along the whole path.
const MAX_DOTS: usize = 32;

/// What is wrong with a text, and where. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) message: String,
}

impl Flaw {
    /// A flaw at this byte of the text.
    pub(super) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }

    /// What Cedar found, where it found it, or else at `fallback`.
    pub(super) fn found(text: &str, diagnostic: &dyn Diagnostic, fallback: usize) -> Self {
        let offset = diagnostic
            .labels()
            .and_then(|mut labels| labels.next())
            .map_or(fallback, |label| label.offset());
        let message = match diagnostic.help() {
            Some(help) => format!("{diagnostic}; {help}"),
            None => diagnostic.to_string(),
        };
        Self::at(text, offset, message)
    }
}

/// Refuses what is too large to be read in a bounded time and on a bounded stack, before Cedar sees it. Returns how deep the tree
/// of any of the policies can be at most.
///
/// # Errors
/// The first excess.
pub(super) fn check_size(text: &str) -> Result<usize, Flaw> {
    if text.len() > MAX_BYTES {
        return Err(Flaw::at(text, MAX_BYTES, "the text must have at most 64 KiB"));
    }
    let (mut policies, mut depth, mut operators, mut dots) = (0, 0_usize, 0, 0);
    let mut deepest = 0;
    for (offset, token) in Tokens::of(text) {
        if matches!(
            token,
            "&" | "|" | "+" | "-" | "*" | "." | "!" | "if" | "else" | "[" | "when" | "unless"
        ) {
            operators += 1;
        }
        match token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            ";" => {
                policies += 1;
                operators = 0;
            }
            _ => {}
        }
        dots = match token {
            "." => dots + 1,
            _ if token.starts_with(is_word) => dots,
            _ => 0,
        };
        deepest = deepest.max(operators + depth);
        if dots > MAX_DOTS {
            return Err(Flaw::at(text, offset, "an attribute must lie at most 32 deep"));
        }
        if depth > MAX_DEPTH {
            return Err(Flaw::at(text, offset, "brackets must nest at most 50 deep"));
        }
        if operators > MAX_OPERATORS {
            return Err(Flaw::at(text, offset, "a policy must have at most 1000 operators"));
        }
        if policies == MAX_POLICIES && token != ";" {
            return Err(Flaw::at(text, offset, "there must be at most 1000 policies"));
        }
    }
    Ok(deepest)
}

/// Words, signs (`&&` counts once) and whole strings, without what is between them.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = loop {
            let rest = self.text[self.at..].trim_start();
            self.at = self.text.len() - rest.len();
            match rest.strip_prefix("//") {
                Some(_) => self.at += rest.find('\n').unwrap_or(rest.len()),
                None => break rest,
            }
        };
        let first = rest.chars().next()?;
        let (length, shown) = match first {
            '"' => {
                let length = string_length(rest);
                (length, length)
            }
            '&' | '|' if rest[1..].starts_with(first) => (2, 1),
            _ if is_word(first) => {
                let length = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
                (length, length)
            }
            _ => (first.len_utf8(), first.len_utf8()),
        };
        let offset = self.at;
        self.at += length;
        Some((offset, &rest[..shown]))
    }
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// With both quotes; to the end, where the second is missing.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Where the annotation of this name begins in a policy; the beginning of the policy when it has none.
pub(super) fn annotation_offset(policy: &str, name: &str) -> usize {
    let mut tokens = Tokens::of(policy);
    while let Some((offset, "@")) = tokens.next() {
        if tokens.next().is_some_and(|(_, word)| word == name) {
            return offset;
        }
        let mut after = Tokens {
            text: policy,
            at: tokens.at,
        };
        if let Some((_, "(")) = after.next() {
            after.by_ref().take(2).for_each(drop);
            tokens = after;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(flaw: Result<usize, Flaw>) -> Option<(usize, usize)> {
        flaw.err().map(|flaw| (flaw.line, flaw.column))
    }

    #[test]
    fn places_are_lines_and_characters_from_1() {
        let text = "é\n ü x";
        assert_eq!((Flaw::at(text, 0, "").line, Flaw::at(text, 0, "").column), (1, 1));
        let last = Flaw::at(text, text.len() - 1, "");
        assert_eq!((last.line, last.column), (2, 4));
        // Within a character, or behind the end.
        assert_eq!(Flaw::at(text, 1, "").column, 1);
        assert_eq!(Flaw::at(text, 99, "").column, 5);
    }

    #[test]
    fn brackets_and_operators_count_only_where_they_are_some() {
        let deep = |n: usize| format!("x {}{}", "(".repeat(n), ")".repeat(n));
        assert_eq!(check_size(&deep(50)), Ok(50));
        assert_eq!(place(check_size(&deep(51))), Some((1, 53)));
        assert_eq!(check_size(&format!("\"\\\"{0}\" // {0}\n", "(".repeat(60))), Ok(0));
        assert_eq!(check_size(&format!("a{}", " && a".repeat(1_000))), Ok(1_000));
        assert_eq!(
            place(check_size(&format!("a\n{}", "&& a ".repeat(1_001)))),
            Some((2, 5_001))
        );
        assert_eq!(check_size(&format!("a{};", " && a".repeat(900)).repeat(3)), Ok(900));
        // Attributes in brackets and conditions make chains too.
        for link in ["[\"a\"]", " when { a }", " unless { a }"] {
            let most = check_size(&format!("a{}", link.repeat(1_000)));
            assert_eq!(most, Ok(1_001), "{link}");
            assert!(check_size(&format!("a{}", link.repeat(1_001))).is_err(), "{link}");
        }
        assert_eq!(check_size(&format!("a{} && a.a", ".a".repeat(32))), Ok(34));
        assert_eq!(place(check_size(&format!("a{}", ".a".repeat(33)))), Some((1, 66)));
    }

    #[test]
    fn texts_and_policies_are_bounded() {
        assert_eq!(check_size(&" ".repeat(64 << 10)), Ok(0));
        assert_eq!(
            place(check_size(&"\n".repeat((64 << 10) + 1))),
            Some(((64 << 10) + 1, 1))
        );
        assert_eq!(check_size(&"x;".repeat(1_000)), Ok(0));
        assert_eq!(
            place(check_size(&format!("{} y;", "x;".repeat(1_000)))),
            Some((1, 2_002))
        );
    }

    #[test]
    fn annotations_are_found_past_comments_and_strings() {
        let policy =
            "// @id(\"no\")\n@reason(\"@id(\\\"no\\\")\") @bare @id ( \"yes\" )\npermit (principal, action, resource);";
        assert_eq!(&policy[annotation_offset(policy, "id")..][..5], "@id (");
        assert_eq!(&policy[annotation_offset(policy, "bare")..][..5], "@bare");
        assert_eq!(annotation_offset(policy, "absent"), 0);
    }
}
