//! The two ways in: the router, and the Lambda entry with an event of the gateway.

use std::fmt::Write as _;

use axum::http::{HeaderValue, Uri};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use shared::testing::{Answer, TestClient};

/// A request, as bytes rather than as what they mean.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With a header, in addition to those of the same name.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Without any header of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With this body, said to be JSON.
    pub(crate) fn json(self, body: impl AsRef<[u8]>) -> Self {
        self.body("application/json", body)
    }

    /// With this body.
    pub(crate) fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        body.as_ref().clone_into(&mut self.body);
        self.header("content-type", content_type)
    }

    /// Sends it through the router. `None` where no HTTP server could have read it.
    pub(crate) async fn through_router(&self, client: &TestClient) -> Option<Answer> {
        self.target.parse::<Uri>().ok()?;
        let sound = |value: &Vec<u8>| HeaderValue::from_bytes(value).is_ok();
        if !self.headers.iter().all(|(_, value)| sound(value)) {
            return None;
        }
        let request = client.request(&self.method, &self.target);
        let request = self
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header_bytes(name, value));
        Some(request.body("", self.body.clone()).send().await)
    }

    /// Sends it as an event of the gateway.
    pub(crate) async fn through_lambda(&self, client: &TestClient) -> Answer {
        client.invoke(self.event()).await
    }

    /// The event that the gateway would make of it: a repeated header is one with commas, and what is not text is base64.
    pub(crate) fn event(&self) -> Value {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut headers = Map::new();
        for (name, value) in [("host".to_owned(), b"api.example.com".to_vec())]
            .iter()
            .chain(&self.headers)
        {
            let value: String = value.iter().map(|byte| char::from(*byte)).collect();
            match headers.get_mut(name) {
                Some(Value::String(known)) if name != "host" => {
                    let _ = write!(known, ",{value}");
                }
                _ => {
                    headers.insert(name.clone(), value.into());
                }
            }
        }
        let (body, is_base64_encoded) = match std::str::from_utf8(&self.body) {
            Ok("") => (Value::Null, false),
            Ok(text) => (text.into(), false),
            Err(_) => (BASE64_STANDARD.encode(&self.body).into(), true),
        };
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "stage": "$default",
                "http": { "method": self.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9" },
            },
            "body": body,
            "isBase64Encoded": is_base64_encoded,
        })
    }
}

/// The most bytes of an error, envelope and all.
const MOST_BYTES_OF_AN_ERROR: usize = 4_096;

/// What an answer has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// This error, with this code.
    Refused(u16, &'static str),
    /// Any answer of the contract that is not the server's fault.
    Answered,
}

/// Holds an answer against what it has to be. Returns the error's `details`.
#[track_caller]
pub(crate) fn judge(answer: &Answer, expected: Expected, what: &str) -> Value {
    // Whatever was sent, and however much: a client's own words are not told back whole.
    if answer.status >= 400 {
        let size = answer.text().len();
        assert!(size < MOST_BYTES_OF_AN_ERROR, "{what}: {size} bytes");
    }
    match expected {
        Expected::Refused(status, code) => {
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
            answer.expect_error(status, code)
        }
        Expected::Answered if answer.status < 400 => {
            assert!(answer.status >= 200, "{what}: {}", answer.status);
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
            Value::Null
        }
        Expected::Answered => {
            assert!(
                [400, 401, 403, 404, 405, 409, 413, 415, 422, 429].contains(&answer.status),
                "{what}: {} {}",
                answer.status,
                answer.text()
            );
            let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
            answer.expect_error(answer.status, &code)
        }
    }
}
