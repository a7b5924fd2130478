//! What the annotations of a policy say: `@id`, `@reason` and `@require_approval`.

use std::ops::RangeInclusive;

use cedar_policy::{Effect, Policy};

/// How long names and sentences may be, in characters.
const MAX_ID_CHARS: usize = 128;
const MAX_REASON_CHARS: usize = 500;
const MAX_GROUP_CHARS: usize = 64;
const MAX_GROUPS: usize = 50;
const QUORUM: RangeInclusive<i32> = 1..=1_000;
const TTL_SECONDS: RangeInclusive<u32> = 60..=1_209_600;

/// How dangerous a policy thinks a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Risk {
    Low,
    Medium,
    High,
}

impl Risk {
    const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The risk label of that name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What an approval needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// How many people.
    pub(crate) quorum: i32,
    /// `None`: any approver.
    pub(crate) groups: Option<Vec<String>>,
    /// `None`: the service's default.
    pub(crate) ttl_seconds: Option<u32>,
    pub(crate) risk: Option<Risk>,
}

impl Default for Requirement {
    fn default() -> Self {
        Self {
            quorum: 1,
            groups: None,
            ttl_seconds: None,
            risk: None,
        }
    }
}

impl Requirement {
    /// What satisfies both, or `None` when no group is named by both.
    pub(crate) fn and(self, other: Self) -> Option<Self> {
        let groups = match (self.groups, other.groups) {
            (Some(ours), Some(theirs)) => {
                let both: Vec<String> = ours.into_iter().filter(|group| theirs.contains(group)).collect();
                if both.is_empty() {
                    return None;
                }
                Some(both)
            }
            (ours, theirs) => ours.or(theirs),
        };
        Some(Self {
            quorum: self.quorum.max(other.quorum),
            groups,
            ttl_seconds: match (self.ttl_seconds, other.ttl_seconds) {
                (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
                (ours, theirs) => ours.or(theirs),
            },
            risk: self.risk.max(other.risk),
        })
    }
}

/// One policy beside its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notes {
    /// Its name in answers and in the log.
    pub(super) id: String,
    pub(super) reason: Option<String>,
    /// `None`: a permit allows. A forbid has none.
    pub(super) requirement: Option<Requirement>,
}

/// An annotation that says nothing, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misnoted {
    pub(super) annotation: String,
    pub(super) message: String,
}

impl Notes {
    /// Reads the annotations of a policy, which goes by `name` where it has no `@id`.
    ///
    /// # Errors
    /// An annotation that is none of ours (a misspelt `@require_approval` would allow what it should ask for), or whose
    /// value is not one.
    pub(super) fn read(policy: &Policy, name: &str) -> Result<Self, Misnoted> {
        let mut notes = Self {
            id: name.to_owned(),
            reason: None,
            requirement: None,
        };
        for (annotation, value) in policy.annotations() {
            let read = match annotation {
                "id" => sentence(value, MAX_ID_CHARS).map(|id| notes.id = id),
                "reason" => sentence(value, MAX_REASON_CHARS).map(|reason| notes.reason = Some(reason)),
                "require_approval" if policy.effect() == Effect::Forbid => {
                    Err("belongs on a permit: a forbid denies whatever people say".to_owned())
                }
                "require_approval" => requirement(value).map(|requirement| notes.requirement = Some(requirement)),
                _ => Err("is no annotation of this service: there are @id, @reason and @require_approval".to_owned()),
            };
            read.map_err(|rule| Misnoted {
                annotation: annotation.to_owned(),
                message: format!("@{annotation} {rule}"),
            })?;
        }
        Ok(notes)
    }
}

fn sentence(text: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(format!(
            "must have 1 to {most} characters, none of them a control character"
        ));
    }
    Ok(text.to_owned())
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let mut read = Requirement::default();
    let mut seen: Vec<&str> = Vec::new();
    for pair in text.split(';').map(str::trim) {
        if pair.is_empty() {
            continue;
        }
        let (key, value) = pair
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
            .ok_or_else(|| format!("must hold key=value, not {pair:?}"))?;
        if seen.contains(&key) {
            return Err(format!("must name {key:?} once"));
        }
        seen.push(key);
        match key {
            "quorum" => read.quorum = number(value, &QUORUM).ok_or("must have a quorum from 1 to 1000")?,
            "ttl" => {
                let seconds = number(value, &TTL_SECONDS).ok_or("must have a ttl from 60 to 1209600 seconds")?;
                read.ttl_seconds = Some(seconds);
            }
            "groups" => read.groups = Some(groups(value)?),
            "risk" => {
                let risk = Risk::ALL.into_iter().find(|risk| risk.as_str() == value);
                read.risk = Some(risk.ok_or("must have a risk of low, medium or high")?);
            }
            _ => return Err(format!("knows quorum, groups, ttl and risk, not {key:?}")),
        }
    }
    Ok(read)
}

/// Digits only: no sign, no spaces.
fn number<T: std::str::FromStr + PartialOrd>(text: &str, range: &RangeInclusive<T>) -> Option<T> {
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())??;
    range.contains(&number).then_some(number)
}

