//! What is due: events to hand on, deliveries to attempt, approvals to expire, and the upkeep of the tables.
//!
//! The schedule calls [`sweep`], which takes turns until its time is over; [`run_once`] is one turn. Everything here acts
//! as the database role `countersign_sweeper`, across tenants, and any number of sweeps may overlap.

mod deliver;
mod expire;
mod fan_out;
mod handlers;
mod housekeeping;
mod schedule;
mod store;
mod sweep;

pub use handlers::{Event, Failure, Handler, Handlers};
pub use sweep::{Summary, Sweep, Turn, run_once, sweep};
