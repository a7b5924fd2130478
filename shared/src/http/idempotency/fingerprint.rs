//! What makes two requests the same: pure.

use axum::{
    extract::{FromRequestParts as _, MatchedPath, RawPathParams},
    http::{HeaderMap, HeaderName, request::Parts},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::http::{ApiError, ErrorCode, parse_uuid};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// A request under a key, whoever's it is.
pub(super) struct Fingerprint {
    target: Target,
    /// SHA-256 of the client's key.
    key: [u8; 32],
    /// SHA-256 of the key and the body's canonical JSON.
    body_hash: [u8; 32],
}

/// A request under a key, as one principal's.
pub(super) struct Claim {
    pub(super) principal: String,
    pub(super) route: String,
    /// A hash of the client's key, in hex.
    pub(super) key: String,
    pub(super) body_hash: [u8; 32],
    /// The advisory lock of the request: eight bytes of a hash, so that two requests that happen to share one get a 409
    /// that goes away, and nothing else.
    pub(super) lock: i64,
}

/// The client's key, if it sent one.
///
/// # Errors
/// `VALIDATION_ERROR`: several, or not 1 to 255 visible ASCII characters.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(HEADER).iter();
    let malformed = || {
        ApiError::new(
            ErrorCode::ValidationError,
            "The header Idempotency-Key must be one value of 1 to 255 visible ASCII characters",
        )
        .with_details(json!({ "header": "Idempotency-Key" }))
    };
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .ok()
            .filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(|key| Some(key.to_owned()))
            .ok_or_else(malformed),
        (Some(_), Some(_)) => Err(malformed()),
    }
}

/// What is asked of which object.
pub(super) struct Target {
    /// Method and path, as the route is written.
    pub(super) route: String,
    /// What stood in the path: the same key on another object is another request.
    objects: Vec<String>,
}

impl Target {
    /// The target of a request. An id that is spelt otherwise is the same id.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`: the path is not UTF-8.
    pub(super) async fn of(parts: &mut Parts) -> Result<Self, ApiError> {
        let path = parts.extensions.get::<MatchedPath>();
        let path = path.map_or_else(|| parts.uri.path(), MatchedPath::as_str);
        let route = format!("{} {path}", parts.method);
        let params = RawPathParams::from_request_parts(parts, &())
            .await
            .map_err(|_| ApiError::validation("The path is not UTF-8"))?;
        let canonical = |value: &str| parse_uuid(value).map_or_else(|| value.to_owned(), |id| id.to_string());
        Ok(Self {
            route,
            objects: params.iter().map(|(_, value)| canonical(value)).collect(),
        })
    }
}

impl Fingerprint {
    pub(super) fn new(target: Target, key: &str, body: &Value) -> Result<Self, ApiError> {
        let canonical = serde_json_canonicalizer::to_vec(body)
            .map_err(|error| ApiError::internal(format!("a parsed body has no canonical form: {error}")))?;
        let body_hash = Sha256::new_with_prefix("countersign/idempotency/v1\0")
            .chain_update(key)
            .chain_update([0])
            .chain_update(canonical);
        Ok(Self {
            target,
            key: Sha256::digest(key).into(),
            body_hash: body_hash.finalize().into(),
        })
    }

    /// The request as that of `principal`; `tenant_id` is `None` for the operator's making of a tenant.
    pub(super) fn of(self, tenant_id: Option<Uuid>, principal: String) -> Claim {
        let whose = Sha256::new_with_prefix("countersign/idempotency/key/v1\0")
            .chain_update(tenant_id.unwrap_or_default())
            .chain_update(&principal)
            .chain_update([0])
            .chain_update(&self.target.route)
            .chain_update([0])
            // Each by its own hash, so that none can be taken for the end of one and the beginning of the next.
            .chain_update(self.target.objects.iter().flat_map(Sha256::digest).collect::<Vec<u8>>())
            .chain_update(self.key)
            .finalize();
        let mut lock = [0; 8];
        lock.copy_from_slice(&Sha256::digest(whose)[..8]);
        Claim {
            principal,
            route: self.target.route,
            key: hex::encode(whose),
            body_hash: self.body_hash,
            lock: i64::from_be_bytes(lock),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn print(route: &str, key: &str, body: &Value) -> Fingerprint {
        let target = Target {
            route: route.to_owned(),
            objects: Vec::new(),
        };
        Fingerprint::new(target, key, body).expect("canonical")
    }

    #[test]
    fn the_order_of_members_and_the_spelling_of_numbers_do_not_make_another_body() {
        let of = |text: &str| {
            let body = serde_json::from_str(text).expect("JSON");
            print("POST /x", "k", &body).body_hash
        };
        assert_eq!(
            of(r#"{"a":1,"b":[1.0,"ä"]}"#),
            of(r#"{ "b": [1, "\u00e4"], "a": 1e0 }"#)
        );
        assert_ne!(of(r#"{"a":1}"#), of(r#"{"a":"1"}"#));
        assert_ne!(of(r#"{"a":[1,2]}"#), of(r#"{"a":[2,1]}"#));
    }

    #[test]
    fn neither_key_nor_body_is_kept_and_the_body_is_salted_with_the_key() {
        let body = json!({ "pin": 1 });
        assert_ne!(print("r", "k", &body).body_hash, print("r", "l", &body).body_hash);
        let claim = print("r", "the-key", &body).of(None, "operator".to_owned());
        assert_ne!(
            claim.key,
            hex::encode(Sha256::digest("the-key")),
            "a look-up table does not help"
        );
        assert_eq!(claim.key.len(), 64);
    }

    #[test]
    fn every_part_of_a_request_makes_it_another_and_the_body_does_not() {
        let tenant = Some(Uuid::from_u128(1));
        let claims: Vec<(i64, String)> = [
            ("r", "k", None, "operator"),
            ("r", "k", tenant, "operator"),
            ("r", "k", None, "user:1"),
            ("s", "k", None, "operator"),
            ("r", "l", None, "operator"),
        ]
        .map(|(route, key, tenant, principal)| print(route, key, &json!({})).of(tenant, principal.to_owned()))
        .map(|claim| (claim.lock, claim.key))
        .into();
        for (at, claim) in claims.iter().enumerate() {
            assert!(
                !claims[..at]
                    .iter()
                    .any(|other| other.0 == claim.0 || other.1 == claim.1),
                "{at}"
            );
        }
        // A second request with another body waits for the first one's end as well.
        let other = print("r", "k", &json!({ "x": 1 })).of(None, "operator".to_owned());
        assert_eq!((other.lock, other.key), claims[0].clone());
    }

    #[test]
    fn a_key_is_one_value_of_1_to_255_visible_characters() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_bytes(value).expect("a header value"));
            }
            key_of(&headers)
        };
        assert_eq!(read(&[]).expect("none is fine"), None);
        assert_eq!(read(&[&[b'~'; 255]]).expect("a key").map(|key| key.len()), Some(255));
        for wrong in [
            &[&[b'x'; 256][..]][..],
            &[b""],
            &[b"a b"],
            &["ä".as_bytes()],
            &[b"a", b"a"],
        ] {
            assert_eq!(read(wrong).expect_err("refused").code(), ErrorCode::ValidationError);
        }
    }
}
