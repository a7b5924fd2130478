//! Where a browser's request comes from.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use serde_json::json;
use shared::{
    context::AppContext,
    http::{ApiError, ErrorCode},
};

/// That no other site's page sends this. A browser names the page's origin with every POST (Fetch standard, "`Origin`
/// header"); who is no browser need not name any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SameOrigin;

impl FromRequestParts<AppContext> for SameOrigin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, ctx: &AppContext) -> Result<Self, ApiError> {
        let own = ctx.config.server.public_url.as_bytes();
        let mut origins = parts.headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(Self),
            (Some(origin), None) if origin.as_bytes() == own => Ok(Self),
            _ => Err(
                ApiError::new(ErrorCode::Forbidden, "Another site's page may not decide here")
                    .with_details(json!({ "header": "Origin" })),
            ),
        }
    }
}
