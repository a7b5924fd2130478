//! A client of a router, without a socket in between.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use uuid::Uuid;

use super::TestKey;
use crate::lambda::SourceAddress;

/// Sends requests to a router.
#[derive(Clone)]
pub struct TestClient(Router);

/// A request being put together.
#[must_use]
pub struct TestRequest {
    router: Router,
    request: Request<Body>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Vec<u8>,
    /// What was asked, for messages.
    asked: String,
}

impl TestClient {
    /// A client of this router.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self(router)
    }

    /// Hands an event to the Lambda entry with this router behind it, and reads the answer as the gateway does.
    pub async fn invoke(&self, event: Value) -> Answer {
        self.invoke_bytes(event.to_string()).await
    }

    /// The same with an event that need not be JSON.
    pub async fn invoke_bytes(&self, event: impl Into<Bytes>) -> Answer {
        let event = event.into();
        let asked: String = String::from_utf8_lossy(&event).chars().take(300).collect();
        let answer = crate::lambda::answer_event(self.0.clone(), event)
            .await
            .expect("an answer has a JSON form");
        Answer::from_gateway(asked, &answer)
    }

    /// A request without credentials.
    pub fn request(&self, method: &str, path: &str) -> TestRequest {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
        *request.uri_mut() = path.parse().expect("a path");
        TestRequest {
            router: self.0.clone(),
            request,
        }
    }

    /// A GET with a key.
    pub async fn get(&self, key: &TestKey, path: &str) -> Answer {
        self.request("GET", path).key(key).send().await
    }

    /// A POST of JSON with a key.
    pub async fn post(&self, key: &TestKey, path: &str, body: Value) -> Answer {
        self.request("POST", path).key(key).json(&body).send().await
    }

    /// A PATCH of JSON with a key.
    pub async fn patch(&self, key: &TestKey, path: &str, body: Value) -> Answer {
        self.request("PATCH", path).key(key).json(&body).send().await
    }

    /// A DELETE with a key.
    pub async fn delete(&self, key: &TestKey, path: &str) -> Answer {
        self.request("DELETE", path).key(key).send().await
    }
}

impl TestRequest {
    /// As the holder of a key, in its tenant.
    pub fn key(self, key: &TestKey) -> Self {
        self.tenant(key.tenant_id).bearer(&key.text)
    }

    /// With a tenant header.
    pub fn tenant(self, tenant_id: Uuid) -> Self {
        self.header("x-tenant-id", &tenant_id.to_string())
    }

    /// With a credential.
    pub fn bearer(self, credential: &str) -> Self {
        self.header("authorization", &format!("Bearer {credential}"))
    }

    /// With a header, in addition to those of the same name.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.header_bytes(name, value.as_bytes())
    }

    /// The same with any bytes that HTTP lets through.
    pub fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.request.headers_mut().append(
            HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
            HeaderValue::from_bytes(value).expect("a header value"),
        );
        self
    }

    /// As it comes from an address, which the gateway tells the function.
    pub fn from_address(self, address: &str) -> Self {
        self.with(SourceAddress(address.to_owned()))
    }

    /// With something that the runtime puts beside a request.
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.request.extensions_mut().insert(extension);
        self
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With any body.
    pub fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        if !content_type.is_empty() {
            self = self.header(header::CONTENT_TYPE.as_str(), content_type);
        }
        *self.request.body_mut() = body.into();
        self
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Answer {
        let asked = format!("{} {}", self.request.method(), self.request.uri());
        let response = self.router.oneshot(self.request).await.expect("a router is infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes().into();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            bytes,
            asked,
        }
    }
}

impl Answer {
    /// An answer in payload format 2.0.
    fn from_gateway(asked: String, answer: &Value) -> Self {
        let text = answer["body"].as_str().unwrap_or_default();
        let bytes = if answer["isBase64Encoded"] == true {
            BASE64_STANDARD
                .decode(text)
                .expect("what is marked as base64 is base64")
        } else {
            text.as_bytes().to_owned()
        };
        let headers = answer["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
                    HeaderValue::try_from(value.as_str().expect("a header's value is text")).expect("a header value"),
                )
            });
        Self {
            status: answer["statusCode"]
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .unwrap_or_else(|| panic!("{asked}: the gateway is not given a status: {answer}")),
            headers: headers.collect(),
            bytes,
            asked,
        }
    }

    /// The body as JSON; null when it is empty.
    #[must_use]
    pub fn json(&self) -> Value {
        if self.bytes.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{}: not JSON: {}", self.asked, self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body of the expected success; fails the test for any other status.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "the assertion is use enough")]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self.common_headers();
        self.json()
    }

    /// The `details` of the expected error; fails the test for any other status, code or shape of envelope.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "the assertion is use enough")]
    pub fn expect_error(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self.common_headers();
        let body = self.json();
        assert_eq!(body["success"], false, "{body}");
        assert_eq!(body["error"]["code"], code, "{}: {body}", self.asked);
        assert!(
            body["error"]["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{body}"
        );
        let at = body["meta"]["timestamp"].as_str().unwrap_or_default();
        assert!(at.len() == 24 && at.ends_with('Z'), "{body}");
        assert_eq!(
            body["meta"]["request_id"].as_str(),
            self.header("x-request-id"),
            "{body}"
        );
        body["error"]["details"].clone()
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    fn common_headers(&self) {
        assert!(
            self.header("x-request-id").is_some_and(|id| !id.is_empty()),
            "{}: no request id",
            self.asked
        );
        assert_eq!(self.header("cache-control"), Some("no-store"), "{}", self.asked);
    }
}
