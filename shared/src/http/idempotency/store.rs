//! The records of requests that took effect.

use super::fingerprint::Claim;
use crate::data::TenantTx;

/// The first success of a request, as it was answered.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) body_hash: Vec<u8>,
    pub(super) response_status: i16,
    pub(super) response_body: String,
}

/// Takes the request's lock until the transaction ends; `false` when another has it.
pub(super) async fn try_lock(tx: &mut TenantTx, lock: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "locked!""#, lock)
        .fetch_one(&mut **tx)
        .await
}

/// The record of a principal's request, for a day after it took effect.
pub(super) async fn find(tx: &mut TenantTx, claim: &Claim) -> Result<Option<Kept>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query_as!(
        Kept,
        r#"SELECT body_hash, response_status, response_body::text AS "response_body!"
           FROM idempotency_keys
           WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND idempotency_key = $4
             AND expires_at > clock_timestamp()"#,
        tenant_id,
        claim.principal,
        claim.route,
        claim.key,
    )
    .fetch_optional(&mut **tx)
    .await
}

/// The record of a request of the operator's, in whatever tenant it lies.
pub(super) async fn find_of_operator(tx: &mut TenantTx, claim: &Claim) -> Result<Option<Kept>, sqlx::Error> {
    sqlx::query_as!(
        Kept,
        r#"SELECT body_hash AS "body_hash!", response_status AS "response_status!", response_body::text AS "response_body!"
           FROM lookup.operator_idempotency($1, $2)"#,
        claim.route,
        claim.key,
    )
    .fetch_optional(&mut **tx)
    .await
}

/// Keeps the answer of a request for a day, over the remains of one that has expired.
pub(super) async fn insert(tx: &mut TenantTx, claim: &Claim, kept: &Kept) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "INSERT INTO idempotency_keys (
             tenant_id, principal, route, idempotency_key, body_hash, response_status, response_body, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7::text::json, clock_timestamp(), clock_timestamp() + interval '24 hours')
         ON CONFLICT (tenant_id, principal, route, idempotency_key) DO UPDATE
         SET body_hash = excluded.body_hash, response_status = excluded.response_status,
             response_body = excluded.response_body, created_at = excluded.created_at, expires_at = excluded.expires_at",
        tenant_id,
        claim.principal,
        claim.route,
        claim.key,
        kept.body_hash,
        kept.response_status,
        kept.response_body,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
