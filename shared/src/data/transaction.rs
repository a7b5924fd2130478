//! A transaction on a pooled connection, safe to drop at any moment.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{AssertSqlSafe, SqlSafeStr as _, postgres::PgTransactionManager};
// sqlx 0.9.0's own `Transaction` gives the connection back as it is when `BEGIN` fails or its future is dropped. The next
// request on that connection would then be inside a transaction that nobody commits, or in an aborted one.
use sqlx_core::transaction::TransactionManager as _;

use super::{Connection, Connections};

/// An open transaction, rolled back when dropped.
pub struct Transaction {
    connection: Connection,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// What the server thinks is unknown: `BEGIN` or `COMMIT` has no good answer.
    Unknown,
    Open,
    Committed,
}

/// `COMMIT` would answer well and have written nothing, because a statement before it had failed.
#[derive(Debug, thiserror::Error)]
#[error("a transaction with a failed statement in it cannot be committed")]
struct Aborted;

impl Transaction {
    /// Begins without a tenant, with the same two timeouts that a tenant's transaction has, for the same reasons.
    pub(super) async fn begin(connections: &Connections, statement_timeout: Duration) -> Result<Self, sqlx::Error> {
        let timeout = statement_timeout.as_millis();
        let statement = format!(
            "BEGIN; SELECT set_config('statement_timeout', '{timeout}', true), \
             set_config('idle_in_transaction_session_timeout', '{timeout}', true)"
        );
        Self::begin_with(connections, statement).await
    }

    /// Begins with a statement that leaves the connection in a transaction.
    pub(super) async fn begin_with(connections: &Connections, statement: String) -> Result<Self, sqlx::Error> {
        let mut tx = Self {
            connection: connections.acquire().await?,
            state: State::Unknown,
        };
        let statement = AssertSqlSafe(statement).into_sql_str();
        tx.connection
            .bounded(|connection| PgTransactionManager::begin(connection, Some(statement)))
            .await?;
        tx.state = State::Open;
        Ok(tx)
    }

    /// Begins a part that can be undone by itself.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn savepoint(&mut self) -> Result<Savepoint<'_>, sqlx::Error> {
        self.connection
            .bounded(|connection| PgTransactionManager::begin(connection, None))
            .await?;
        Ok(Savepoint {
            connection: &mut self.connection,
            is_settled: false,
        })
    }

    /// Makes everything written in it true.
    ///
    /// # Errors
    /// Postgres could not, or did not say in time; then whether it is true is unknown to us, and the caller must answer
    /// 503. After a statement that failed nothing is committed.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        if self.connection.has_failed() {
            return Err(sqlx::Error::AnyDriverError(Box::new(Aborted)));
        }
        self.state = State::Unknown;
        self.connection.bounded(PgTransactionManager::commit).await?;
        self.state = State::Committed;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        match self.state {
            State::Committed => {}
            State::Open => start_rollback(&mut self.connection),
            State::Unknown => self.connection.spoil(),
        }
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// A part of a transaction, undone when dropped.
pub struct Savepoint<'tx> {
    connection: &'tx mut Connection,
    is_settled: bool,
}

impl Savepoint<'_> {
    /// Makes it a part of the whole like any other.
    ///
    /// # Errors
    /// Postgres does not answer, or a statement in it failed; then it is undone.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        if self.connection.has_failed() {
            return Err(sqlx::Error::AnyDriverError(Box::new(Aborted)));
        }
        self.connection.bounded(PgTransactionManager::commit).await?;
        self.is_settled = true;
        Ok(())
    }

    /// Undoes it.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.connection.bounded(PgTransactionManager::rollback).await?;
        self.connection.forget_failure();
        self.is_settled = true;
        Ok(())
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            start_rollback(self.connection);
            self.connection.forget_failure();
        }
    }
}

impl Deref for Savepoint<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl DerefMut for Savepoint<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
    }
}

/// Sends a rollback along with whatever comes next on the connection, which may be its return to the pool.
fn start_rollback(connection: &mut Connection) {
    if let Some(bare) = connection.unbounded() {
        PgTransactionManager::start_rollback(bare);
    }
}
