//! A transaction on a pooled connection, safe to drop at any moment.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, PgConnection, PgPool, Postgres, SqlSafeStr as _, pool::PoolConnection,
    postgres::PgTransactionManager,
};
// sqlx 0.9.0's own `Transaction` gives the connection back as it is when `BEGIN` fails or its future is dropped. The next
// request on that connection would then be inside a transaction that nobody commits, or in an aborted one.
use sqlx_core::transaction::TransactionManager as _;

/// An open transaction, rolled back when dropped.
pub struct Transaction {
    connection: PoolConnection<Postgres>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// What the server thinks is unknown: `BEGIN` or `COMMIT` has no good answer.
    Unknown,
    Open,
    Committed,
}

impl Transaction {
    /// Begins without a tenant, with the same two timeouts that a tenant's transaction has, for the same reasons.
    pub(super) async fn begin(pool: &PgPool, statement_timeout: Duration) -> Result<Self, sqlx::Error> {
        let timeout = statement_timeout.as_millis();
        let statement = format!(
            "BEGIN; SELECT set_config('statement_timeout', '{timeout}', true), \
             set_config('idle_in_transaction_session_timeout', '{timeout}', true)"
        );
        Self::begin_with(pool, statement).await
    }

    /// Begins with a statement that leaves the connection in a transaction.
    pub(super) async fn begin_with(pool: &PgPool, statement: String) -> Result<Self, sqlx::Error> {
        let mut tx = Self {
            connection: pool.acquire().await?,
            state: State::Unknown,
        };
        PgTransactionManager::begin(&mut tx.connection, Some(AssertSqlSafe(statement).into_sql_str())).await?;
        tx.state = State::Open;
        Ok(tx)
    }

    /// Makes everything written in it true.
    ///
    /// # Errors
    /// Postgres could not; then whether it is true is unknown to us, and the caller must answer 503.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.state = State::Unknown;
        PgTransactionManager::commit(&mut self.connection).await?;
        self.state = State::Committed;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        match self.state {
            State::Committed => {}
            State::Open => PgTransactionManager::start_rollback(&mut self.connection),
            State::Unknown => self.connection.close_on_drop(),
        }
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
