//! Ways in for fuzzing, which sends millions of bodies to the parsers and can wait for no database behind them, and for the
//! benchmark of policies. Only under the feature `testing`, which no deployed binary enables.

use axum::{
    body::Body,
    extract::{FromRequest as _, Request},
    http::header::CONTENT_TYPE,
};
use serde_json::{Map, Value};
use shared::{
    auth::{Environment, Principal},
    http::{ApiError, Json},
};

use crate::{
    check_approval::ApprovalCheck,
    intake::NewApproval,
    policy::{Call, CompiledPolicies, compile},
};

/// Policies, compiled as for deciding on tool calls.
#[derive(Debug)]
pub struct Policies(CompiledPolicies);

impl Policies {
    /// Compiles a text.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn compile(text: &str) -> Result<Self, String> {
        compile(text)
            .map(Self)
            .map_err(|flaw| format!("line {}, column {}: {}", flaw.line, flaw.column, flaw.message))
    }

    /// Decides on a call of an agent in production, and names the decision and how many policies determined it.
    #[must_use]
    pub fn decide(&self, tool: &str, arguments: &Map<String, Value>, risk_labels: &[String]) -> (&'static str, usize) {
        let verdict = self.0.evaluate(&Call {
            caller: "deployer",
            role: "agent",
            trust_level: 2,
            environment: Environment::Production,
            tool,
            server: Some("main"),
            arguments,
            risk_labels,
            reason: Some("Release 4.2"),
            time: chrono::DateTime::UNIX_EPOCH,
        });
        (verdict.effect.as_str(), verdict.policy_ids.len())
    }
}

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
pub async fn read_request(body: Vec<u8>, principal: &Principal) -> Result<Map<String, Value>, ApiError> {
    let Json(new) = Json::<NewApproval>::from_request(with_body(body), &()).await?;
    Ok(new.accept(principal, 3_600)?.arguments)
}

fn with_body(body: Vec<u8>) -> Request {
    let mut request = Request::new(Body::from(body));
    let json = axum::http::HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    request
}
