//! What two or more of Countersign's functions need, in few rooms.
//!
//! No business domain lives here but the two appenders every domain writes through (`journal`); a rule that only one
//! function needs belongs to that function.

pub mod auth;
pub mod config;
pub mod context;
pub mod data;
pub mod http;
pub mod journal;
pub mod lambda;
pub mod presentation;
pub mod secrets;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttle;
