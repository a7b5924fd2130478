//! What becomes of a request when Postgres is gone, silent, full, or of another mind.

mod lost;
mod refusals;
mod retries;
mod reuse;

use std::time::Duration;

use axum::response::IntoResponse as _;
use shared::{
    data::{TenantScope, TenantTx},
    http::ApiError,
    testing::{ProxiedStack, TestTenant},
};
use tokio::time::timeout;

/// What takes longer than this is not bounded: far beyond every bound of the settings below, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// A pool as a Lambda environment has it, and bounds that a test can wait for.
const POOL_OF_ONE: [(&str, &str); 2] = [
    ("DATABASE_MAX_CONNECTIONS", "1"),
    ("DATABASE_STATEMENT_TIMEOUT_MS", "2000"),
];

async fn pool_of_one() -> (ProxiedStack, TestTenant) {
    let proxied = ProxiedStack::with(&POOL_OF_ONE).await;
    let tenant = proxied.stack.tenant().await;
    (proxied, tenant)
}

/// What comes of it, which must come in bounded time.
async fn bounded<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("this wait has no end")
}

async fn begin(proxied: &ProxiedStack, tenant: &TestTenant) -> Result<TenantTx, sqlx::Error> {
    let scope = TenantScope {
        tenant_id: tenant.id,
        user_id: None,
    };
    bounded(proxied.stack.ctx.db.begin(scope)).await
}

/// Renames the tenant, in the transaction.
async fn rename(tx: &mut TenantTx, name: &str) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    let renaming = sqlx::query("UPDATE users SET name = $2 WHERE tenant_id = $1")
        .bind(tenant_id)
        .bind(name)
        .execute(&mut **tx);
    bounded(renaming).await.map(drop)
}

/// How many people of the tenant have the name, seen past the proxy.
async fn named(proxied: &ProxiedStack, tenant: &TestTenant, name: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM users WHERE tenant_id = $1 AND name = $2")
        .bind(tenant.id)
        .bind(name)
        .fetch_one(&proxied.stack.owner_pool())
        .await
        .expect("counted")
}

/// A whole transaction that writes. Shows that the pool is of use again.
async fn write(proxied: &ProxiedStack, tenant: &TestTenant, name: &str) -> Result<(), sqlx::Error> {
    let mut tx = begin(proxied, tenant).await?;
    rename(&mut tx, name).await?;
    bounded(tx.commit()).await
}

/// The status that a client sees of the error.
fn status(error: sqlx::Error) -> u16 {
    ApiError::from(error).into_response().status().as_u16()
}

/// The SQLSTATE, or nothing for an error that is not the server's.
fn sqlstate(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .unwrap_or_default()
        .into_owned()
}
