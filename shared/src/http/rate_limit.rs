//! The request rate of each credential, and the headers that tell it (draft-ietf-httpapi-ratelimit-headers-10).

use axum::http::{HeaderMap, HeaderName, HeaderValue, request::Parts};

use super::{ApiError, frame::Identified};
use crate::context::AppContext;
use crate::throttle::{Allowance, Rate};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Takes one request from what `holder`, an authenticated credential, may ask.
///
/// # Errors
/// `RATE_LIMITED`.
pub(super) async fn admit(parts: &Parts, ctx: &AppContext, holder: &str) -> Result<(), ApiError> {
    let allowance = ctx.requests.take(holder).await;
    if let Some(identified) = parts.extensions.get::<Identified>() {
        identified.set_allowance(ctx.requests.rate(), allowance);
    }
    if allowance.allowed {
        Ok(())
    } else {
        Err(ApiError::rate_limited(allowance.retry_after_seconds()))
    }
}

/// Says how much is left, and of what: `q` requests at once, which grow back in `w` seconds.
pub(super) fn decorate(headers: &mut HeaderMap, rate: Rate, allowance: Allowance) {
    let policy = format!(r#""default";q={};w={}"#, rate.burst(), rate.window_seconds());
    let left = format!(
        r#""default";r={};t={}"#,
        allowance.remaining,
        allowance.full_after_seconds()
    );
    for (name, value) in [(POLICY, policy), (LIMIT, left)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}
