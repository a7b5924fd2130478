//! From headers to a principal.

use axum::http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use uuid::Uuid;

use super::{ApiKey, Principal, Subject, TooManyWrongSecrets};
use crate::{context::AppContext, data::TenantScope, http::ApiError, lambda::SourceAddress};

/// Finds out who is asking in the tenant that `X-Tenant-ID` names.
///
/// Key, user and tenant are read from Postgres on every request, in one round trip, so that revocation, rotation,
/// deactivation, suspension and expiry hold at once.
///
/// # Errors
/// `MISSING_TENANT_ID`, `INVALID_TENANT_ID`, `UNAUTHORIZED` (one answer for every reason), `RATE_LIMITED` (too many wrong
/// secrets came from there), `UNAVAILABLE`.
pub async fn authenticate(ctx: &AppContext, parts: &Parts) -> Result<Principal, ApiError> {
    let tenant_id = tenant_header(&parts.headers)?.ok_or_else(ApiError::missing_tenant)?;
    find_principal(ctx, parts, bearer(&parts.headers)?, Some(tenant_id)).await
}

/// The one value of `X-Tenant-ID`, if there is one.
///
/// # Errors
/// `INVALID_TENANT_ID`: more than one, or not a UUID in its usual form.
pub(crate) fn tenant_header(headers: &HeaderMap) -> Result<Option<Uuid>, ApiError> {
    let mut values = headers.get_all("x-tenant-id").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(crate::http::parse_uuid)
            .map(Some)
            .ok_or_else(ApiError::invalid_tenant),
        (Some(_), Some(_)) => Err(ApiError::invalid_tenant()),
    }
}

/// The one bearer credential (RFC 6750 §2.1).
///
/// # Errors
/// `UNAUTHORIZED`: none, several, or another scheme.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(ApiError::unauthorized());
    };
    let (scheme, credential) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(ApiError::unauthorized)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(credential.trim())
    } else {
        Err(ApiError::unauthorized())
    }
}

/// The principal of an API key, looked for in one tenant, or in all of them when `tenant_id` is `None`.
///
/// # Errors
/// `UNAUTHORIZED`, `RATE_LIMITED`, `UNAVAILABLE`.
pub async fn find_principal(
    ctx: &AppContext,
    parts: &Parts,
    credential: &str,
    tenant_id: Option<Uuid>,
) -> Result<Principal, ApiError> {
    let key = ApiKey::parse(credential).map_err(|_| ApiError::unauthorized())?;
    let found = ctx
        .db
        .retry_read(|pool| async move {
            sqlx::query!(
                r#"SELECT tenant_id AS "tenant_id!", role AS "role!", caller_id, user_id, owner_user_id,
                          trust_level AS "trust_level!", environment AS "environment!",
                          key_hashes AS "key_hashes!", used_this_minute AS "used_this_minute!"
                   FROM lookup.api_key($1, $2)"#,
                tenant_id,
                key.id,
            )
            .fetch_optional(&pool)
            .await
        })
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    let address = parts.extensions.get::<SourceAddress>().map_or("", |address| &address.0);
    match ctx.verifier.matches(&key, &found.key_hashes, address).await {
        Ok(true) => {}
        Ok(false) => return Err(ApiError::unauthorized()),
        Err(TooManyWrongSecrets(seconds)) => return Err(ApiError::rate_limited(seconds)),
    }
    let subject = match (found.user_id, found.caller_id) {
        (Some(user_id), _) => Subject::User(user_id),
        (None, Some(caller_id)) => Subject::Agent(caller_id),
        (None, None) => return Err(ApiError::internal("an API key has neither a user nor a caller")),
    };
    let principal = Principal {
        tenant_id: found.tenant_id,
        key_id: key.id,
        subject,
        role: found
            .role
            .parse()
            .map_err(|_| ApiError::internal("an API key has an unknown role"))?,
        owner_user_id: found.owner_user_id,
        trust_level: found.trust_level,
        environment: found
            .environment
            .parse()
            .map_err(|_| ApiError::internal("an API key has an unknown environment"))?,
    };
    if !found.used_this_minute {
        note_use(ctx, &principal).await;
    }
    Ok(principal)
}

/// Moves `last_used_at`, at most once a minute and only forward. Not worth failing a request for.
async fn note_use(ctx: &AppContext, principal: &Principal) {
    let moved = async {
        let scope = TenantScope::of(principal.tenant_id);
        let mut tx = ctx.db.begin(scope).await?;
        sqlx::query!(
            "UPDATE api_keys SET last_used_at = date_trunc('minute', clock_timestamp())
             WHERE (tenant_id, id) IN (
                 SELECT tenant_id, id FROM api_keys
                 WHERE tenant_id = $1 AND id = $2
                   AND (last_used_at IS NULL OR last_used_at < date_trunc('minute', clock_timestamp()))
                 FOR NO KEY UPDATE SKIP LOCKED)",
            principal.tenant_id,
            principal.key_id,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    };
    if let Err(error) = moved.await {
        tracing::warn!(%error, "last_used_at was not moved");
    }
}