fn groups(text: &str) -> Result<Vec<String>, String> {
    let mut groups: Vec<String> = Vec::new();
    for group in text.split(',').map(str::trim) {
        let sound =
            !group.is_empty() && group.chars().count() <= MAX_GROUP_CHARS && !group.chars().any(char::is_control);
        if !sound {
            return Err("must have groups of 1 to 64 characters, separated by commas".to_owned());
        }
        if !groups.iter().any(|known| known == group) {
            groups.push(group.to_owned());
        }
    }
    if groups.len() > MAX_GROUPS {
        return Err("must have at most 50 groups".to_owned());
    }
    // What is required does not depend on the order in which policies, or their groups, are written.
    groups.sort_unstable();
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Notes, String> {
        let text = format!("{text} (principal, action, resource);");
        let policy: Policy = text.parse().expect("Cedar");
        Notes::read(&policy, "policy7").map_err(|misnoted| misnoted.message)
    }

    fn required(text: &str) -> Result<Requirement, String> {
        read(&format!("@require_approval({text:?}) permit")).map(|notes| notes.requirement.expect("required"))
    }

    #[test]
    fn every_key_is_optional_and_is_read() {
        assert_eq!(required(""), Ok(Requirement::default()));
        assert_eq!(required(" ; "), Ok(Requirement::default()));
        assert_eq!(
            required("quorum=2; groups=finance, ops,finance; ttl=1800; risk=high;"),
            Ok(Requirement {
                quorum: 2,
                groups: Some(vec!["finance".to_owned(), "ops".to_owned()]),
                ttl_seconds: Some(1_800),
                risk: Some(Risk::High),
            })
        );
        assert_eq!(required("ttl=60").map(|read| read.ttl_seconds), Ok(Some(60)));
        assert_eq!(
            required("ttl=1209600").map(|read| read.ttl_seconds),
            Ok(Some(1_209_600))
        );
        // Without a value it is the empty one.
        assert_eq!(
            read("@require_approval permit").map(|notes| notes.requirement),
            Ok(Some(Requirement::default()))
        );
    }

    #[test]
    fn what_says_nothing_is_refused() {
        for text in [
            "quorum",
            "quorum=",
            "quorum=0",
            "quorum=-1",
            "quorum=+2",
            "quorum=2.0",
            "quorum=1001",
            "quorum=99999999999",
            "quorum=1; quorum=2",
            "groups=",
            "groups=a,,b",
            "ttl=59",
            "ttl=1209601",
            "ttl=1h",
            "risk=",
            "risk=HIGH",
            "Quorum=2",
            "approvers=2",
            "quorum=2, ttl=60",
        ] {
            assert!(required(text).is_err(), "{text}");
        }
        assert!(required(&format!("groups={}", "x".repeat(65))).is_err());
        let many: Vec<String> = (0..51).map(|n| n.to_string()).collect();
        assert!(required(&format!("groups={}", many.join(","))).is_err());
    }

    #[test]
    fn a_forbid_cannot_ask_and_what_is_misspelt_is_not_passed_over() {
        assert!(read("@require_approval(\"\") forbid").is_err());
        let misspelt = read("@require_aproval(\"quorum=2\") permit").expect_err("unknown");
        assert!(misspelt.starts_with("@require_aproval is no annotation"), "{misspelt}");
        assert!(read("@id(\"\") permit").is_err());
        assert!(read("@id permit").is_err());
        assert!(read("@reason(\"a\\nb\") permit").is_err());
        let notes = read("@id(\" pay \") @reason(\"Why\") permit").expect("sound");
        assert_eq!(
            (notes.id.as_str(), notes.reason.as_deref(), notes.requirement),
            ("pay", Some("Why"), None)
        );
        assert_eq!(read("permit").expect("bare").id, "policy7");
    }

    fn some_requirement() -> impl Strategy<Value = Requirement> {
        let groups = proptest::option::of(proptest::sample::subsequence(vec!["a", "b", "c"], 1..=3));
        let risk = proptest::option::of(proptest::sample::select(&Risk::ALL[..]));
        (1..9_i32, groups, proptest::option::of(60..99_u32), risk).prop_map(|(quorum, groups, ttl_seconds, risk)| {
            Requirement {
                quorum,
                groups: groups.map(|groups| groups.into_iter().map(str::to_owned).collect()),
                ttl_seconds,
                risk,
            }
        })
    }

    proptest! {
        #[test]
        fn requirements_add_up_in_any_order_and_never_to_less(a in some_requirement(), b in some_requirement(), c in some_requirement()) {
            let both = a.clone().and(b.clone());
            prop_assert_eq!(&both, &b.clone().and(a.clone()));
            prop_assert_eq!(a.clone().and(a.clone()), Some(a.clone()));
            let left = both.clone().and_then(|both| both.and(c.clone()));
            let right = b.clone().and(c).and_then(|rest| a.clone().and(rest));
            prop_assert_eq!(left, right);
            if let Some(both) = both {
                for one in [&a, &b] {
                    prop_assert!(both.quorum >= one.quorum && both.risk >= one.risk);
                    prop_assert!(one.ttl_seconds.is_none_or(|ttl| both.ttl_seconds.is_some_and(|both| both <= ttl)));
                    let ours = both.groups.as_deref();
                    let holds = one.groups.as_ref().is_none_or(|groups| {
                        ours.is_some_and(|ours| !ours.is_empty() && ours.iter().all(|group| groups.contains(group)))
                    });
                    prop_assert!(holds);
                }
            }
        }
    }
}
