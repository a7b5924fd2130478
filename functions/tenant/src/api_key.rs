//! What an API key is, who may hold one, and what a rotation leaves valid. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    auth::{Environment, Role},
    http::{ApiError, Replayable},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::name::no_credential;

/// An API key, without anything of its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    pub(crate) id: Uuid,
    pub(crate) role: Role,
    /// An agent's name for itself; null for a person's key.
    #[schema(required)]
    pub(crate) caller_id: Option<String>,
    /// The person whose key it is; null for an agent's.
    #[schema(required)]
    pub(crate) user_id: Option<Uuid>,
    /// The person who answers for an agent.
    #[schema(required)]
    pub(crate) owner_user_id: Option<Uuid>,
    /// 0 to 4.
    #[schema(minimum = 0, maximum = 4)]
    pub(crate) trust_level: i16,
    pub(crate) environment: Environment,
    /// Neither revoked nor expired.
    pub(crate) is_active: bool,
    /// The principal that saw the current secret.
    pub(crate) minted_by: String,
    #[serde(with = "shared::http::timestamp")]
    pub(crate) created_at: DateTime<Utc>,
    /// To the minute.
    #[serde(with = "shared::http::timestamp::option")]
    #[schema(required)]
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    #[serde(with = "shared::http::timestamp::option")]
    #[schema(required)]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    #[serde(with = "shared::http::timestamp::option")]
    #[schema(required)]
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Refuses what only a living key can do.
    ///
    /// # Errors
    /// `CONFLICT`: revoked or expired.
    pub(crate) fn require_active(&self) -> Result<(), ApiError> {
        if self.revoked_at.is_some() {
            Err(ApiError::conflict("The API key is revoked"))
        } else if self.is_active {
            Ok(())
        } else {
            Err(ApiError::conflict("The API key has expired"))
        }
    }
}

// No `Debug`: it would show the text again.
/// An API key with its text, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct MintedApiKey {
    #[serde(flatten)]
    pub(crate) api_key: ApiKey,
    /// What to present as the bearer credential. Shown once: null in a replay.
    #[schema(value_type = Option<String>, required = true)]
    pub(crate) key: String,
}

impl Replayable for MintedApiKey {
    const SHOWN_ONCE: &'static [&'static str] = &["/key"];
}

/// Who will hold a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// An agent, and perhaps the person who answers for it.
    Agent {
        caller_id: CallerId,
        owner_user_id: Option<Uuid>,
    },
    /// A person, whose role the key has.
    Person { user_id: Uuid },
}

impl Holder {
    /// Reads the holder from what a request says.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`: an agent without a caller id, a person without a user id, or what belongs to the other.
    pub(crate) fn of(
        role: Role,
        caller_id: Option<CallerId>,
        user_id: Option<Uuid>,
        owner_user_id: Option<Uuid>,
    ) -> Result<Self, ApiError> {
        if role == Role::Agent {
            if user_id.is_some() {
                return Err(ApiError::invalid("user_id", "is not for an agent's key"));
            }
            let caller_id =
                caller_id.ok_or_else(|| ApiError::invalid("caller_id", "is required for an agent's key"))?;
            return Ok(Self::Agent {
                caller_id,
                owner_user_id,
            });
        }
        if caller_id.is_some() {
            return Err(ApiError::invalid("caller_id", "is only for an agent's key"));
        }
        if owner_user_id.is_some() {
            return Err(ApiError::invalid("owner_user_id", "is only for an agent's key"));
        }
        let user_id = user_id.ok_or_else(|| ApiError::invalid("user_id", "is required for a person's key"))?;
        Ok(Self::Person { user_id })
    }

    /// The caller id of an agent.
    pub(crate) fn caller_id(&self) -> Option<&str> {
        match self {
            Self::Agent { caller_id, .. } => Some(&caller_id.0),
            Self::Person { .. } => None,
        }
    }

    /// The user id of a person.
    pub(crate) fn user_id(&self) -> Option<Uuid> {
        match self {
            Self::Agent { .. } => None,
            Self::Person { user_id } => Some(*user_id),
        }
    }

