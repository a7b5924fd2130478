//! What a person who is away hands to somebody else: their authority to decide, for a while. Pure.
//!
//! What it means for a request is the approval function's to say.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use shared::http::ApiError;
use utoipa::ToSchema;
use uuid::Uuid;

/// Whoever is away for longer hands over anew, or leaves the groups they no longer serve.
const LONGEST: TimeDelta = TimeDelta::days(90);

/// A person's delegation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Delegation {
    /// The person who may decide in their place.
    pub(crate) delegate_to: Uuid,
    /// When it begins.
    #[serde(with = "shared::http::timestamp")]
    pub(crate) from: DateTime<Utc>,
    /// When it is over.
    #[serde(with = "shared::http::timestamp")]
    pub(crate) until: DateTime<Utc>,
}

/// A delegation to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDelegation {
    /// An active approver or admin, and not oneself.
    delegate_to: Uuid,
    /// When it begins.
    #[serde(with = "shared::http::timestamp")]
    #[schema(example = "2099-01-01T08:00:00.000Z")]
    from: DateTime<Utc>,
    /// When it is over: in the future, and at most 90 days after it begins.
    #[serde(with = "shared::http::timestamp")]
    #[schema(example = "2099-01-15T08:00:00.000Z")]
    until: DateTime<Utc>,
}

impl NewDelegation {
    /// Checks what the text alone can tell.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`: to oneself, over before it begins, or too long.
    pub(crate) fn accept(self, delegator: Uuid) -> Result<Delegation, ApiError> {
        if self.delegate_to == delegator {
            return Err(ApiError::invalid("delegate_to", "must be somebody else"));
        }
        if self.until <= self.from {
            return Err(ApiError::invalid("until", "must be after from"));
        }
        if self.until - self.from > LONGEST {
            return Err(ApiError::invalid("until", "must be at most 90 days after from"));
        }
        Ok(Delegation {
            delegate_to: self.delegate_to,
            from: self.from,
            until: self.until,
        })
    }
}

impl Delegation {
    /// Refuses one that is over at `now`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub(crate) fn require_future(&self, now: DateTime<Utc>) -> Result<(), ApiError> {
        if self.until > now {
            Ok(())
        } else {
            Err(ApiError::invalid("until", "must be in the future"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELEGATOR: Uuid = Uuid::from_u128(1);
    const DELEGATE: Uuid = Uuid::from_u128(2);

    fn refusal(delegate_to: Uuid, length: TimeDelta) -> Option<String> {
        let from = DateTime::UNIX_EPOCH;
        let new = NewDelegation {
            delegate_to,
            from,
            until: from + length,
        };
        let error = new.accept(DELEGATOR).err()?;
        let body = serde_json::to_value(error.body(from, "")).expect("JSON");
        body["error"]["message"].as_str().map(str::to_owned)
    }

    #[test]
    fn it_goes_to_somebody_else_for_up_to_90_days() {
        let millisecond = TimeDelta::milliseconds(1);
        assert_eq!(refusal(DELEGATE, millisecond), None);
        assert_eq!(refusal(DELEGATE, LONGEST), None);
        for (delegate_to, length, message) in [
            (DELEGATOR, millisecond, "delegate_to must be somebody else"),
            (DELEGATE, TimeDelta::zero(), "until must be after from"),
            (DELEGATE, -millisecond, "until must be after from"),
            (
                DELEGATE,
                LONGEST + millisecond,
                "until must be at most 90 days after from",
            ),
        ] {
            assert_eq!(refusal(delegate_to, length).as_deref(), Some(message));
        }
    }

    #[test]
    fn the_end_itself_is_no_longer_within() {
        let until = DateTime::UNIX_EPOCH;
        let delegation = Delegation {
            delegate_to: DELEGATE,
            from: until - LONGEST,
            until,
        };
        assert!(delegation.require_future(until - TimeDelta::milliseconds(1)).is_ok());
        assert!(delegation.require_future(until).is_err());
    }
}
