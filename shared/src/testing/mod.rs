//! What tests need of the real servers: a database of their own, seeded tenants, a clock they own, a client of a
//! router, a proxy that fails on command, and waits with an end. Only under the feature `testing`, which no deployed binary enables.
//!
//! Every test that starts a stack gets its own database, copied from a migrated template, and drops it at its end, when it
//! has been looked through for credentials.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot set itself up has failed"
)]

mod client;
mod clock;
mod database;
mod events;
mod fault_proxy;
mod leftovers;
mod log;
mod proxied;
mod snapshot;
mod stack;
mod tenants;
mod waiting;

pub use client::{Answer, TestClient, TestRequest};
pub use clock::TestClock;
pub use database::{TestDatabase, migrate};
pub use events::undecodable_events;
pub use fault_proxy::{FaultProxy, ProxyMode, ProxyTraffic};
pub use log::TestLog;
pub use proxied::ProxiedStack;
pub use snapshot::Snapshot;
pub use stack::{TestStack, context_without_servers, redis_database};
pub use tenants::{TestKey, TestTenant};
pub use waiting::{poll_until, times};
