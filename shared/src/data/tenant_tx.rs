//! The only door to tenant tables: a transaction that carries its tenant.

use std::{
    fmt::Write as _,
    ops::{Deref, DerefMut},
    time::Duration,
};

use uuid::Uuid;

use super::{Connection, Connections, Transaction};

/// Whose rows a transaction may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantScope {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person, for what is theirs alone (`user_settings`).
    pub user_id: Option<Uuid>,
}

impl TenantScope {
    /// The tenant, and nobody in particular.
    #[must_use]
    pub fn of(tenant_id: Uuid) -> Self {
        Self {
            tenant_id,
            user_id: None,
        }
    }
}

/// A transaction within one tenant. Rolled back when dropped; nothing it set outlives it.
pub struct TenantTx {
    tx: Transaction,
    tenant_id: Uuid,
}

impl TenantTx {
    /// `BEGIN` and the context in one simple-protocol message: one round trip instead of two.
    ///
    /// Only typed UUIDs and numbers are written into it. The timeouts are set here as well, because as startup parameters
    /// they would not pass a transaction-pooling proxy; the idle one frees the locks of an environment that was frozen
    /// in the middle.
    pub(super) async fn begin(
        connections: &Connections,
        scope: TenantScope,
        statement_timeout: Duration,
    ) -> Result<Self, sqlx::Error> {
        let mut statement = format!(
            "BEGIN; SELECT set_config('app.tenant_id', '{}', true), set_config('statement_timeout', '{timeout}', true), \
             set_config('idle_in_transaction_session_timeout', '{timeout}', true)",
            scope.tenant_id,
            timeout = statement_timeout.as_millis()
        );
        if let Some(user_id) = scope.user_id {
            let _ = write!(statement, ", set_config('app.user_id', '{user_id}', true)");
        }
        Ok(Self {
            tx: Transaction::begin_with(connections, statement).await?,
            tenant_id: scope.tenant_id,
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
    /// As [`Transaction::commit`].
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }
}

impl Deref for TenantTx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.tx
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.tx
    }
}
