//! Times as they stand in signed texts: RFC 3339 in UTC, to the millisecond, in one spelling.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A time such as `2026-11-20T08:00:00.000Z`: 24 characters, between the years 1 and 9999, without leap seconds.
///
/// It is kept as its text, whose order is that of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp([u8; 24]);

/// The text is no such time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a UTC time with milliseconds, such as 2026-11-20T08:00:00.000Z")]
pub struct NoTimestamp;

impl Timestamp {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Timestamp {
    type Err = NoTimestamp;

    fn from_str(text: &str) -> Result<Self, NoTimestamp> {
        const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
        let bytes: [u8; 24] = text.as_bytes().try_into().map_err(|_| NoTimestamp)?;
        let is_formed = bytes.iter().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        });
        let part = |range| text.get(range).and_then(|digits: &str| digits.parse::<u16>().ok());
        let parts = (
            part(0..4),
            part(5..7),
            part(8..10),
            part(11..13),
            part(14..16),
            part(17..19),
        );
        let (Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second)) = parts else {
            return Err(NoTimestamp);
        };
        let is_real =
            year >= 1 && (1..=days_in(year, month)).contains(&day) && hour <= 23 && minute <= 59 && second <= 59;
        if is_formed && is_real {
            Ok(Self(bytes))
        } else {
            Err(NoTimestamp)
        }
    }
}

/// The days of a month, 0 for a month that is none.
fn days_in(year: u16, month: u16) -> u16 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_spelling() {
        for text in [
            "0001-01-01T00:00:00.000Z",
            "2024-02-29T23:59:59.999Z",
            "2000-02-29T00:00:00.000Z",
            "9999-12-31T23:59:59.999Z",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0000-01-01T00:00:00.000Z",
            "2023-02-29T00:00:00.000Z",
            "1900-02-29T00:00:00.000Z",
            "2026-04-31T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "2026-01-00T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01T00:60:00.000Z",
            "2026-01-01T00:00:60.000Z",
            "2026-01-01t00:00:00.000Z",
            "2026-01-01T00:00:00.000z",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000+00:00",
            "+026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00.000Z ",
            "2026-01-01T00:00:00.00éZ",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NoTimestamp), "{text}");
        }
    }

    #[test]
    fn times_compare_as_time_does() {
        let parse = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(parse("2026-11-20T08:00:00.000Z") < parse("2026-11-20T08:00:00.001Z"));
        assert!(parse("2025-12-31T23:59:59.999Z") < parse("2026-01-01T00:00:00.000Z"));
    }
}
