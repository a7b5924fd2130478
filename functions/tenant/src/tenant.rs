//! What a tenant is, and the rules of its slug. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::http::Replayable;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{name::Name, patch::present};

/// What a tenant pays for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Plan {
    #[default]
    Free,
    Monthly,
    Annual,
}

/// Whether the keys of a tenant work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum TenantStatus {
    Active,
    Suspended,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Unique among all tenants.
    pub(crate) slug: String,
    pub(crate) plan: Plan,
    pub(crate) status: TenantStatus,
    #[serde(with = "shared::http::timestamp")]
    pub(crate) created_at: DateTime<Utc>,
    #[serde(with = "shared::http::timestamp")]
    pub(crate) updated_at: DateTime<Utc>,
}

impl Replayable for Tenant {
    const SHOWN_ONCE: &'static [&'static str] = &[];
}

/// What to change of a tenant. An absent field stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantPatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    name: Option<Name>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    slug: Option<Slug>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    plan: Option<Plan>,
    /// `SUSPENDED` stops all of the tenant's keys, `ACTIVE` lets them work again.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    status: Option<TenantStatus>,
}

impl TenantPatch {
    /// The patch that suspends.
    pub(crate) fn suspension() -> Self {
        Self {
            status: Some(TenantStatus::Suspended),
            ..Self::default()
        }
    }

    /// Whether it changes something that is the operator's to change.
    pub(crate) fn is_the_operators(&self) -> bool {
        self.slug.is_some() || self.plan.is_some() || self.status.is_some()
    }

    /// The tenant as it will be.
    pub(crate) fn applied_to(self, tenant: &Tenant) -> Tenant {
        Tenant {
            name: self
                .name
                .map_or_else(|| tenant.name.clone(), |name| name.as_str().to_owned()),
            slug: self.slug.map_or_else(|| tenant.slug.clone(), |slug| slug.0),
            plan: self.plan.unwrap_or(tenant.plan),
            status: self.status.unwrap_or(tenant.status),
            ..tenant.clone()
        }
    }
}

/// The name of what happened to a tenant. What changed beside the status stands in the event's arguments.
pub(crate) fn change_action(before: TenantStatus, after: TenantStatus) -> &'static str {
    match (before, after) {
        (TenantStatus::Active, TenantStatus::Suspended) => "tenant.suspended",
        (TenantStatus::Suspended, TenantStatus::Active) => "tenant.resumed",
        _ => "tenant.updated",
    }
}

/// 1 to 63 lower-case ASCII letters, digits and hyphens, with no hyphen at either end: a DNS label (RFC 1123 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(pattern = "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", max_length = 63)]
pub(crate) struct Slug(String);

impl Slug {
    const LONGEST: usize = 63;

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug that a name suggests, if it has any letter or digit that a slug may have.
    pub(crate) fn from_name(name: &Name) -> Option<Self> {
        let mut slug = String::new();
        for letter in name.as_str().chars().flat_map(char::to_lowercase) {
            if letter.is_ascii_alphanumeric() {
                slug.push(letter);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(Self::LONGEST);
        let slug = slug.trim_end_matches('-');
        (!slug.is_empty()).then(|| Self(slug.to_owned()))
    }

    /// The slug of a name whose own is taken, or that suggests none. Forty random bits tell it apart.
    pub(crate) fn with_suffix(base: Option<&Self>, random: [u8; 8]) -> Self {
        // 32 letters that are not mistaken for one another, so that five bits of each byte choose without bias.
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let suffix: String = random
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
            .collect();
        let base = base.map_or("tenant", Self::as_str);
        let base = base[..base.len().min(Self::LONGEST - 1 - suffix.len())].trim_end_matches('-');
        Self(format!("{base}-{suffix}"))
    }
}

impl TryFrom<String> for Slug {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let letters = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let ends = !text.starts_with('-') && !text.ends_with('-');
        if letters && ends && (1..=Self::LONGEST).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err("must have 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end")
        }
    }
}

impl Plan {
    /// The name in the contract and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Monthly => "monthly",
            Self::Annual => "annual",
        }
    }
}

impl TenantStatus {
    /// The name in the contract and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn derived(name: &str) -> Option<String> {
        Slug::from_name(&name.to_owned().try_into().expect("a name")).map(|slug| slug.0)
    }

    #[test]
    fn a_name_suggests_its_slug() {
        assert_eq!(derived("Acme, Inc. (EU)").as_deref(), Some("acme-inc-eu"));
        assert_eq!(derived("--x--").as_deref(), Some("x"));
        assert_eq!(derived("株式会社"), None);
        assert_eq!(derived(&format!("{}-b", "a".repeat(62))), Some("a".repeat(62)));
    }

    #[test]
    fn slugs_are_dns_labels() {
        for good in ["a", "0", "a-b", &"a".repeat(63)] {
            assert!(Slug::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a.b", "é", &"a".repeat(64)] {
            assert!(Slug::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_status_names_a_change() {
        use TenantStatus::{Active, Suspended};
        assert_eq!(change_action(Active, Suspended), "tenant.suspended");
        assert_eq!(change_action(Suspended, Active), "tenant.resumed");
        assert_eq!(change_action(Active, Active), "tenant.updated");
        assert_eq!(change_action(Suspended, Suspended), "tenant.updated");
    }

    proptest! {
        #[test]
        fn whatever_is_derived_is_a_slug(name in "\\PC{1,200}", random in any::<[u8; 8]>()) {
            if let Ok(name) = Name::try_from(name) {
                let base = Slug::from_name(&name);
                if let Some(base) = &base {
                    prop_assert!(Slug::try_from(base.0.clone()).is_ok(), "{base:?}");
                }
                let suffixed = Slug::with_suffix(base.as_ref(), random);
                prop_assert!(Slug::try_from(suffixed.0.clone()).is_ok(), "{suffixed:?}");
            }
        }
    }
}
