//! The SQL of tenants and what belongs to them: the only rows of this function's code that know tables.
//!
//! Every query of a tenant table names the tenant, although row-level security would stop it anyway.

pub(crate) mod api_keys;
pub(crate) mod settings;
pub(crate) mod tasks;
pub(crate) mod tenants;
pub(crate) mod users;

use serde::de::{DeserializeOwned, IntoDeserializer as _, value};

/// A known name from a text column. The columns' constraints know the same names.
fn known<T: DeserializeOwned>(name: &str) -> Result<T, sqlx::Error> {
    T::deserialize(name.into_deserializer()).map_err(|error: value::Error| sqlx::Error::Decode(Box::new(error)))
}

/// Whether a statement failed because a row would have broken this constraint or unique index.
pub(crate) fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.constraint() == Some(constraint))
}
