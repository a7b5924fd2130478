//! `Idempotency-Key`: a request that takes effect once, however often it is sent.
//!
//! The same principal, route, key and body gets the first success again for a day; another body is 422, one still in
//! flight 409. The record commits with the work, so there is never one without the other, and a request that failed may be
//! sent again. What a record must not show (secrets that are shown once) is left out by whoever makes the answer.
//!
//! No route may enter. The client's key is kept only as its SHA-256, and that of the body is salted with the key: neither
//! can be guessed from the table.

mod store;

use std::ops::{Deref, DerefMut};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    ApiError, ErrorCode, Json,
    json::{from_value, read_value},
};
use crate::{
    context::AppContext,
    data::{TenantScope, TenantTx},
};
use store::Kept;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How the operator is written as a principal; no user or agent can be.
const OPERATOR: &str = "operator";

/// A JSON body, and the key under which it is to take effect once.
#[derive(Debug, Clone)]
pub struct Idempotent<T> {
    /// The body, as [`Json`] reads it.
    pub body: T,
    /// Begins the work.
    pub once: Once,
}

/// What makes a request the same as an earlier one, but for its principal.
#[derive(Debug, Clone)]
pub struct Once(Option<Fingerprint>);

#[derive(Debug, Clone)]
struct Fingerprint {
    /// Method and path as they were sent: the same key on another object is another request.
    route: String,
    /// SHA-256 of the client's key, in hex.
    key: String,
    /// SHA-256 of the key and the body's canonical JSON.
    body_hash: [u8; 32],
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Idempotent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let key = key(request.headers())?;
        let route = format!("{} {}", request.method(), request.uri().path());
        let value = read_value(request).await?;
        let once = match key {
            Some(key) => Once(Some(Fingerprint::new(route, &key, &value)?)),
            None => Once(None),
        };
        Ok(Self {
            body: from_value(value)?,
            once,
        })
    }
}

/// The client's key, if it sent one.
fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
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
    fn new(route: String, key: &str, body: &Value) -> Result<Self, ApiError> {
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
    fn lock(&self, tenant_id: Option<Uuid>, principal: &str) -> i64 {
        let digest = Sha256::new_with_prefix("countersign/idempotency/lock/v1\0")
            .chain_update(tenant_id.unwrap_or_default())
            .chain_update(format!("{principal}\0{}\0{}", self.route, self.key))
            .finalize();
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(bytes)
    }
}

/// How a request begins.
pub enum Attempt<T> {
    /// It is the first, or has no key: do the work.
    First(Work),
    /// It was done before: give this answer.
    Done(Performed<T>),
}

/// The transaction of a request's work. Dropped, nothing was done and nothing is kept.
pub struct Work {
    tx: TenantTx,
    keep: Option<(Fingerprint, String)>,
}

impl Once {
    /// Begins the work of `principal` in its tenant, or finds the answer that it had.
    ///
    /// # Errors
    /// `IDEMPOTENCY_IN_FLIGHT`, `IDEMPOTENCY_MISMATCH`, `UNAVAILABLE`.
    pub async fn begin<T>(
        self,
        ctx: &AppContext,
        scope: TenantScope,
        principal: impl ToString,
    ) -> Result<Attempt<T>, ApiError> {
        let mut tx = ctx.db.begin(scope).await?;
        let Some(print) = self.0 else {
            return Ok(Attempt::First(Work { tx, keep: None }));
        };
        let principal = principal.to_string();
        if !store::try_lock(&mut tx, print.lock(Some(scope.tenant_id), &principal)).await? {
            return Err(in_flight());
        }
        // Only now, in a statement of its own: whoever held the lock has committed, and this one sees what it left.
        let kept = store::find(&mut tx, &principal, &print.route, &print.key).await?;
        attempt(tx, print, principal, kept).await
    }

