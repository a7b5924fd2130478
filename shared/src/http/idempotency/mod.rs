//! `Idempotency-Key`: a request that takes effect once, however often it is sent.
//!
//! The same principal, route, key and body gets the first success again for a day; another body is 422, one still in
//! flight 409. The record commits with the work, so there is never one without the other, and a request that failed may be
//! sent again. What a record must not show (secrets that are shown once) is left out by whoever makes the answer.
//!
//! No route may enter. Of the client's key and of the body only hashes are kept, and that of the body is salted with the key: a
//! body is as hard to guess from the table as the key that the client chose.

mod fingerprint;
mod store;

use std::ops::{Deref, DerefMut};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ApiError, ErrorCode, Json,
    json::{from_value, read_value},
};
use crate::{
    auth::OPERATOR,
    context::AppContext,
    data::{TenantScope, TenantTx},
};
use fingerprint::{Claim, Fingerprint, Target, key_of};
use store::Kept;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A JSON body, and the key under which it is to take effect once.
pub struct Idempotent<T> {
    /// The body, as [`Json`] reads it.
    pub body: T,
    /// Begins the work.
    pub once: Once,
}

/// What makes a request the same as an earlier one, but for its principal.
pub struct Once(Option<Fingerprint>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Idempotent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let key = key_of(&parts.headers)?;
        let target = Target::of(&mut parts).await?;
        let value = read_value(Request::from_parts(parts, body)).await?;
        let once = match key {
            Some(key) => Once(Some(Fingerprint::new(target, &key, &value)?)),
            None => Once(None),
        };
        Ok(Self {
            body: from_value(value)?,
            once,
        })
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
    keep: Option<Claim>,
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
        self.begin_as(ctx, scope, Some(scope.tenant_id), principal.to_string())
            .await
    }

    /// Begins the operator's making of a tenant: the record of an earlier one lies in the tenant that it made.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_new_tenant<T>(self, ctx: &AppContext, tenant_id: Uuid) -> Result<Attempt<T>, ApiError> {
        self.begin_as(ctx, TenantScope::of(tenant_id), None, OPERATOR.to_owned())
            .await
    }

    /// `within`: where the record of an earlier one lies, if that is known.
    async fn begin_as<T>(
        self,
        ctx: &AppContext,
        scope: TenantScope,
        within: Option<Uuid>,
        principal: String,
    ) -> Result<Attempt<T>, ApiError> {
        let mut tx = ctx.db.begin(scope).await?;
        let Some(print) = self.0 else {
            return Ok(Attempt::First(Work { tx, keep: None }));
        };
        let claim = print.of(within, principal);
        if !store::try_lock(&mut tx, claim.lock).await? {
            return Err(in_flight());
        }
        // Only now, in a statement of its own: whoever held the lock has committed, and this one sees what it left.
        let kept = match within {
            Some(_) => store::find(&mut tx, &claim).await?,
            None => store::find_of_operator(&mut tx, &claim).await?,
        };
        match kept {
            None => Ok(Attempt::First(Work { tx, keep: Some(claim) })),
            Some(kept) if kept.body_hash == claim.body_hash => Ok(Attempt::Done(Performed(Effect::Before(kept)))),
            Some(_) => Err(mismatch()),
        }
    }
}

fn mismatch() -> ApiError {
    ApiError::new(
        ErrorCode::IdempotencyMismatch,
        "This Idempotency-Key was used for a request with another body",
    )
    .with_details(json!({ "header": "Idempotency-Key" }))
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
    /// JSON pointers (RFC 6901) to what is shown only once; null in a replay. The object that one stands in may be absent.
    const SHOWN_ONCE: &'static [&'static str];
}

impl Work {
    /// Makes the work true, together with the record of its answer.
    ///
    /// # Errors
    /// Postgres could not: then nothing is true, or that is unknown, and the request may be sent again.
    pub async fn commit<T: Replayable>(mut self, answer: T) -> Result<Performed<T>, ApiError> {
        if let Some(claim) = &self.keep {
            let mut shown = serde_json::to_value(&answer)
                .map_err(|error| ApiError::internal(format!("an answer has no JSON form: {error}")))?;
            for pointer in T::SHOWN_ONCE {
                leave_out(&mut shown, pointer)?;
            }
            let kept = Kept {
                body_hash: claim.body_hash.to_vec(),
                response_status: i16::try_from(T::STATUS.as_u16()).unwrap_or(i16::MAX),
                response_body: shown.to_string(),
            };
            store::insert(&mut self.tx, claim, &kept).await?;
        }
        self.tx.commit().await?;
        Ok(Performed(Effect::Now(answer)))
    }
}

/// Puts null in the place of what is shown only once. An answer may lack the whole object that it would stand in.
fn leave_out(shown: &mut Value, pointer: &str) -> Result<(), ApiError> {
    if let Some((object, _)) = pointer.rsplit_once('/')
        && shown.pointer(object).is_none()
    {
        return Ok(());
    }
    // One that is not where it is said to be would be kept in the clear somewhere else.
    *shown
        .pointer_mut(pointer)
        .ok_or_else(|| ApiError::internal(format!("the answer has no {pointer} to leave out")))? = Value::Null;
    Ok(())
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

    #[test]
    fn what_is_shown_once_is_left_out_or_missed() {
        let left = |mut shown: Value, pointer: &str| leave_out(&mut shown, pointer).map(|()| shown).ok();
        assert_eq!(left(json!({ "token": "t" }), "/token"), Some(json!({ "token": null })));
        assert_eq!(
            left(json!({ "of": { "token": "t" } }), "/of/token"),
            Some(json!({ "of": { "token": null } }))
        );
        assert_eq!(left(json!({ "other": 1 }), "/of/token"), Some(json!({ "other": 1 })));
        assert_eq!(left(json!({ "other": "t" }), "/token"), None);
        assert_eq!(left(json!({ "of": { "other": "t" } }), "/of/token"), None);
    }
}
