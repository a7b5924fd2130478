//! The one error type a client ever sees, and the one body it is shown in.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::quoting;
use crate::data::is_unavailable;

/// Every code of the contract, with its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ErrorCode {
    MissingTenantId,
    InvalidTenantId,
    ValidationError,
    InvalidCursor,
    Unauthorized,
    Forbidden,
    SelfApproval,
    NotEligible,
    NotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    UnsupportedMediaType,
    Conflict,
    AlreadyDecided,
    ApprovalExpired,
    NotApproved,
    AlreadyConsumed,
    DigestMismatch,
    Revoked,
    Stopped,
    StaleView,
    IdempotencyInFlight,
    IdempotencyMismatch,
    RateLimited,
    InternalError,
    Unavailable,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::MissingTenantId | Self::InvalidTenantId | Self::ValidationError | Self::InvalidCursor => {
                StatusCode::BAD_REQUEST
            }
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::SelfApproval | Self::NotEligible => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Conflict
            | Self::AlreadyDecided
            | Self::ApprovalExpired
            | Self::NotApproved
            | Self::AlreadyConsumed
            | Self::DigestMismatch
            | Self::Revoked
            | Self::Stopped
            | Self::StaleView
            | Self::IdempotencyInFlight => StatusCode::CONFLICT,
            Self::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The name in the contract.
    #[must_use]
    pub fn as_str(self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(name)) => name,
            _ => String::new(),
        }
    }
}

/// An error answer. Its cause, if it has one, is for the log and never for the client.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    details: Option<Value>,
    retry_after_seconds: Option<u32>,
    cause: Option<String>,
}

impl ApiError {
    /// An error of this code with this message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: None,
            retry_after_seconds: None,
            cause: None,
        }
    }

    /// Adds what the caller needs to mend its mistake.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Tells the caller when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What the log should know and the client should not.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// 400: a field is wrong. `rule` completes the sentence that the field's name begins, of which no more is told back than
    /// finds it.
    #[must_use]
    pub fn invalid(field: &str, rule: &str) -> Self {
        let field = quoting::name(field);
        Self::new(ErrorCode::ValidationError, format!("{field} {rule}")).with_details(json!({ "field": field }))
    }

    /// 400: the request as a whole is wrong.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationError, message).with_details(json!({}))
    }

    /// 400: the cursor is not one of ours for this list.
    #[must_use]
    pub fn invalid_cursor() -> Self {
        Self::new(
            ErrorCode::InvalidCursor,
            "The cursor was not made for this list and these filters",
        )
        .with_details(json!({ "field": "cursor" }))
    }

    /// 400: no tenant header.
    #[must_use]
    pub fn missing_tenant() -> Self {
        Self::new(ErrorCode::MissingTenantId, "The header X-Tenant-ID is required")
            .with_details(json!({ "header": "X-Tenant-ID" }))
    }

    /// 400: the tenant header is no UUID.
    #[must_use]
    pub fn invalid_tenant() -> Self {
        Self::new(ErrorCode::InvalidTenantId, "The header X-Tenant-ID must be one UUID")
            .with_details(json!({ "header": "X-Tenant-ID" }))
    }

    /// 401, the same for every reason.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(ErrorCode::Unauthorized, "A valid API key is required")
    }

    /// 403.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(ErrorCode::Forbidden, "This credential may not do that")
    }

    /// 404, the same for what never existed and for what is another tenant's.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "Not found")
    }

    /// 409 with the reason.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message).with_details(json!({}))
    }

    /// 429 with `Retry-After`.
    #[must_use]
    pub fn rate_limited(seconds: u32) -> Self {
        Self::new(ErrorCode::RateLimited, "Too many requests; try again later")
            .with_details(json!({ "retry_after_seconds": seconds }))
            .with_retry_after(seconds)
    }

    /// 500. The cause goes to the log.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorCode::InternalError, "An unexpected error occurred");
        error.cause = Some(cause.into());
        error
    }

    /// 503 with `Retry-After`. The cause goes to the log.
    #[must_use]
    pub fn unavailable(cause: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorCode::Unavailable, "A dependency is unavailable; try again").with_retry_after(1);
        error.cause = Some(cause.into());
        error
    }

    /// The body in the contract's envelope.
    #[must_use]
    pub fn body(&self, now: DateTime<Utc>, request_id: &str) -> ErrorBody {
        ErrorBody {
            success: false,
            error: ErrorContent {
                code: self.code,
                message: self.message.clone(),
                details: self.details.clone(),
            },
            meta: ErrorMeta {
                timestamp: now,
                request_id: request_id.to_owned(),
            },
        }
    }

    /// Status and headers; the frame adds the body, since only it knows the request id.
    fn head(&self) -> Response {
        let mut response = self.code.status().into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == ErrorCode::Unauthorized {
            // RFC 9110 §15.5.2: a 401 names the scheme.
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.head();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) {
            Self::unavailable(error.to_string())
        } else {
            Self::internal(error.to_string())
        }
    }
}

/// The error envelope.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// Always false.
    success: bool,
    error: ErrorContent,
    meta: ErrorMeta,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorContent {
    code: ErrorCode,
    message: String,
    /// For the caller's own mistakes.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorMeta {
    #[serde(with = "super::timestamp")]
    timestamp: DateTime<Utc>,
    request_id: String,
}
