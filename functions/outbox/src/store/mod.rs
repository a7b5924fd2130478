//! The sweep's SQL. Its role has policies across tenants, so these queries run without a tenant context.
//!
//! Leases, due times and deadlines are compared with the database's clock alone: sweeps run on several machines. Due
//! times are compared with `now()`, which an index can serve and which only errs towards later.

pub(crate) mod approvals;
pub(crate) mod clock;
pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod upkeep;
