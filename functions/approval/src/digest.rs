//! The two hashes of a request: of the action that may be executed, and of what people are shown. Pure.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use shared::{auth::Environment, http::ApiError};
use uuid::Uuid;

use crate::approval::ToolCall;

/// Separates these digests from every other use of SHA-256; another form of action is another version.
const ACTION_DOMAIN: &[u8] = b"countersign/action/v1";

/// The action itself, with its raw arguments.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Action<'a> {
    pub(crate) tenant: Uuid,
    pub(crate) environment: Environment,
    /// The principal that would execute it.
    pub(crate) caller: &'a str,
    pub(crate) tool: &'a str,
    /// Null when none was named, so that naming one is another action.
    pub(crate) server: Option<&'a str>,
    pub(crate) arguments: &'a Map<String, Value>,
}

/// Exactly what an approver is shown, under the names in which the status view shows it, so that a client can recompute
/// the hash from what it displays.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Display<'a> {
    pub(crate) id: Uuid,
    pub(crate) request_id: &'a str,
    pub(crate) requested_by: &'a str,
    /// Sanitized; names the environment.
    pub(crate) tool_call: &'a ToolCall,
    pub(crate) reason: &'a str,
    pub(crate) risk_labels: &'a [String],
    pub(crate) required_approvals: i32,
    pub(crate) approver_groups: &'a [String],
    #[serde(with = "shared::http::timestamp")]
    pub(crate) expires_at: DateTime<Utc>,
}

/// `SHA-256("countersign/action/v1" ‖ nonce ‖ JCS(action))` in lower-case hex (JCS: RFC 8785). The nonce is shown to
/// nobody, so that short arguments cannot be guessed from the digest.
///
/// # Errors
/// `INTERNAL_ERROR`: the action has no canonical form, which strictly parsed JSON always has.
pub(crate) fn action_digest(nonce: &[u8], action: &Action<'_>) -> Result<String, ApiError> {
    let hash = Sha256::new_with_prefix(ACTION_DOMAIN)
        .chain_update(nonce)
        .chain_update(canonical(action)?);
    Ok(hex::encode(hash.finalize()))
}

/// `SHA-256(JCS(display))` in lower-case hex.
///
/// # Errors
/// As [`action_digest`].
pub(crate) fn display_hash(display: &Display<'_>) -> Result<String, ApiError> {
    Ok(hex::encode(Sha256::digest(canonical(display)?)))
}

fn canonical(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| ApiError::internal(format!("no canonical JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    /// One value for each field that a digest covers.
    #[derive(Debug, Clone, PartialEq)]
    struct Fields {
        texts: [String; 6],
        number: i32,
        labels: Vec<String>,
        environment: Environment,
        server: Option<String>,
        id: u128,
        millis: i64,
    }

    fn fields() -> impl Strategy<Value = Fields> {
        let environment = prop_oneof![
            Just(Environment::Dev),
            Just(Environment::Staging),
            Just(Environment::Production)
        ];
        (
            any::<[String; 6]>(),
            1..100_i32,
            proptest::collection::vec(any::<String>(), 0..3),
            environment,
            any::<Option<String>>(),
            any::<u128>(),
            0..4_000_000_000_000_i64,
        )
            .prop_map(|(texts, number, labels, environment, server, id, millis)| Fields {
                texts,
                number,
                labels,
                environment,
                server,
                id,
                millis,
            })
    }

    impl Fields {
        fn action_digest(&self, nonce: [u8; 32]) -> String {
            let arguments = object(json!({ "a": self.texts[2], "n": self.number, "l": self.labels }));
            let action = Action {
                tenant: Uuid::from_u128(self.id),
                environment: self.environment,
                caller: &self.texts[0],
                tool: &self.texts[1],
                server: self.server.as_deref(),
                arguments: &arguments,
            };
            action_digest(&nonce, &action).expect("canonical")
        }

        fn display_hash(&self) -> String {
            let tool_call = ToolCall {
                tool: self.texts[0].clone(),
                arguments: object(json!({ "a": self.texts[1] })),
                environment: self.environment,
                server: self.server.clone(),
            };
            display_hash(&Display {
                id: Uuid::from_u128(self.id),
                request_id: &self.texts[2],
                requested_by: &self.texts[3],
                tool_call: &tool_call,
                reason: &self.texts[4],
                risk_labels: &self.labels,
                required_approvals: self.number,
                approver_groups: std::slice::from_ref(&self.texts[5]),
                expires_at: DateTime::from_timestamp_millis(self.millis).expect("in range"),
            })
            .expect("canonical")
        }

        /// Copies that differ from this in one field each.
        fn changed(&self, other: &Self) -> Vec<Self> {
            let mut all: Vec<Self> = (0..self.texts.len())
                .map(|at| {
                    let mut texts = self.texts.clone();
                    texts[at].clone_from(&other.texts[at]);
                    Self { texts, ..self.clone() }
                })
                .collect();
            all.push(Self {
                number: other.number,
                ..self.clone()
            });
            all.push(Self {
                labels: other.labels.clone(),
                ..self.clone()
            });
            all.push(Self {
                environment: other.environment,
                ..self.clone()
            });
            all.push(Self {
                server: other.server.clone(),
                ..self.clone()
            });
            all.push(Self {
                id: other.id,
                ..self.clone()
            });
            all.push(Self {
                millis: other.millis,
                ..self.clone()
            });
            all
        }
    }

    proptest! {
        #[test]
        fn a_change_of_any_field_is_another_display_hash(fields in fields(), other in fields()) {
            for changed in fields.changed(&other) {
                prop_assert_eq!(changed.display_hash() == fields.display_hash(), changed == fields, "{:?}", changed);
            }
        }

        #[test]
        fn a_change_of_any_field_or_of_the_nonce_is_another_action_digest(
            mut fields in fields(), mut other in fields(), nonce: [u8; 32], second: [u8; 32],
        ) {
            // What an action does not hold.
            for at in 3..6 {
                other.texts[at].clone_from(&fields.texts[at]);
            }
            other.millis = fields.millis;
            for changed in fields.changed(&other) {
                prop_assert_eq!(changed.action_digest(nonce) == fields.action_digest(nonce), changed == fields);
            }
            prop_assert_eq!(fields.action_digest(nonce) == fields.action_digest(second), nonce == second);
            let before = fields.action_digest(nonce);
            fields.texts[5].push('x');
            prop_assert_eq!(fields.action_digest(nonce), before, "the reason is no part of the action");
        }
    }

    #[test]
    fn the_action_digest_is_the_documented_construction() {
        let arguments = object(json!({ "b": 1.0, "a": ["é"] }));
        let action = Action {
            tenant: Uuid::nil(),
            environment: Environment::Dev,
            caller: "agent:a",
            tool: "t",
            server: None,
            arguments: &arguments,
        };
        let text = concat!(
            r#"{"arguments":{"a":["é"],"b":1},"caller":"agent:a","environment":"dev","server":null,"#,
            r#""tenant":"00000000-0000-0000-0000-000000000000","tool":"t"}"#
        );
        let expected = Sha256::digest([b"countersign/action/v1".as_slice(), &[7; 32], text.as_bytes()].concat());
        assert_eq!(
            action_digest(&[7; 32], &action).expect("canonical"),
            hex::encode(expected)
        );
    }
}
