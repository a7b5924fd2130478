//! JSON bodies in and out.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::header,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{ApiError, ErrorCode, json_shape::Shaped, quoting, strict_json::parse_strict};

/// 1 MiB.
const MAX_BODY_BYTES: usize = 1 << 20;

/// A request body, strictly parsed, or an answer's body.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

/// One object, or an array of them.
#[derive(Debug, Clone)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    /// Reads, parses and checks the body. An absent one is `{}`, which fails where a field is required.
    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        from_value(read_value(request).await?).map(Self)
    }
}

/// Reads and parses the body; an absent one is `{}`.
pub(super) async fn read_value(request: Request) -> Result<Value, ApiError> {
    let (is_json, is_encoded) = (has_json_content_type(&request), is_encoded(&request));
    let body = read(request).await?;
    if body.is_empty() {
        return Ok(json!({}));
    }
    let unsupported = |rule: &str, header: &str| {
        ApiError::new(ErrorCode::UnsupportedMediaType, rule).with_details(json!({ "header": header }))
    };
    if !is_json {
        return Err(unsupported(
            "The body must be application/json in UTF-8",
            "Content-Type",
        ));
    }
    if is_encoded {
        return Err(unsupported("The body must not be compressed", "Content-Encoding"));
    }
    parse_strict(&body).map_err(|error| ApiError::validation(format!("The body is refused: {error}")))
}

async fn read(request: Request) -> Result<Vec<u8>, ApiError> {
    let too_large = || {
        ApiError::new(ErrorCode::PayloadTooLarge, "The body is over 1 MiB")
            .with_details(json!({ "max_bytes": MAX_BODY_BYTES }))
    };
    match Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes().into()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large()),
        Err(_) => Err(ApiError::validation("The body could not be read")),
    }
}

fn has_json_content_type(request: &Request) -> bool {
    let mut values = request.headers().get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    // A comma joins several values into one, and no parameter of JSON needs one.
    let Some(value) = value.to_str().ok().filter(|value| !value.contains(',')) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let named_json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    // RFC 8259 §8.1: JSON is UTF-8; a charset that says otherwise is a mistake worth telling.
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    named_json && utf8
}

/// Whether the body is said to be anything but itself (RFC 9110 §8.4); what is refused for that is 415 (§15.5.16).
fn is_encoded(request: &Request) -> bool {
    let mut values = request.headers().get_all(header::CONTENT_ENCODING).iter();
    values.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Checks a parsed body against the type that the handler takes.
pub(super) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(Shaped(value)).map_err(|error| {
        let message = error.inner().to_string();
        let path = error.path().to_string();
        let mut parts: Vec<&str> = if path == "." { Vec::new() } else { vec![&path] };
        // For a missing or unknown field serde points at the object that lacks or has it, and names it in backticks.
        if message.starts_with("missing field") || message.starts_with("unknown field") {
            let named = message.split('`').nth(1).unwrap_or_default();
            if !path.ends_with(named) || path == "." {
                parts.push(named);
            }
        }
        let parts: Vec<_> = parts.into_iter().map(quoting::name).collect();
        let field = parts.join(".");
        let message = quoting::message(&message);
        if field.is_empty() {
            ApiError::validation(format!("The body is refused: {message}"))
        } else {
            ApiError::new(ErrorCode::ValidationError, format!("{field}: {message}"))
                .with_details(json!({ "field": field }))
        }
    })
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response(),
            Err(error) => ApiError::internal(format!("an answer has no JSON form: {error}")).into_response(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    /// By hand, because serde's untagged enums lose the path and the reason of a mistake.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object or an array of objects")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(items)).map(OneOrMany::Many)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(entries)).map(OneOrMany::One)
            }
        }

        deserializer.deserialize_any(Either(std::marker::PhantomData))
    }
}
