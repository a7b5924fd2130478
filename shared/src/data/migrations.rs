//! The migrations, built into every binary, and how a database stands against them.

use sqlx::migrate::Migrator;

use super::Connections;

/// The reversible migrations of `migrations/`, in the form that `sqlx migrate` also understands.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// How the database stands against the migrations this binary was built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Every one of ours is applied. There may be newer ones: migrations expand before they contract.
    Current,
    /// This many of ours are not applied.
    Behind(usize),
}

/// Compares the applied migrations with ours.
///
/// # Errors
/// The database does not answer, or was never migrated.
pub async fn migration_state(connections: &Connections) -> Result<MigrationState, sqlx::Error> {
    let applied = sqlx::query_scalar!("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(connections)
        .await?;
    let missing = MIGRATOR
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration() && !applied.contains(&migration.version))
        .count();
    Ok(if missing == 0 {
        MigrationState::Current
    } else {
        MigrationState::Behind(missing)
    })
}
