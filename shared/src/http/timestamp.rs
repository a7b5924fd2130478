//! Times on the wire: RFC 3339 in UTC with three fraction digits and `Z`. For `#[serde(with = …)]`.

use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

/// The text of a time.
#[must_use]
pub fn format(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Writes a time.
///
/// # Errors
/// The serializer's own.
pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*at))
}

/// Reads a time with any offset, to the millisecond.
///
/// # Errors
/// Not RFC 3339, or a year that the contract's form cannot show.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| D::Error::custom("expected an RFC 3339 time such as 2026-11-20T08:00:00.000Z"))
}

/// A time from RFC 3339 text, between the years 1 and 9999.
#[must_use]
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    use chrono::Datelike as _;
    let at = DateTime::parse_from_rfc3339(text)
        .ok()?
        .with_timezone(&Utc)
        .trunc_subsecs(3);
    // A leap second (RFC 3339 §5.7) would be shown as a second that is none, or as the year 10000.
    let is_leap = at.timestamp_subsec_millis() >= 1_000;
    ((1..=9999).contains(&at.year()) && !is_leap).then_some(at)
}

/// The same for times that may be absent.
pub mod option {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// Writes a time or `null`.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a time or `null`.
    ///
    /// # Errors
    /// As [`super::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| {
                super::parse(&text)
                    .ok_or_else(|| D::Error::custom("expected an RFC 3339 time such as 2026-11-20T08:00:00.000Z"))
            })
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_is_read_and_utc_with_three_digits_is_written() {
        let at = parse("2026-11-20T09:30:00.123456+01:00").expect("a valid time");
        assert_eq!(format(at), "2026-11-20T08:30:00.123Z");
        assert_eq!(parse("2026-11-20 08:30:00"), None);
        assert_eq!(parse("0000-01-01T00:00:00Z"), None);
        assert_eq!(parse("9999-12-31T23:59:60Z"), None);
    }
}
