//! How much of something one party may take: requests of a key, guesses at a secret.
//!
//! The rule is GCRA, the generic cell rate algorithm (ITU-T I.371), which needs one number a party. Redis keeps it, so that
//! all processes count together; while Redis does not answer each counts for itself, which is less strict and never
//! stricter. What is limited, and what the limited one is told, is not decided here.

#[cfg(all(test, feature = "testing"))]
mod agreement;
mod gcra;
mod limiter;

pub use gcra::{Allowance, Rate};
pub use limiter::Limiter;
