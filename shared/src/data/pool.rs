//! Connections to Postgres.

use std::{io, str::FromStr as _, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    Connection as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;
use tracing::subscriber::{NoSubscriber, with_default};

use super::{Connections, TenantScope, TenantTx, Transaction, connection::overdue, stock::Stock};
use crate::config::DatabaseConfig;

/// How long an answer may wait for its connection to come back.
const MOST_SETTLING: Duration = Duration::from_millis(250);

/// How much longer than the statement timeout this side waits in a transaction, so that a server that is there has the
/// first word and the connection survives.
const GRACE: Duration = Duration::from_secs(2);

/// A pool of connections as one database role.
#[derive(Clone)]
pub struct Database {
    connections: Connections,
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
        let options = parse(url)?;
        let idle_check = Duration::from_secs(config.idle_check_seconds);
        let acquire_timeout = Duration::from_millis(config.acquire_timeout_ms);
        // A connection that was lost unnoticed must leave time for a fresh one.
        let most_pinging = acquire_timeout / 3;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(acquire_timeout)
            // A ping before every use would double the round trips of a small request; only a connection that idled long
            // enough to have been frozen with its Lambda, or cut by the server, is worth one.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                Box::pin(async move {
                    if meta.idle_for < idle_check {
                        return Ok(true);
                    }
                    match timeout(most_pinging, connection.ping()).await {
                        Ok(answer) => Ok(answer.is_ok()),
                        // As an error, so that the pool drops it without a farewell.
                        Err(_) => Err(overdue()),
                    }
                })
            })
            .connect_lazy_with(options);
        let statement_timeout = Duration::from_millis(config.statement_timeout_ms);
        Ok(Self {
            connections: Connections::new(Stock::new(pool, idle_check), statement_timeout),
            statement_timeout,
        })
    }

    /// Begins the transaction of one tenant, and in it one user if the scope names one.
    ///
    /// # Errors
    /// Postgres does not answer. A broken connection is retried once: nothing has been written yet.
    pub async fn begin(&self, scope: TenantScope) -> Result<TenantTx, sqlx::Error> {
        let connections = self.for_transactions();
        let attempt = || Box::pin(TenantTx::begin(&connections, scope, self.statement_timeout));
        match attempt().await {
            Err(error) if is_broken_connection(&error) => attempt().await,
            outcome => outcome,
        }
    }

    /// Begins a transaction without a tenant, for the sweep.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_without_tenant(&self) -> Result<Transaction, sqlx::Error> {
        let connections = self.for_transactions();
        let attempt = || Box::pin(Transaction::begin(&connections, self.statement_timeout));
        match attempt().await {
            Err(error) if is_broken_connection(&error) => attempt().await,
            outcome => outcome,
        }
    }

    fn for_transactions(&self) -> Connections {
        self.connections.with_patience(self.statement_timeout + GRACE)
    }

    /// The bare connections, without a tenant. Every tenant table refuses a query through them; they are for the definer
    /// functions of the schema `lookup`, for readiness, and for the sweep, whose role has policies of its own.
    #[must_use]
    pub fn without_tenant(&self) -> &Connections {
        &self.connections
    }

    /// One round trip, on a fresh connection if the one at hand turns out to be broken.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        self.retry_read(|connections| async move {
            let mut connection = connections.acquire().await?;
            connection.bounded(sqlx::PgConnection::ping).await
        })
        .await
    }

    /// Runs a read outside of any transaction, bounded by the statement timeout, and again once if the connection turned
    /// out to be broken. A read that is overdue is not run again: the server may still be at it.
    ///
    /// # Errors
    /// Whatever the second attempt says.
    pub async fn retry_read<T, F>(&self, mut read: impl FnMut(Connections) -> F) -> Result<T, sqlx::Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut bounded = || {
            let reading = Box::pin(read(self.connections.clone()));
            async {
                timeout(self.statement_timeout, reading)
                    .await
                    .unwrap_or_else(|_| Err(overdue()))
            }
        };
        match bounded().await {
            Err(error) if is_broken_connection(&error) => bounded().await,
            outcome => outcome,
        }
    }

    /// Waits until the connections that were let go are back in their pool.
    ///
    /// A transaction that is dropped is rolled back when its connection returns, which a task of its own sees to. Once
    /// the answer is out a Lambda environment may be frozen before that task has run, with the transaction's locks held;
    /// and whoever asks again at once would find them. So the frame waits for it.
    pub async fn settle(&self) {
        // Bounded, because a server that does not answer would not answer the rollback either.
        let _ = timeout(MOST_SETTLING, self.connections.all_returned()).await;
    }
}

fn parse(url: &SecretString) -> Result<PgConnectOptions, DatabaseUrlError> {
    let url = url.expose_secret();
    // sqlx takes any scheme.
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(DatabaseUrlError);
    }
    // Unheard, because sqlx logs the value of a parameter that it does not know, and it may be a misspelt password's.
    with_default(NoSubscriber::default(), || PgConnectOptions::from_str(url)).map_err(|_| DatabaseUrlError)
}

/// Whether the error means that the connection died, so that the same on a fresh one may work.
fn is_broken_connection(error: &sqlx::Error) -> bool {
    match error {
        // What timed out has cost its time already, and the server may still be at it.
        sqlx::Error::Io(error) => error.kind() != io::ErrorKind::TimedOut,
        sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => true,
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
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            // Connection exceptions, insufficient resources, operator intervention (the statement timeout among them),
            // serialization failures and deadlocks, errors of the system below Postgres; lock not available, read-only
            // after a fail-over; a role or a password that is refused, a database that is not there.
            ["08", "53", "57", "40", "58"].contains(&&code[..2.min(code.len())])
                || matches!(code.as_ref(), "55P03" | "25006" | "28000" | "28P01" | "3D000")
        }),
        _ => false,
    }
}
