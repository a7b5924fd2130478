//! The exact bytes of an audit event that are hashed.
//!
//! An entry is canonical JSON (RFC 8785). What may have to be erased one day stands in it only as salted digests
//! ([`crate::disclosure`]); everything else stands in the clear and stays forever. A change of this form is a new `v`,
//! since old entries must keep verifying: a verifier of this version knows every member there may be.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    encoding::{MAX_SAFE_INTEGER, borrowed_list, borrowed_option, hash_from_hex, is_base64url, is_written_as},
    timestamp::Timestamp,
};

/// An entry is at most this long, in bytes: C2SP tlog-tiles gives an entry of a bundle a length of 16 bits.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// The version of the form below.
pub const VERSION: u8 = 1;

/// An entry's members. They are declared in the order of their names, so that serializing them is canonical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry<'a> {
    /// The digests of the disclosures, in ascending order, so that their order does not tell which of them is which.
    #[serde(rename = "_sd", borrow, deserialize_with = "borrowed_list")]
    pub digests: Vec<Cow<'a, str>>,
    /// What happened.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        default,
        deserialize_with = "borrowed_option"
    )]
    pub action: Option<Cow<'a, str>>,
    /// What ties events together.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        default,
        deserialize_with = "borrowed_option"
    )]
    pub correlation_id: Option<Cow<'a, str>>,
    /// What was decided about the call.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        default,
        deserialize_with = "borrowed_option"
    )]
    pub decision: Option<Cow<'a, str>>,
    /// Where the call was made.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        default,
        deserialize_with = "borrowed_option"
    )]
    pub environment: Option<Cow<'a, str>>,
    /// The event's id.
    pub event_id: Uuid,
    /// How long the call took, in milliseconds, within ±(2^53−1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<i64>,
    /// When it happened by the recorder's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// What came of the call.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        default,
        deserialize_with = "borrowed_option"
    )]
    pub outcome: Option<Cow<'a, str>>,
    /// The salted hash of the raw arguments, in lower-case hex.
    #[serde(borrow)]
    pub raw_args_hash: Cow<'a, str>,
    /// The principal that wrote the event.
    #[serde(borrow)]
    pub recorded_by: Cow<'a, str>,
    /// The rules that changed the arguments.
    #[serde(borrow, deserialize_with = "borrowed_list")]
    pub redaction_flags: Vec<Cow<'a, str>>,
    /// The recorder's own id of the event.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// The recorder's labels.
    #[serde(borrow, deserialize_with = "borrowed_list")]
    pub risk_labels: Vec<Cow<'a, str>>,
    /// Whose log the event is in.
    pub tenant_id: Uuid,
    /// The tool that was called.
    #[serde(borrow)]
    pub tool: Cow<'a, str>,
    /// The caller's trust level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_level: Option<i16>,
    /// [`VERSION`].
    pub v: u8,
}

/// Why a text is no entry, or an entry cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It would be longer than [`MAX_ENTRY_BYTES`].
    #[error("the entry is longer than {MAX_ENTRY_BYTES} bytes")]
    TooLong,
    /// It is no JSON object with these members.
    #[error("the entry is not an object with the members of version {VERSION}")]
    Malformed,
    /// It has another version.
    #[error("the entry has version {0}, and only {VERSION} is known")]
    UnknownVersion(u64),
    /// It has another spelling than the canonical one.
    #[error("the entry is not canonical JSON")]
    NotCanonical,
    /// The named member has a value that it cannot have.
    #[error("the entry has an invalid {0}")]
    Invalid(&'static str),
}

impl<'a> Entry<'a> {
    /// The entry in a text.
    ///
    /// # Errors
    /// See [`EntryError`]; the text must be exactly what [`Entry::to_text`] writes for what it says.
    pub fn parse(text: &'a str) -> Result<Self, EntryError> {
        if text.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLong);
        }
        let entry: Self = serde_json::from_str(text).map_err(|_| why_malformed(text))?;
        if entry.v != VERSION {
            return Err(EntryError::UnknownVersion(u64::from(entry.v)));
        }
        if !is_written_as(&entry, text.as_bytes()) {
            return Err(EntryError::NotCanonical);
        }
        entry.check()?;
        Ok(entry)
    }

    /// The hashed text.
    ///
    /// # Errors
    /// See [`EntryError`].
    pub fn to_text(&self) -> Result<String, EntryError> {
        self.check()?;
        let text = serde_json::to_string(self).map_err(|_| EntryError::Malformed)?;
        if text.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLong);
        }
        Ok(text)
    }

    /// Whether the entry commits to the disclosure with this digest.
    #[must_use]
    pub fn commits_to(&self, digest: &str) -> bool {
        self.digests.binary_search_by(|own| own.as_ref().cmp(digest)).is_ok()
    }

    fn check(&self) -> Result<(), EntryError> {
        let is_sorted = self.digests.is_sorted_by(|one, next| one < next);
        if !is_sorted || !self.digests.iter().all(|digest| is_base64url(digest, 43)) {
            return Err(EntryError::Invalid("_sd"));
        }
        if self
            .latency_ms
            .is_some_and(|latency| latency.unsigned_abs() > MAX_SAFE_INTEGER)
        {
            return Err(EntryError::Invalid("latency_ms"));
        }
        if hash_from_hex(&self.raw_args_hash).is_none() {
            return Err(EntryError::Invalid("raw_args_hash"));
        }
        Ok(())
    }
}

