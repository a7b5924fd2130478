//! A request as the event that API Gateway makes of it (payload format 2.0), and a function's answer as its client gets it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::context::Clock;

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The method.
    pub method: &'static str,
    /// The path, without the query.
    pub path: String,
    /// The query, without the question mark.
    pub query: String,
    /// Header names in lower case, with their values.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<Value>,
}

impl Ask {
    /// A request without credentials or a body.
    #[must_use]
    pub fn new(method: &'static str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: BTreeMap::new(),
            body: None,
        }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: Value) -> Self {
        let mut ask = self.header("content-type", "application/json");
        ask.body = Some(body);
        ask
    }

    /// The event that the gateway makes of it.
    #[must_use]
    pub fn event(self) -> Value {
        let now = Clock::system().now();
        let route = format!("ANY {}", self.path);
        let mut headers = self.headers;
        headers.extend([
            (
                "host".to_owned(),
                "abc123.execute-api.us-east-1.amazonaws.com".to_owned(),
            ),
            ("x-forwarded-for".to_owned(), "203.0.113.7".to_owned()),
            ("x-forwarded-port".to_owned(), "443".to_owned()),
            ("x-forwarded-proto".to_owned(), "https".to_owned()),
        ]);
        json!({
            "version": "2.0",
            "routeKey": route,
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": headers,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abc123",
                "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
                "domainPrefix": "abc123",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.7",
                    "userAgent": "system-tests",
                },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": route,
                "stage": "$default",
                "time": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
                "timeEpoch": now.timestamp_millis(),
            },
            "body": self.body.map(|body| body.to_string()),
            "isBase64Encoded": false,
        })
    }
}

/// What a client gets back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: BTreeMap<String, String>,
    /// The body; null when there is none, or when it is not JSON.
    pub body: Value,
    /// Whether a function wrote it, and not the gateway.
    pub is_functions: bool,
}

impl Answer {
    pub(super) fn of_function(answer: &Value) -> Self {
        let headers = answer["headers"].as_object().into_iter().flatten();
        let text = answer["body"].as_str().unwrap_or_default();
        Self {
            status: answer["statusCode"]
                .as_u64()
                .and_then(|status| status.try_into().ok())
                .unwrap_or_default(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
            body: serde_json::from_str(text).unwrap_or_default(),
            is_functions: true,
        }
    }

    pub(super) fn of_gateway(status: u16, message: &str) -> Self {
        Self {
            status,
            headers: BTreeMap::new(),
            body: json!({ "message": message }),
            is_functions: false,
        }
    }
}
