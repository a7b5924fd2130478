#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod bundle;
pub mod canonical;
pub mod checkpoint;
pub mod disclosure;
mod encoding;
pub mod entry;
pub mod note;
pub mod timestamp;
pub mod tlog_proof;
pub mod tree;
