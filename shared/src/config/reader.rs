//! Reads variables one by one and keeps every mistake for the end.

use std::{fmt, ops::RangeInclusive, str::FromStr};

/// One variable that is wrong: its name and what was expected, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: expected {expected}")]
pub struct ConfigError {
    variable: &'static str,
    expected: String,
}

impl ConfigError {
    pub(super) fn new(variable: &'static str, expected: impl Into<String>) -> Self {
        Self {
            variable,
            expected: expected.into(),
        }
    }

    /// The name of the variable.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

/// Every mistake in the settings; displayed one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn new(mistakes: Vec<ConfigError>) -> Self {
        Self(mistakes)
    }

    /// The mistakes in the order in which the variables were read.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads variables through a lookup. A wrong one yields its default, so that reading goes on to the next mistake; nothing is
/// served with such a default, because [`Draft::finish`](super::Draft::finish) refuses the whole.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            mistakes: Vec::new(),
        }
    }

    /// The trimmed value, unless it is not set or empty.
    pub(super) fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// A whole number within `range`.
    pub(super) fn number<T>(&mut self, variable: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.text(variable) else {
            return default;
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.refuse(
                    variable,
                    format!("a whole number from {} to {}", range.start(), range.end()),
                );
                default
            }
        }
    }

    /// What `parse` makes of the value; `None` when the variable is not set or `parse` refuses it.
    pub(super) fn parsed<T>(
        &mut self,
        variable: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.refuse(variable, expected);
        }
        parsed
    }

    /// Notes that `variable` is wrong.
    pub(super) fn refuse(&mut self, variable: &'static str, expected: impl Into<String>) {
        self.mistakes.push(ConfigError::new(variable, expected));
    }

    /// Everything that was wrong.
    pub(super) fn into_mistakes(self) -> Vec<ConfigError> {
        self.mistakes
    }
}
