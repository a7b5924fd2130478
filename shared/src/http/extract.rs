//! Paths and query strings, with mistakes answered in the envelope.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::{ApiError, ErrorCode, quoting};

/// The one parameter of a path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// The query string.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

/// What a path's parameter can be read as.
pub trait PathSegment: Sized {
    /// Reads the decoded segment named `name`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    fn from_segment(name: &str, segment: &str) -> Result<Self, ApiError>;
}

/// A UUID in its usual, hyphenated form, and in no other that the crate would take as well.
#[must_use]
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() == 36 {
        Uuid::try_parse(text).ok()
    } else {
        None
    }
}

impl PathSegment for Uuid {
    fn from_segment(name: &str, segment: &str) -> Result<Self, ApiError> {
        parse_uuid(segment).ok_or_else(|| ApiError::invalid(name, "must be a UUID"))
    }
}

impl PathSegment for String {
    fn from_segment(_: &str, segment: &str) -> Result<Self, ApiError> {
        Ok(segment.to_owned())
    }
}

impl<S: Send + Sync, T: PathSegment> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::validation("The path is not UTF-8"))?;
        let (name, segment) = params
            .iter()
            .next()
            .ok_or_else(|| ApiError::internal("a handler reads a path parameter its route lacks"))?;
        T::from_segment(name, segment).map(Self)
    }
}

/// For a route that takes no query parameters: any is one too many.
#[derive(Debug, Clone, Copy)]
pub struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).next() {
            None => Ok(Self),
            Some((name, _)) => Err(ApiError::invalid(&name, "is not a parameter of this route")),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let undecodable = || ApiError::validation("The query string is not percent-encoded UTF-8 without NUL");
        if percent_encoding::percent_decode_str(query)
            .decode_utf8()
            .map_err(|_| undecodable())?
            .contains('\0')
        {
            return Err(undecodable());
        }
        let mut seen = Vec::new();
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            if seen.contains(&name) {
                return Err(ApiError::invalid(&name, "is given more than once"));
            }
            seen.push(name);
        }
        serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(form_urlencoded::parse(
            query.as_bytes(),
        )))
        .map(Self)
        .map_err(|error: serde_path_to_error::Error<serde_urlencoded::de::Error>| {
            let message = error.inner().to_string();
            let path = error.path().to_string();
            let field = if path == "." {
                message.split('`').nth(1).unwrap_or_default()
            } else {
                &path
            };
            let (field, message) = (quoting::name(field), quoting::message(&message));
            ApiError::new(ErrorCode::ValidationError, format!("{field}: {message}"))
                .with_details(json!({ "field": field }))
        })
    }
}
