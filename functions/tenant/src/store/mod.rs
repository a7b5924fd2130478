//! The SQL of tenants and what belongs to them: the only rows of this function's code that know tables.
//!
//! Every query of a tenant table names the tenant, although row-level security would stop it anyway.

pub(crate) mod api_keys;
pub(crate) mod delegations;
pub(crate) mod settings;
pub(crate) mod tasks;
pub(crate) mod tenants;
pub(crate) mod users;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeOwned, IntoDeserializer as _, value};
use shared::data::TenantTx;

/// The database's clock, by which keys end. A function's own may be off.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn database_clock(tx: &mut TenantTx) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#)
        .fetch_one(&mut **tx)
        .await
}

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
