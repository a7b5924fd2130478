//! The path of a secret, checked before any source sees it.

use super::SecretError;

const PREFIX: &str = "countersign/";
const MAX_CHARS: usize = 256;

/// A path without its prefix that names something below the prefix and nothing outside of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SecretPath(String);

impl SecretPath {
    /// Takes `path` when it cannot leave the prefix in any source's reading of it.
    ///
    /// What is allowed is listed rather than what is not: the characters of a Secrets Manager name
    /// (`CreateSecret`, parameter `Name`). That leaves out `\`, `%`, controls and everything outside ASCII.
    pub(super) fn parse(path: &str) -> Result<Self, SecretError> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
        let reason = if path.is_empty() {
            "it is empty"
        } else if path.len() > MAX_CHARS {
            "it has more than 256 characters"
        } else if !path.chars().all(allowed) {
            "only letters, digits and /_+=.@- may stand in it"
        } else if path.starts_with('/') {
            "it is absolute"
        } else if path.split('/').any(str::is_empty) {
            "it has an empty segment"
        } else if path.contains("..") || path.split('/').any(|segment| segment == ".") {
            "it has a relative segment"
        } else {
            return Ok(Self(path.to_owned()));
        };
        Err(SecretError::InvalidPath(reason))
    }

    /// The path as callers give it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which a secret store knows it.
    pub(super) fn full(&self) -> String {
        format!("{PREFIX}{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_below_the_prefix_are_taken() {
        for path in ["database", "stripe/eu-west-1", "a.b_c+d=e@f-g", &"x".repeat(256)] {
            assert_eq!(
                SecretPath::parse(path).expect("valid").full(),
                format!("countersign/{path}")
            );
        }
    }

    #[test]
    fn paths_that_could_lead_elsewhere_are_refused() {
        let long = "x".repeat(257);
        let refused = [
            "",
            "/",
            "/database",
            "database/",
            "a//b",
            ".",
            "..",
            "./a",
            "a/.",
            "../other",
            "a/../b",
            "a/..",
            "a..b",
            "a\\b",
            "..\\other",
            "%2e%2e/other",
            "a%2fb",
            "a\0b",
            "a\nb",
            "a b",
            "datenbänk",
            "a:b",
            &long,
        ];
        for path in refused {
            assert!(
                matches!(SecretPath::parse(path), Err(SecretError::InvalidPath(_))),
                "{path:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_resolves_below_the_prefix(path in "[a-z./\\\\%]{0,12}|\\PC{0,20}") {
            if let Ok(taken) = SecretPath::parse(&path) {
                let full = taken.full();
                let mut depth = 0_usize;
                for segment in full.split(['/', '\\']) {
                    prop_assert!(!segment.is_empty() && segment != "." && segment != "..", "{}", full);
                    depth += 1;
                }
                prop_assert!(depth >= 2 && full.starts_with(PREFIX));
                prop_assert!(full.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%'));
            }
        }
    }
}
