//! What a person sets for themselves, and the form of it. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::patch::present;

/// A person's own settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Settings {
    /// An IANA time zone.
    pub(crate) time_zone: String,
    /// A BCP 47 language tag.
    pub(crate) locale: String,
    /// What the person wants to be told of.
    pub(crate) notifications: BTreeMap<String, bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            locale: "en".to_owned(),
            notifications: BTreeMap::new(),
        }
    }
}

/// What to change of the settings. An absent field stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsPatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub(crate) time_zone: Option<TimeZone>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    locale: Option<Locale>,
    /// Replaces all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    notifications: Option<Notifications>,
}

impl SettingsPatch {
    /// The settings as they will be.
    pub(crate) fn applied_to(self, settings: &Settings) -> Settings {
        Settings {
            time_zone: self.time_zone.map_or_else(|| settings.time_zone.clone(), |zone| zone.0),
            locale: self.locale.map_or_else(|| settings.locale.clone(), |locale| locale.0),
            notifications: self
                .notifications
                .map_or_else(|| settings.notifications.clone(), |wishes| wishes.0),
        }
    }
}

/// A text of the form of an IANA time zone; whether there is such a zone, the database's own list says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(
    example = "Europe/Berlin",
    max_length = 64,
    pattern = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$"
)]
pub(crate) struct TimeZone(String);

impl TimeZone {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TimeZone {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
        };
        if text.len() <= 64 && text.split('/').count() <= 3 && text.split('/').all(plain) {
            Ok(Self(text))
        } else {
            Err("must be an IANA time zone such as Europe/Berlin")
        }
    }
}

/// A language tag (RFC 5646 §2.1), checked for its shape: subtags of 1 to 8 letters and digits, the first of them
/// letters only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(example = "de-CH", max_length = 35, pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]
pub(crate) struct Locale(String);

impl TryFrom<String> for Locale {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut subtags = text.split('-');
        let language = subtags.next().unwrap_or_default();
        let language_fits =
            (2..=8).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
        let rest_fits = subtags
            .all(|subtag| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        // 35: what an implementation must be able to hold (RFC 5646 §4.4.1).
        if language_fits && rest_fits && text.len() <= 35 {
            Ok(Self(text))
        } else {
            Err("must be a BCP 47 language tag such as en or de-CH")
        }
    }
}

/// Wishes by name: at most 50, names of 1 to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "BTreeMap<String, bool>")]
pub(crate) struct Notifications(BTreeMap<String, bool>);

impl TryFrom<BTreeMap<String, bool>> for Notifications {
    type Error = &'static str;

    fn try_from(wishes: BTreeMap<String, bool>) -> Result<Self, Self::Error> {
        let named = wishes
            .keys()
            .all(|name| (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control));
        if named && wishes.len() <= 50 {
            Ok(Self(wishes))
        } else {
            Err("must be at most 50 names of 1 to 64 characters")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones_have_up_to_three_parts() {
        for good in [
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+5",
            "America/Port-au-Prince",
        ] {
            assert!(TimeZone::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "a//b",
            "a/b/c/d",
            "Europe/Berlin ",
            "UTC'",
            "../etc",
            &"a".repeat(65),
        ] {
            assert!(TimeZone::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn locales_are_language_tags() {
        for good in ["en", "de-CH", "zh-Hant-TW", "sl-rozaj-biske-1994", "en-US-u-ca-iso8601"] {
            assert!(Locale::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "e",
            "1n",
            "en_US",
            "en-",
            "-en",
            "en-toolongtag",
            "abcdefghi",
            &"aa-bb".repeat(9),
        ] {
            assert!(Locale::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn notifications_are_bounded() {
        let wishes = |count: usize| {
            (0..count)
                .map(|number| (number.to_string(), true))
                .collect::<BTreeMap<_, _>>()
        };
        assert!(Notifications::try_from(wishes(50)).is_ok());
        assert!(Notifications::try_from(wishes(51)).is_err());
        assert!(Notifications::try_from(BTreeMap::from([(String::new(), true)])).is_err());
        assert!(Notifications::try_from(BTreeMap::from([("x".repeat(65), true)])).is_err());
    }
}
