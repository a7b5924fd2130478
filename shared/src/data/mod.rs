//! The two stores: Postgres, which is the truth, and Redis, which is not.
//!
//! Connections, the tenant transaction, the cache and the rules over the catalogue live here. No query of any domain may
//! enter; those are in each function's `store`.

mod cache;
pub mod catalogue;
mod connection;
mod migrations;
mod pool;
mod stock;
mod tenant_tx;
mod transaction;

pub use cache::{Cache, CacheError, Subscription, Ttl};
pub use connection::{Connection, Connections};
pub use migrations::{MIGRATOR, MigrationState, migration_state};
pub use pool::{Database, DatabaseUrlError, is_unavailable};
pub use tenant_tx::{TenantScope, TenantTx};
pub use transaction::{Savepoint, Transaction};
