//! Clients of several tenants who do all at once what clients do, retry what clients would retry, and write down what they
//! were told.
//!
//! What is true in the end is not judged here: see [`crate::checker`]. Only what an answer says by itself is.

mod acts;
mod board;
mod cast;
mod chores;
mod dice;
mod journal;
mod key_story;
mod sender;
mod tickets;

pub use acts::Client;
pub use board::Board;
pub use cast::{Cast, Key, OPERATOR};
pub use dice::Dice;
pub use journal::{Entry, Journal, Operation, Outcome};
pub use sender::{Sender, envelope_mistake};
pub use tickets::Tickets;
