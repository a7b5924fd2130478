//! The rules that hold tenants apart, asked of a live database's catalogue.
//!
//! A rule is one query under `rules/` that returns what offends, each with the statement that mends it. What is
//! legitimate all the same, and what must be there, is named in that query, as data, with its reason: a migration that adds
//! a right or a guard adds it there too. Rules look at every schema but those of Postgres itself, and leave alone what an
//! extension brought. Nothing here changes anything, and no query over rows may enter.

mod rules;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

pub use rules::RULES;

/// One rule: what must hold of every object, and why.
pub struct Rule {
    /// Its name, that of its query.
    pub name: &'static str,
    /// What it prevents, in one sentence.
    pub why: &'static str,
    look: fn(&mut PgConnection) -> Looking<'_>,
}

/// A rule's query on its way.
type Looking<'c> = BoxFuture<'c, Result<Vec<Found>, sqlx::Error>>;

/// An object that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offence {
    /// The rule it breaks.
    pub rule: &'static str,
    /// The object, as SQL names it, with what is wrong about it where the rule has more than one way to be broken.
    pub object: String,
    /// The statement that mends it, for a superuser or the migrator.
    pub remedy: String,
}

/// A row of a rule's query.
struct Found {
    object: String,
    remedy: String,
}

/// Asks the catalogue of the connection's database for everything that breaks a rule. On a product that stands as it was
/// migrated the answer is empty.
///
/// Any role may ask: the catalogue is readable to all.
///
/// # Errors
/// Postgres does not answer.
pub async fn lint(connection: &mut PgConnection) -> Result<Vec<Offence>, sqlx::Error> {
    let mut offences = Vec::new();
    for rule in &RULES {
        let found = (rule.look)(connection).await?;
        offences.extend(found.into_iter().map(|Found { object, remedy }| Offence {
            rule: rule.name,
            object,
            remedy,
        }));
    }
    Ok(offences)
}