    /// Begins the operator's making of a tenant: the record of an earlier one lies in the tenant that it made.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_new_tenant<T>(self, ctx: &AppContext, tenant_id: Uuid) -> Result<Attempt<T>, ApiError> {
        let scope = TenantScope {
            tenant_id,
            user_id: None,
        };
        let mut tx = ctx.db.begin(scope).await?;
        let Some(print) = self.0 else {
            return Ok(Attempt::First(Work { tx, keep: None }));
        };
        if !store::try_lock(&mut tx, print.lock(None, OPERATOR)).await? {
            return Err(in_flight());
        }
        let kept = store::find_of_operator(&mut tx, &print.route, &print.key).await?;
        attempt(tx, print, OPERATOR.to_owned(), kept).await
    }
}

async fn attempt<T>(
    tx: TenantTx,
    print: Fingerprint,
    principal: String,
    kept: Option<Kept>,
) -> Result<Attempt<T>, ApiError> {
    let Some(kept) = kept else {
        return Ok(Attempt::First(Work {
            tx,
            keep: Some((print, principal)),
        }));
    };
    // Dropped, it would be rolled back only after the answer is out, and who asks again at once would find the lock taken.
    tx.commit().await?;
    if kept.body_hash == print.body_hash {
        Ok(Attempt::Done(Performed(Effect::Before(kept))))
    } else {
        Err(ApiError::new(
            ErrorCode::IdempotencyMismatch,
            "This Idempotency-Key was used for a request with another body",
        )
        .with_details(json!({ "header": "Idempotency-Key" })))
    }
}

fn in_flight() -> ApiError {
    ApiError::new(
        ErrorCode::IdempotencyInFlight,
        "A request with this Idempotency-Key is being worked on",
    )
    .with_details(json!({ "header": "Idempotency-Key" }))
    .with_retry_after(1)
}

/// What a route answers with when its work is done, and what of that may be kept.
pub trait Replayable: Serialize {
    /// The success.
    const STATUS: StatusCode = StatusCode::CREATED;
    /// JSON pointers (RFC 6901) to what is shown only once; null in a replay.
    const SHOWN_ONCE: &'static [&'static str] = &[];
}

impl Work {
    /// Makes the work true, together with the record of its answer.
    ///
    /// # Errors
    /// Postgres could not: then nothing is true, or that is unknown, and the request may be sent again.
    pub async fn commit<T: Replayable>(mut self, answer: T) -> Result<Performed<T>, ApiError> {
        if let Some((print, principal)) = &self.keep {
            let mut shown = serde_json::to_value(&answer)
                .map_err(|error| ApiError::internal(format!("an answer has no JSON form: {error}")))?;
            for pointer in T::SHOWN_ONCE {
                if let Some(secret) = shown.pointer_mut(pointer) {
                    *secret = Value::Null;
                }
            }
            let kept = Kept {
                body_hash: print.body_hash.to_vec(),
                response_status: i16::try_from(T::STATUS.as_u16()).unwrap_or(i16::MAX),
                response_body: shown.to_string(),
            };
            store::insert(&mut self.tx, principal, &print.route, &print.key, &kept).await?;
        }
        self.tx.commit().await?;
        Ok(Performed(Effect::Now(answer)))
    }
}

impl Deref for Work {
    type Target = TenantTx;

    fn deref(&self) -> &TenantTx {
        &self.tx
    }
}

impl DerefMut for Work {
    fn deref_mut(&mut self) -> &mut TenantTx {
        &mut self.tx
    }
}

/// The answer to a request that takes effect once, now or before.
pub struct Performed<T>(Effect<T>);

enum Effect<T> {
    Now(T),
    Before(Kept),
}

impl<T: Replayable> IntoResponse for Performed<T> {
    fn into_response(self) -> Response {
        match self.0 {
            Effect::Now(answer) => {
                let mut response = Json(answer).into_response();
                if response.status() == StatusCode::OK {
                    *response.status_mut() = T::STATUS;
                }
                response
            }
            Effect::Before(kept) => {
                let status = u16::try_from(kept.response_status).ok();
                let status = status.and_then(|status| StatusCode::from_u16(status).ok());
                let headers = [
                    (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                    (REPLAYED, HeaderValue::from_static("true")),
                ];
                (status.unwrap_or(T::STATUS), headers, Body::from(kept.response_body)).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
            key(&headers)
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
