//! Ways in for fuzzing, which sends millions of bodies to the parsers and can wait for no database behind them. Only under
//! the feature `testing`, which no deployed binary enables.

use axum::{
    body::Body,
    extract::{FromRequest as _, Request},
    http::header::CONTENT_TYPE,
};
use shared::{
    auth::Principal,
    http::{ApiError, Json},
};

use crate::{check_approval::ApprovalCheck, intake::NewApproval};

/// Reads a body as `check` does. Returns the digest that the request is looked for by, and what a log would show of it.
///
/// # Errors
/// As the endpoint.
pub async fn read_check(body: Vec<u8>) -> Result<([u8; 32], String), ApiError> {
    let Json(check) = Json::<ApprovalCheck>::from_request(with_body(body), &()).await?;
    Ok((check.digest(), format!("{check:?}")))
}

/// Reads a body as the making of a request does, up to where the database is asked. Returns the raw arguments.
///
/// # Errors
/// As the endpoint.
pub async fn read_request(
    body: Vec<u8>,
    principal: &Principal,
) -> Result<serde_json::Map<String, serde_json::Value>, ApiError> {
    let Json(new) = Json::<NewApproval>::from_request(with_body(body), &()).await?;
    Ok(new.accept(principal, 3_600)?.arguments)
}

fn with_body(body: Vec<u8>) -> Request {
    let mut request = Request::new(Body::from(body));
    let json = axum::http::HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    request
}