    /// The owner of an agent.
    pub(crate) fn owner_user_id(&self) -> Option<Uuid> {
        match self {
            Self::Agent { owner_user_id, .. } => *owner_user_id,
            Self::Person { .. } => None,
        }
    }
}

/// An agent's name for itself: 1 to 200 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(min_length = 1, max_length = 200, pattern = "^[!-~]+$")]
pub(crate) struct CallerId(String);

impl TryFrom<String> for CallerId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            no_credential(&text)?;
            Ok(Self(text))
        } else {
            Err("must have 1 to 200 visible ASCII characters")
        }
    }
}

/// How far an agent is trusted: 0 to 4, 1 when not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "i64")]
#[schema(minimum = 0, maximum = 4, default = 1)]
pub(crate) struct TrustLevel(i16);

impl TrustLevel {
    /// The number.
    pub(crate) fn get(self) -> i16 {
        self.0
    }
}

impl Default for TrustLevel {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<i64> for TrustLevel {
    type Error = &'static str;

    fn try_from(level: i64) -> Result<Self, Self::Error> {
        match i16::try_from(level) {
            Ok(level @ 0..=4) => Ok(Self(level)),
            _ => Err("must be 0 to 4"),
        }
    }
}

/// How long a rotation leaves earlier secrets valid: up to a week, in seconds; 0 ends them at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "i64")]
#[schema(minimum = 0, maximum = 604_800, default = 0)]
pub(crate) struct Overlap(u32);

impl Overlap {
    /// The seconds.
    pub(crate) fn seconds(self) -> u32 {
        self.0
    }

    /// When earlier secrets end for a rotation at this moment; `None` when at once.
    pub(crate) fn end(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.0 > 0).then(|| now + TimeDelta::seconds(self.0.into()))
    }
}

impl TryFrom<i64> for Overlap {
    type Error = &'static str;

    fn try_from(seconds: i64) -> Result<Self, Self::Error> {
        match u32::try_from(seconds) {
            Ok(seconds @ 0..=604_800) => Ok(Self(seconds)),
            _ => Err("must be 0 to 604800"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn caller(text: &str) -> Option<CallerId> {
        serde_json::from_value(json!(text)).ok()
    }

    #[test]
    fn agents_have_a_caller_and_people_a_user() {
        let (user, owner) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let agent = Holder::of(Role::Agent, caller("bot"), None, Some(owner)).expect("an agent");
        assert_eq!(
            (agent.caller_id(), agent.user_id(), agent.owner_user_id()),
            (Some("bot"), None, Some(owner))
        );
        assert!(Holder::of(Role::Agent, caller("bot"), Some(user), None).is_err());
        assert!(Holder::of(Role::Agent, None, None, None).is_err());
        for role in [Role::Admin, Role::Approver, Role::Auditor] {
            let person = Holder::of(role, None, Some(user), None).expect("a person");
            assert_eq!(
                (person.caller_id(), person.user_id(), person.owner_user_id()),
                (None, Some(user), None)
            );
            assert!(Holder::of(role, caller("bot"), Some(user), None).is_err());
            assert!(Holder::of(role, None, Some(user), Some(owner)).is_err());
            assert!(Holder::of(role, None, None, None).is_err());
        }
    }

    #[test]
    fn caller_ids_are_visible_ascii() {
        assert!(caller("billing-bot/7:x~").is_some());
        for bad in ["", "a b", "é", "tab\t", &"x".repeat(201)] {
            assert!(caller(bad).is_none(), "{bad:?}");
        }
        assert!(caller(&format!("cst_{}", "x".repeat(43))).is_none());
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(TrustLevel::default().get(), 1);
        assert!(TrustLevel::try_from(4).is_ok() && TrustLevel::try_from(0).is_ok());
        assert!(TrustLevel::try_from(5).is_err() && TrustLevel::try_from(-1).is_err());
        assert!(Overlap::try_from(604_800).is_ok());
        assert!(Overlap::try_from(604_801).is_err() && Overlap::try_from(-1).is_err());
    }

    #[test]
    fn no_overlap_has_no_end() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(Overlap::default().end(now), None);
        assert_eq!(
            Overlap::try_from(60).expect("a minute").end(now),
            Some(now + TimeDelta::seconds(60))
        );
    }
}
