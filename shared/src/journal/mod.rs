//! The two appenders every domain writes through: the audit log and the outbox.
//!
//! A state change, its audit event and its outbox event are written in one transaction. Here stands how such rows are
//! made, hashed and stored; which events a domain writes, and when, is that domain's own business and may not enter.

pub mod audit_log;
mod canonical;
pub mod disclosure;
pub mod entry;
mod event;
pub mod outbox;
mod prepared;
pub mod redaction;
mod spill;
mod store;
