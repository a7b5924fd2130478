//! Connections to Postgres.

use std::{str::FromStr as _, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    Connection as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{TenantScope, TenantTx, Transaction};
use crate::config::DatabaseConfig;

/// How long an answer may wait for its connection to come back, in milliseconds.
const MOST_SETTLING_MS: u32 = 250;

/// A pool of connections as one database role.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
    statement_timeout: Duration,
}

/// The database URL in the secret store is none. The URL itself is not shown: it holds a password.
#[derive(Debug, thiserror::Error)]
#[error("the database URL in the secret store is not a Postgres URL")]
pub struct DatabaseUrlError;

impl Database {
    /// A pool that connects when it is first used.
    ///
    /// # Errors
    /// The URL does not parse.
    pub fn connect_lazy(url: &SecretString, config: &DatabaseConfig) -> Result<Self, DatabaseUrlError> {
        let options = PgConnectOptions::from_str(url.expose_secret()).map_err(|_| DatabaseUrlError)?;
        let idle_check = Duration::from_secs(config.idle_check_seconds);
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
            // A ping before every use would double the round trips of a small request; only a connection that idled long
            // enough to have been frozen with its Lambda, or cut by the server, is worth one.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                Box::pin(async move {
                    if meta.idle_for < idle_check {
                        return Ok(true);
                    }
                    Ok(connection.ping().await.is_ok())
                })
            })
            .connect_lazy_with(options);
        Ok(Self {
            pool,
            statement_timeout: Duration::from_millis(config.statement_timeout_ms),
        })
    }

    /// Begins the transaction of one tenant, and in it one user if the scope names one.
    ///
    /// # Errors
    /// Postgres does not answer. A broken connection is retried once: nothing has been written yet.
    pub async fn begin(&self, scope: TenantScope) -> Result<TenantTx, sqlx::Error> {
        match TenantTx::begin(&self.pool, scope, self.statement_timeout).await {
            Err(error) if is_broken_connection(&error) => {
                TenantTx::begin(&self.pool, scope, self.statement_timeout).await
            }
            outcome => outcome,
        }
    }

    /// Begins a transaction without a tenant, for the sweep.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn begin_without_tenant(&self) -> Result<Transaction, sqlx::Error> {
        Transaction::begin(&self.pool, self.statement_timeout).await
    }

    /// The bare pool, without a tenant. Every tenant table refuses a query through it; it is for the definer functions of
    /// the schema `lookup`, for readiness, and for the sweep, whose role has policies of its own.
    #[must_use]
    pub fn without_tenant(&self) -> &PgPool {
        &self.pool
    }

    /// One round trip, on a fresh connection if the one at hand turns out to be broken.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        self.retry_read(|pool| async move { pool.acquire().await?.ping().await })
            .await
    }

    /// Runs a read outside of any transaction, bounded by the statement timeout, and again once if the connection turned
    /// out to be broken.
    ///
    /// # Errors
    /// Whatever the second attempt says.
    pub async fn retry_read<T, F>(&self, mut read: impl FnMut(PgPool) -> F) -> Result<T, sqlx::Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut bounded = || {
            let reading = Box::pin(read(self.pool.clone()));
            async {
                tokio::time::timeout(self.statement_timeout, reading)
                    .await
                    .unwrap_or(Err(sqlx::Error::PoolTimedOut))
            }
        };
        match bounded().await {
            Err(error) if is_broken_connection(&error) => bounded().await,
            outcome => outcome,
        }
    }

    /// Waits until the one connection of a Lambda environment is back in its pool.
    ///
    /// A transaction that is dropped is rolled back when its connection returns, which a task of its own sees to. Once
    /// the answer is out the environment may be frozen before that task has run, with the transaction's locks held; so
    /// the frame waits for it. With more than one connection there is no such environment, and nothing to wait for.
    pub async fn settle(&self) {
        let all_back = || self.pool.num_idle() >= usize::try_from(self.pool.size()).unwrap_or(usize::MAX);
        if self.pool.options().get_max_connections() == 1 {
            // Bounded, because a server that does not answer would not answer the rollback either.
            for _ in 0..MOST_SETTLING_MS {
                if all_back() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Whether the error means that the connection died, so that the same on a fresh one may work.
fn is_broken_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => true,
        // Shut down by an administrator or a crash, or idle for too long, also in a transaction: the server ended this
        // connection.
        sqlx::Error::Database(database) => {
            matches!(database.code().as_deref(), Some("57P01" | "57P02" | "57P05" | "25P03"))
        }
        _ => false,
    }
}

/// Whether the error means that Postgres cannot serve now, so that trying later may work (503), as opposed to a mistake
/// of ours (500). Classes by SQLSTATE, PostgreSQL manual appendix A.
#[must_use]
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    if is_broken_connection(error) {
        return true;
    }
    match error {
        sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            // Connection exceptions, insufficient resources, operator intervention (the statement timeout among them),
            // serialization failures and deadlocks, lock not available, read-only after a fail-over.
            ["08", "53", "57", "40"].contains(&&code[..2.min(code.len())])
                || matches!(code.as_ref(), "55P03" | "25006" | "28P01" | "3D000")
        }),
        _ => false,
    }
}
