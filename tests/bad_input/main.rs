//! Bad input on every route and in every field, through the router and as events of the gateway: always the contract's
//! envelope, never a server error, and nothing changed by what was refused.
//!
//! Routes, fields and their rules come from the API description, so that new ones are covered by themselves.
#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

mod bodies;
mod cursors;
mod doors;
mod events;
mod fields;
mod headers;
mod paths;
mod queries;
mod stage;
