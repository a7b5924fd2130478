//! Makes the event of an HTTP API safe for `lambda_http`, which panics on some of what a client may send. Pure.
//!
//! `lambda_http` 1.3 unwraps a URL that it builds from `Host`, `X-Forwarded-Proto` and the path, expects the path and the
//! query to stand in a URI, and expects a body that is marked as base64 to be base64. API Gateway (and `MiniStack`) decode
//! the path of payload version 2.0; cargo-lambda passes it as it came.

use axum::http::{HeaderName, HeaderValue, Method, uri::Authority};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

/// The most bytes of path and query together, far below what an `http::Uri` holds (65,534) and above what API Gateway
/// lets through (10,240, headers included).
const MAX_TARGET_BYTES: usize = 32_768;
/// The most header names; an `http::HeaderMap` panics at 32,768.
const MAX_HEADERS: usize = 1_000;
/// What stands for a `Host` that is absent or malformed.
const UNKNOWN_HOST: &str = "localhost";

/// Why an event cannot be handed to the router. Displayed as the message of a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The event is not JSON, or holds what JSON's grammar allows and this reader does not: half of a surrogate pair, a
    /// number beyond a double, more than 127 levels.
    #[error("the event is not JSON that can be decoded")]
    Undecodable,
    /// The event does not describe a request, as a schedule's or a queue's does not.
    #[error("this is not a request in the payload format 2.0 of an HTTP API")]
    NotHttp,
    /// A header's name or value cannot stand in HTTP.
    #[error("a header is malformed")]
    MalformedHeader,
    /// The path and query, or the number of headers, are beyond any real request.
    #[error("the path and query, or the headers, are too large")]
    TooLarge,
    /// The body is marked as base64 and is not.
    #[error("the body cannot be decoded")]
    UndecodableBody,
}

impl Refusal {
    /// The part of the request that is wrong.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Undecodable | Self::NotHttp => "event",
            Self::MalformedHeader => "headers",
            Self::TooLarge => "request",
            Self::UndecodableBody => "body",
        }
    }
}

/// Reads an event.
///
/// # Errors
/// [`Refusal::Undecodable`].
pub(super) fn decode(event: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(event).map_err(|_| Refusal::Undecodable)
}

/// Builds a fresh event from the parts of `event` that are used; nothing else of it reaches `lambda_http`.
///
/// `lambda_http` always sees `Host: localhost`, because what it accepts in a host is not what HTTP does. The caller's
/// `Host` travels in `requestContext.domainName`, which it reads only where there is no `Host`; `localhost` stands for a
/// malformed one.
///
/// # Errors
/// The event is no request, or holds something that cannot be put right.
pub(super) fn sanitise(event: Value) -> Result<Value, Refusal> {
    let Value::Object(mut event) = event else {
        return Err(Refusal::NotHttp);
    };
    let mut http = take_object(&mut event, "requestContext")
        .and_then(|mut context| take_object(&mut context, "http"))
        .ok_or(Refusal::NotHttp)?;
    let method = take_text(&mut http, "method")?.ok_or(Refusal::NotHttp)?;
    if method.parse::<Method>().is_err() {
        return Err(Refusal::NotHttp);
    }
    let source_address = take_text(&mut http, "sourceIp")?;

    let path = encode_path(&take_text(&mut event, "rawPath")?.unwrap_or_default());
    let query = encode(&take_text(&mut event, "rawQueryString")?.unwrap_or_default(), b"/?");
    if path.len() + query.len() > MAX_TARGET_BYTES {
        return Err(Refusal::TooLarge);
    }

    let mut headers = sanitise_headers(event.remove("headers"))?;
    let host = headers.insert("host".to_owned(), UNKNOWN_HOST.into());
    let host = host
        .as_ref()
        .and_then(Value::as_str)
        .filter(|host| is_host(host))
        .unwrap_or(UNKNOWN_HOST);
    // The first hop's word may be a list, or the client's own invention.
    if let Some(scheme) = headers.get_mut("x-forwarded-proto")
        && !matches!(scheme.as_str(), Some("http" | "https"))
    {
        *scheme = "https".into();
    }
    let cookies = match event.remove("cookies") {
        Some(Value::Array(cookies)) if cookies.iter().all(Value::is_string) => Some(cookies),
        _ => None,
    };

    let body = take_text(&mut event, "body")?;
    let is_base64_encoded = event
        .get("isBase64Encoded")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    if is_base64_encoded && body.as_ref().is_some_and(|body| BASE64_STANDARD.decode(body).is_err()) {
        return Err(Refusal::UndecodableBody);
    }

    Ok(json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "cookies": cookies,
        "body": body,
        "isBase64Encoded": is_base64_encoded,
        "requestContext": {
            "stage": "$default",
            "domainName": host,
            "http": { "method": method, "sourceIp": source_address },
        },
    }))
}

/// The method, when it is one.
pub(super) fn method(event: &Value) -> Option<Method> {
    event.pointer("/requestContext/http/method")?.as_str()?.parse().ok()
}

/// The caller's `X-Request-Id`, when it is one that may be answered: 1–128 visible ASCII characters.
pub(super) fn request_id(event: &Value) -> Option<&str> {
    let headers = event.get("headers")?.as_object()?;
    let (_, value) = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-request-id"))?;
    let visible = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    value.as_str().filter(visible)
}

fn take_object(from: &mut Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    match from.remove(name) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}

fn take_text(from: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match from.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::NotHttp),
    }
}

/// The headers under lower-case names, all of them such as HTTP allows.
fn sanitise_headers(headers: Option<Value>) -> Result<Map<String, Value>, Refusal> {
    let headers = match headers {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(headers)) => headers,
        Some(_) => return Err(Refusal::NotHttp),
    };
    if headers.len() > MAX_HEADERS {
        return Err(Refusal::TooLarge);
    }
    headers
        .into_iter()
        .map(|(name, value)| {
            let sound = name.parse::<HeaderName>().is_ok()
                && value.as_str().is_some_and(|value| value.parse::<HeaderValue>().is_ok());
            if sound {
                Ok((name.to_ascii_lowercase(), value))
            } else {
                Err(Refusal::MalformedHeader)
            }
        })
        .collect()
}

/// Whether `text` can stand in `Host`: a host and perhaps a port (RFC 9110 §7.2).
fn is_host(text: &str) -> bool {
    text.len() <= 255
        && !text.contains('@')
        && text
            .parse::<Authority>()
            .is_ok_and(|authority| !authority.host().is_empty())
}

fn encode_path(raw: &str) -> String {
    let path = encode(raw, b"/");
    if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    }
}

/// Percent-encodes what is neither a `pchar` (RFC 3986 §3.3) nor in `also`. A `%` before two hex digits is taken for an
/// encoding that is there already; any other is encoded itself.
fn encode(raw: &str, also: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = raw.as_bytes();
    let mut encoded = String::with_capacity(raw.len());
    for (index, &byte) in bytes.iter().enumerate() {
        let stands = match byte {
            b'%' => matches!(bytes.get(index + 1..index + 3), Some(pair) if pair.iter().all(u8::is_ascii_hexdigit)),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) || also.contains(&byte),
        };
        if stands {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 0x0f)]));
        }
    }
    encoded
}
