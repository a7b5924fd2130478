//! Names that people give to tenants and to each other. Pure.

use serde::Deserialize;
use shared::journal::redaction::credential;
use utoipa::ToSchema;

/// 1 to 200 characters without control characters, trimmed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(
    min_length = 1,
    max_length = 200,
    pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$"
)]
pub(crate) struct Name(String);

impl Name {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        if (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
            no_credential(text)?;
            Ok(Self(text.to_owned()))
        } else {
            Err("must have 1 to 200 characters, none of them a control character")
        }
    }
}

/// Names are kept, shown and, of callers, logged as they are, so a credential pasted into one would be everywhere.
pub(crate) fn no_credential(text: &str) -> Result<(), &'static str> {
    match credential(text) {
        None => Ok(()),
        Some(_) => Err("must not hold a credential"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<Name, &'static str> {
        text.to_owned().try_into()
    }

    #[test]
    fn a_name_is_trimmed_and_counted_in_characters() {
        assert_eq!(name("  Ada Lovelace ").expect("a name").as_str(), "Ada Lovelace");
        assert!(name(&"é".repeat(200)).is_ok());
        assert!(name(&"é".repeat(201)).is_err());
        assert!(name(" \u{a0} ").is_err());
        assert!(name("two\nlines").is_err());
        assert!(name("bell\u{7}").is_err());
    }

    #[test]
    fn a_name_that_holds_a_credential_is_refused() {
        let token = format!("cst_{}", "x".repeat(43));
        assert!(name(&format!("Ada {token}")).is_err());
        assert!(name("The Token Company: secrets").is_ok());
    }
}
