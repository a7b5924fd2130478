//! The journal as a whole: each part of it against its own rows.

use sqlx::PgPool;

use super::{Findings, approvals, people, record};
use crate::load::Entry;

/// Compares every entry of the journal with the database.
///
/// # Panics
/// The database does not answer.
pub async fn check(superuser: &PgPool, entries: &[Entry]) -> Findings {
    let mut findings = Findings::default();
    approvals::check(superuser, entries, &mut findings).await;
    record::check(superuser, entries, &mut findings).await;
    people::check(superuser, entries, &mut findings).await;
    findings
}