/// Says that the version is another one where that is why the members are.
fn why_malformed(text: &str) -> EntryError {
    #[derive(Deserialize)]
    struct Versioned {
        v: u64,
    }
    match serde_json::from_str(text) {
        Ok(Versioned { v }) if v != u64::from(VERSION) => EntryError::UnknownVersion(v),
        _ => EntryError::Malformed,
    }
}

impl fmt::Display for Entry<'_> {
    /// The event in a few words.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "event {} of {}", self.event_id, self.tool)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canonical::{canonical_json, is_canonical};

    fn entry<'a>() -> Entry<'a> {
        Entry {
            digests: vec!["A".repeat(43).into(), "B".repeat(43).into()],
            action: None,
            correlation_id: None,
            decision: None,
            environment: None,
            event_id: Uuid::from_u128(1),
            latency_ms: None,
            occurred_at: None,
            outcome: None,
            raw_args_hash: "0".repeat(64).into(),
            recorded_by: "user:1".into(),
            redaction_flags: Vec::new(),
            request_id: "r-1".into(),
            risk_labels: Vec::new(),
            tenant_id: Uuid::from_u128(2),
            tool: "t".into(),
            trust_level: None,
            v: VERSION,
        }
    }

    #[test]
    fn it_has_one_text() {
        let text = entry().to_text().unwrap();
        assert_eq!(Entry::parse(&text), Ok(entry()));
        for (from, to, expected) in [
            ("{\"_sd\"", "{ \"_sd\"", EntryError::NotCanonical),
            ("\"v\":1}", "\"v\":1}\n", EntryError::NotCanonical),
            ("\"tool\":\"t\"", "\"tool\":\"\\u0074\"", EntryError::NotCanonical),
            (
                "\"tool\":\"t\",\"v\":1",
                "\"v\":1,\"tool\":\"t\"",
                EntryError::NotCanonical,
            ),
            ("\"v\":1}", "\"trust_level\":null,\"v\":1}", EntryError::NotCanonical),
            ("\"v\":1}", "\"v\":1,\"v\":1}", EntryError::Malformed),
            ("\"v\":1}", "\"v\":1,\"w\":1}", EntryError::Malformed),
            ("\"v\":1}", "\"v\":1}}", EntryError::Malformed),
            ("\"v\":1}", "\"v\":2}", EntryError::UnknownVersion(2)),
            ("\"v\":1}", "\"v\":2,\"w\":1}", EntryError::UnknownVersion(2)),
            ("\"v\":1}", "\"v\":1.0}", EntryError::Malformed),
            ("hash\":\"0000", "hash\":\"000G", EntryError::Invalid("raw_args_hash")),
            ("BBB\"]", "BB=\"]", EntryError::Invalid("_sd")),
            ("[\"AA", "[\"CA", EntryError::Invalid("_sd")),
            ("\"r-1\"", "\"\\ud800\"", EntryError::Malformed),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            assert_eq!(Entry::parse(&changed), Err(expected), "{changed}");
        }
    }

    #[test]
    fn digests_stand_once() {
        let twice = Entry {
            digests: vec!["A".repeat(43).into(), "A".repeat(43).into()],
            ..entry()
        };
        assert_eq!(twice.to_text(), Err(EntryError::Invalid("_sd")));
        assert!(entry().commits_to(&"B".repeat(43)) && !entry().commits_to(&"C".repeat(43)));
    }

    #[test]
    fn its_length_has_an_end() {
        let rest = entry().to_text().unwrap().len() - 1;
        let of = |length: usize| Entry {
            tool: "t".repeat(length - rest).into(),
            ..entry()
        };
        let longest = of(MAX_ENTRY_BYTES).to_text().unwrap();
        assert_eq!(longest.len(), MAX_ENTRY_BYTES);
        assert!(Entry::parse(&longest).is_ok());
        assert_eq!(of(MAX_ENTRY_BYTES + 1).to_text(), Err(EntryError::TooLong));
        assert_eq!(Entry::parse(&format!("{longest} ")), Err(EntryError::TooLong));
    }

    proptest! {
        #[test]
        fn it_is_canonical_and_reads_as_it_was(
            texts: [String; 3],
            lists: (Vec<String>, Option<String>),
            numbers in (any::<Option<i16>>(), prop::option::of(-9_007_199_254_740_991_i64..=9_007_199_254_740_991)),
        ) {
            let [tool, request_id, recorded_by] = texts;
            let entry = Entry {
                tool: tool.into(),
                request_id: request_id.into(),
                recorded_by: recorded_by.into(),
                risk_labels: lists.0.into_iter().map(Cow::from).collect(),
                outcome: lists.1.map(Cow::from),
                trust_level: numbers.0,
                latency_ms: numbers.1,
                occurred_at: "2026-11-20T08:00:00.000Z".parse().ok(),
                ..entry()
            };
            let text = entry.to_text().unwrap();
            prop_assert_eq!(&canonical_json(&entry).unwrap(), &text);
            prop_assert!(is_canonical(&text));
            prop_assert_eq!(Entry::parse(&text), Ok(entry));
        }

        #[test]
        fn any_text_has_an_answer(text: String) {
            prop_assert!(Entry::parse(&text).is_err());
        }
    }
}
