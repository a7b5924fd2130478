//! What benchmarks share: a wire that counts round trips and hears what the server executes, and pgbench, which plays it again
//! as fast as Postgres can. What is measured stands in `benches/`, one folder a question.
//!
//! A benchmark measures the product and a peer in the same run on the same servers, and prints both; nothing here asserts a
//! time.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a benchmark that cannot set itself up has nothing to say"
)]

pub mod pgbench;
pub mod wire;
