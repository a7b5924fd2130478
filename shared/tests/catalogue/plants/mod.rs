//! What is planted for the rules to find: the violations, with the rule that must find each.

mod guards;
mod kinds;
mod rights;
mod roles;
mod rows;

/// What was planted, the rule that must find it, and the object it must name.
pub(crate) struct Plant {
    pub(crate) rule: &'static str,
    pub(crate) sql: &'static str,
    pub(crate) object: &'static str,
    pub(crate) mend: Mend,
}

/// What the remedy is.
#[derive(PartialEq, Eq)]
pub(crate) enum Mend {
    /// Statements that, run as they are, mend it.
    Runs,
    /// Begins with a statement; the rest has to be decided by a person.
    ByHand,
}

const fn plant(rule: &'static str, sql: &'static str, object: &'static str) -> Plant {
    Plant {
        rule,
        sql,
        object,
        mend: Mend::Runs,
    }
}

const fn by_hand(rule: &'static str, sql: &'static str, object: &'static str) -> Plant {
    Plant {
        rule,
        sql,
        object,
        mend: Mend::ByHand,
    }
}

/// Roles are made and never altered: other tests use the product's own at the same time. `planted` is one of ours by its
/// name, `stranger` is not. Everything is rolled back.
pub(crate) const ROLES: &str = "CREATE ROLE countersign_planted; CREATE ROLE stranger_to_countersign";

/// Every plant.
pub(crate) fn all() -> impl Iterator<Item = &'static Plant> {
    [
        rows::PLANTS,
        rights::PLANTS,
        guards::PLANTS,
        kinds::PLANTS,
        roles::PLANTS,
    ]
    .into_iter()
    .flatten()
}
