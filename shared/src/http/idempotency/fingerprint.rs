//! What makes two requests the same: pure.

use axum::http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::http::{ApiError, ErrorCode};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// A request under a key.
#[derive(Debug, Clone)]
pub(super) struct Fingerprint {
    /// Method and path as they were sent: the same key on another object is another request.
    pub(super) route: String,
    /// SHA-256 of the client's key, in hex.
    pub(super) key: String,
    /// SHA-256 of the key and the body's canonical JSON.
    pub(super) body_hash: [u8; 32],
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

impl Fingerprint {
    pub(super) fn new(route: String, key: &str, body: &Value) -> Result<Self, ApiError> {
        let canonical = serde_json_canonicalizer::to_vec(body)
            .map_err(|error| ApiError::internal(format!("a parsed body has no canonical form: {error}")))?;
        let body_hash = Sha256::new_with_prefix("countersign/idempotency/v1\0")
            .chain_update(key)
            .chain_update([0])
            .chain_update(canonical);
        Ok(Self {
            route,
            key: hex::encode(Sha256::digest(key)),
            body_hash: body_hash.finalize().into(),
        })
    }

    /// The advisory lock of the request: eight bytes of a hash, so that two requests that happen to share one get a 409
    /// that goes away, and nothing else.
    pub(super) fn lock(&self, tenant_id: Option<Uuid>, principal: &str) -> i64 {
        let digest = Sha256::new_with_prefix("countersign/idempotency/lock/v1\0")
            .chain_update(tenant_id.unwrap_or_default())
            .chain_update(format!("{principal}\0{}\0{}", self.route, self.key))
            .finalize();
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn print(route: &str, key: &str, body: &Value) -> Fingerprint {
        Fingerprint::new(route.to_owned(), key, body).expect("canonical")
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
    fn the_hash_of_a_body_tells_nothing_without_the_key() {
        let body = json!({ "pin": 1 });
        assert_ne!(print("r", "k", &body).body_hash, print("r", "l", &body).body_hash);
        assert!(!print("r", "the-key", &body).key.contains("the-key"));
    }

    #[test]
    fn every_part_of_a_request_has_a_lock_of_its_own() {
        let locks = [
            print("r", "k", &json!({})).lock(None, "operator"),
            print("r", "k", &json!({})).lock(Some(Uuid::from_u128(1)), "operator"),
            print("r", "k", &json!({})).lock(None, "user:1"),
            print("s", "k", &json!({})).lock(None, "operator"),
            print("r", "l", &json!({})).lock(None, "operator"),
        ];
        for (at, lock) in locks.iter().enumerate() {
            assert!(!locks[..at].contains(lock), "{at}");
        }
        // Not of the body: a second request with another one waits for the first's end as well.
        assert_eq!(locks[0], print("r", "k", &json!({ "x": 1 })).lock(None, "operator"));
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
