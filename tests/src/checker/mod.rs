//! Holds what clients were told against what the database says afterwards, read as the superuser.
//!
//! Rows are compared with rows ([`rows`]), and each acknowledgement with the rows it speaks of ([`journal`]). What nobody
//! was told of may be there whole or not at all: the first comparison finds halves, the second finds rows that nobody
//! asked for.

mod approvals;
mod availability;
mod handlers;
mod journal;
mod people;
mod record;
mod rows;

pub use availability::{Around, check_availability};
pub use handlers::check_handlers;
pub use journal::check;
pub use rows::{RULES, broken_rows};

/// What was compared, and what was wrong.
#[derive(Debug, Default)]
pub struct Findings {
    /// How many comparisons of each kind were made.
    pub compared: std::collections::BTreeMap<&'static str, u64>,
    /// What contradicts what.
    pub wrong: Vec<String>,
}

impl Findings {
    fn compare(&mut self, kind: &'static str, holds: bool, otherwise: impl FnOnce() -> String) {
        *self.compared.entry(kind).or_default() += 1;
        if !holds {
            self.wrong.push(format!("{kind}: {}", otherwise()));
        }
    }
}
