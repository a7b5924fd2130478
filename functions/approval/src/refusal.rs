//! How the refusals of the rules read to a client.

use serde_json::json;
use shared::http::{ApiError, ErrorCode};

use crate::{approval::ApprovalState, eligibility::Ineligible, stop::StopInForce, transitions::StateRefusal};

impl From<StateRefusal> for ApiError {
    fn from(refusal: StateRefusal) -> Self {
        let (code, message, state) = match refusal {
            StateRefusal::AlreadyDecided(state) => (
                ErrorCode::AlreadyDecided,
                format!("The request is already {state}"),
                state,
            ),
            StateRefusal::Expired => (
                ErrorCode::ApprovalExpired,
                "The request has expired".to_owned(),
                ApprovalState::Expired,
            ),
            StateRefusal::AlreadyConsumed => (
                ErrorCode::AlreadyConsumed,
                "The approval is already redeemed".to_owned(),
                ApprovalState::Consumed,
            ),
            StateRefusal::Revoked => (
                ErrorCode::Revoked,
                "The approval has been revoked".to_owned(),
                ApprovalState::Revoked,
            ),
            StateRefusal::NotApproved(state) => (
                ErrorCode::NotApproved,
                format!("The request is {state}, not approved"),
                state,
            ),
        };
        Self::new(code, message).with_details(json!({ "status": state }))
    }
}

impl From<Ineligible> for ApiError {
    fn from(reason: Ineligible) -> Self {
        match reason {
            Ineligible::SelfApproval => Self::new(
                ErrorCode::SelfApproval,
                "Nobody decides on a request of their own or of an agent they own",
            ),
            Ineligible::NotEligible => Self::new(ErrorCode::NotEligible, "This person may not decide on this request"),
        }
        .with_details(json!({}))
    }
}

impl From<StopInForce> for ApiError {
    fn from(stop: StopInForce) -> Self {
        Self::new(ErrorCode::Stopped, stop.sentence())
            .with_details(json!({ "scope": stop.scope, "reason": stop.reason }))
    }
}

/// The caller has left as many requests undecided as it may. They may be decided, or expire, at any time.
pub(crate) fn too_many_pending(most: u32) -> ApiError {
    const RETRY_AFTER_SECONDS: u32 = 30;
    ApiError::new(
        ErrorCode::RateLimited,
        format!("This caller has {most} requests pending, which is as many as it may"),
    )
    .with_details(json!({ "limit": most, "retry_after_seconds": RETRY_AFTER_SECONDS }))
    .with_retry_after(RETRY_AFTER_SECONDS)
}

/// What the approver saw is not what would be approved.
pub(crate) fn stale_view() -> ApiError {
    ApiError::new(
        ErrorCode::StaleView,
        "display_hash is not that of the request as it is now; look at it again",
    )
    .with_details(json!({ "field": "display_hash" }))
}

/// The live action is not the one that people approved.
pub(crate) fn digest_mismatch() -> ApiError {
    ApiError::new(
        ErrorCode::DigestMismatch,
        "This action is not the one that was approved: tool, server, environment, arguments and caller must be the same",
    )
    .with_details(json!({ "status": ApprovalState::Approved }))
}
