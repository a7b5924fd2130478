//! What a person of a tenant is, and the rules of their email address, role and groups. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{auth::Role, http::Replayable};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    name::{Name, no_credential},
    patch::present,
};

/// What a person may do. `agent` is no person's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PersonRole {
    Admin,
    Approver,
    Auditor,
}

/// Whether a person's keys work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum UserStatus {
    Active,
    Deactivated,
}

/// A person of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    /// Unique in the tenant, whatever its case.
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: PersonRole,
    /// What requests may name as `approver_groups`.
    pub(crate) groups: Vec<String>,
    pub(crate) status: UserStatus,
    #[serde(with = "shared::http::timestamp")]
    pub(crate) created_at: DateTime<Utc>,
    #[serde(with = "shared::http::timestamp")]
    pub(crate) updated_at: DateTime<Utc>,
}

impl Replayable for User {
    const SHOWN_ONCE: &'static [&'static str] = &[];
}

impl User {
    /// Whether this person can decide on requests now.
    pub(crate) fn may_decide(&self) -> bool {
        self.role != PersonRole::Auditor && self.status == UserStatus::Active
    }

    /// Whether this person can administer the tenant now.
    pub(crate) fn is_active_admin(&self) -> bool {
        self.role == PersonRole::Admin && self.status == UserStatus::Active
    }
}

/// What to change of a person. An absent field stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    email: Option<Email>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    name: Option<Name>,
    /// Their keys change with them.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    role: Option<PersonRole>,
    /// Replaces all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    groups: Option<Groups>,
    /// `DEACTIVATED` stops all of the person's keys, `ACTIVE` lets them work again.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    status: Option<UserStatus>,
}

impl UserPatch {
    /// The patch that deactivates.
    pub(crate) fn deactivation() -> Self {
        Self {
            status: Some(UserStatus::Deactivated),
            ..Self::default()
        }
    }

    /// The person as they will be.
    pub(crate) fn applied_to(self, user: &User) -> User {
        User {
            email: self.email.map_or_else(|| user.email.clone(), Email::into_string),
            name: self
                .name
                .map_or_else(|| user.name.clone(), |name| name.as_str().to_owned()),
            role: self.role.unwrap_or(user.role),
            groups: self.groups.map_or_else(|| user.groups.clone(), Groups::into_vec),
            status: self.status.unwrap_or(user.status),
            ..user.clone()
        }
    }
}

/// The name of what happened to a person. What changed beside the status stands in the event's arguments.
pub(crate) fn change_action(before: UserStatus, after: UserStatus) -> &'static str {
    match (before, after) {
        (UserStatus::Active, UserStatus::Deactivated) => "user.deactivated",
        (UserStatus::Deactivated, UserStatus::Active) => "user.reactivated",
        _ => "user.updated",
    }
}

/// An email address, as far as its text alone can tell: whether it receives mail only mail can show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(format = "email", max_length = 254)]
pub(crate) struct Email(String);

impl Email {
    /// The text.
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        // 254: the longest path of SMTP without its brackets (RFC 5321 §4.5.3.1.3).
        let plain =
            text.chars().count() <= 254 && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
        match text.split_once('@') {
            Some((local, domain)) if plain && !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {
                Ok(Self(text.to_owned()))
            }
            _ => Err("must be an email address of at most 254 characters"),
        }
    }
}

/// The groups of a person: at most 50, each once, in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "Vec<String>")]
#[schema(max_items = 50, value_type = Vec<GroupName>)]
pub(crate) struct Groups(Vec<String>);

/// The name of a group.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
#[expect(dead_code, reason = "only describes the elements of the list")]
struct GroupName(String);

impl Groups {
    /// The names.
    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

impl TryFrom<Vec<String>> for Groups {
    type Error = &'static str;

    fn try_from(names: Vec<String>) -> Result<Self, Self::Error> {
        let mut groups: Vec<String> = Vec::new();
        for name in names {
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            if !plain || !(1..=64).contains(&name.len()) {
                return Err("must be names of 1 to 64 ASCII letters, digits, dots, underscores and hyphens");
            }
            no_credential(&name)?;
            if !groups.contains(&name) {
                groups.push(name);
            }
            if groups.len() > 50 {
                return Err("must be at most 50 names");
            }
        }
        Ok(Self(groups))
    }
}

impl PersonRole {
    /// The name in the contract and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        Role::from(self).as_str()
    }
}

impl From<PersonRole> for Role {
    fn from(role: PersonRole) -> Self {
        match role {
            PersonRole::Admin => Self::Admin,
            PersonRole::Approver => Self::Approver,
            PersonRole::Auditor => Self::Auditor,
        }
    }
}

impl UserStatus {
    /// The name in the contract and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Deactivated => "DEACTIVATED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Result<Vec<String>, &'static str> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Groups::try_from(names).map(Groups::into_vec)
    }

    #[test]
    fn email_addresses_have_one_at_and_no_space() {
        let email = |text: &str| Email::try_from(text.to_owned());
        assert_eq!(
            email(" Ada@Example.com ").expect("an address").into_string(),
            "Ada@Example.com"
        );
        let longest = format!("{}@x", "a".repeat(252));
        assert!(email(&longest).is_ok());
        for bad in [
            "",
            "ada",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a\u{7}@b",
            "a@b\u{2003}c",
            &format!("a{longest}"),
        ] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn groups_stand_once_in_the_order_given() {
        assert_eq!(
            groups(&["b", "a", "b", "A.1_x-"]).expect("groups"),
            ["b", "a", "A.1_x-"]
        );
        for bad in ["", "a b", "é", &"a".repeat(65)] {
            assert!(groups(&[bad]).is_err(), "{bad:?}");
        }
        assert!(groups(&[&format!("cst_{}", "x".repeat(43))]).is_err());
        let names: Vec<String> = (0..51).map(|number| format!("g{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(groups(&names[..50]).is_ok());
        assert!(groups(&names).is_err());
    }

    #[test]
    fn only_the_status_names_a_change() {
        use UserStatus::{Active, Deactivated};
        assert_eq!(change_action(Active, Deactivated), "user.deactivated");
        assert_eq!(change_action(Deactivated, Active), "user.reactivated");
        assert_eq!(change_action(Active, Active), "user.updated");
        assert_eq!(change_action(Deactivated, Deactivated), "user.updated");
    }
}
