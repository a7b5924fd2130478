//! The only door to tenant tables: a transaction that carries its tenant.

use std::{
    fmt::Write as _,
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, PgConnection, PgPool, Postgres, SqlSafeStr as _, pool::PoolConnection,
    postgres::PgTransactionManager,
};
// sqlx's own `Transaction` does not give the connection back when `BEGIN` fails, and so cannot be told to close it.
use sqlx_core::transaction::TransactionManager as _;
use uuid::Uuid;

/// Whose rows a transaction may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantScope {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person, for what is theirs alone (`user_settings`).
    pub user_id: Option<Uuid>,
}

/// A transaction within one tenant. Rolled back when dropped; nothing it set outlives it.
pub struct TenantTx {
    connection: PoolConnection<Postgres>,
    tenant_id: Uuid,
    open: bool,
}

impl TenantTx {
    /// `BEGIN` and the context in one simple-protocol message: one round trip instead of two.
    ///
    /// Only typed UUIDs and numbers are written into it. The statement timeout is set here as well, because as a startup
    /// parameter it would not pass a transaction-pooling proxy.
    pub(super) async fn begin(
        pool: &PgPool,
        scope: TenantScope,
        statement_timeout: Duration,
    ) -> Result<Self, sqlx::Error> {
        let mut statement = format!(
            "BEGIN; SELECT set_config('app.tenant_id', '{}', true), set_config('statement_timeout', '{}', true)",
            scope.tenant_id,
            statement_timeout.as_millis()
        );
        if let Some(user_id) = scope.user_id {
            let _ = write!(statement, ", set_config('app.user_id', '{user_id}', true)");
        }
        let mut unfinished = Unfinished(Some(pool.acquire().await?));
        if let Some(connection) = unfinished.0.as_mut() {
            PgTransactionManager::begin(connection, Some(AssertSqlSafe(statement).into_sql_str())).await?;
        }
        let connection = unfinished.0.take().ok_or(sqlx::Error::BeginFailed)?;
        Ok(Self {
            connection,
            tenant_id: scope.tenant_id,
            open: true,
        })
    }

    /// The tenant this transaction is in.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    /// Makes everything written in it true.
    ///
    /// # Errors
    /// Postgres could not; then whether it is true is unknown to us, and the caller must answer 503.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        let outcome = PgTransactionManager::commit(&mut self.connection).await;
        self.open = false;
        if outcome.is_err() {
            self.connection.close_on_drop();
        }
        outcome
    }
}

impl Drop for TenantTx {
    fn drop(&mut self) {
        if self.open {
            PgTransactionManager::start_rollback(&mut self.connection);
        }
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// A connection whose `BEGIN` has not been answered. Dropped in that state, by an error or a cancelled request, it may sit
/// in an aborted transaction, and sqlx 0.9.0 would hand it to the next request as it is; so it is closed.
struct Unfinished(Option<PoolConnection<Postgres>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(connection) = self.0.as_mut() {
            connection.close_on_drop();
        }
    }
}
