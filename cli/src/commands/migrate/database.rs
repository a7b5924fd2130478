//! The connection migrations run on, and what has to hold before one of them does.

use std::{
    collections::HashSet,
    fmt,
    str::FromStr as _,
    time::{Duration, Instant},
};

use secrecy::ExposeSecret as _;
use serde::Serialize;
use shared::{
    config::Config,
    data::{MIGRATOR, is_unavailable},
    secrets::Secrets,
};
use sqlx::{
    ConnectOptions as _, PgConnection,
    error::DatabaseError,
    migrate::{Migrate as _, MigrateError, Migration},
    postgres::PgConnectOptions,
};

use crate::{exit::Failure, migrations::ups, output::Output, place::place};

/// The table of `sqlx migrate`.
pub(super) const TABLE: &str = "_sqlx_migrations";

/// How long a server that is starting is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);

/// Connects as the role that may change the schema. A server that is just starting is waited for.
pub(super) async fn connect(output: Output) -> Result<PgConnection, Failure> {
    let config = Config::from_env().map_err(|errors| Failure::usage(errors.to_string()))?;
    let secrets = Secrets::from_config(&config).await;
    let url = secrets
        .get_secret("database", "admin_url")
        .await
        .map_err(|error| Failure::usage(error.to_string()))?;
    // sqlx's message may quote the URL, and with it the password.
    let options = PgConnectOptions::from_str(url.expose_secret())
        .map_err(|_| Failure::usage("the URL of the database (ADMIN_DATABASE_URL) is not a Postgres URL"))?
        .application_name("countersign migrate");

    let give_up = Instant::now() + PATIENCE;
    let mut is_told = false;
    loop {
        let left = give_up.saturating_duration_since(Instant::now()).max(PAUSE);
        let error = match tokio::time::timeout(left, options.connect()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        };
        if !may_pass(&error) || Instant::now() >= give_up {
            return Err(Failure::unavailable(format!(
                "{} does not take us: {error}",
                place(&options)
            )));
        }
        if !is_told {
            output.note(format_args!("waiting for {}", place(&options)));
            is_told = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A wrong password or a database that does not exist stays so.
fn may_pass(error: &sqlx::Error) -> bool {
    let is_final = error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| code.starts_with("28") || code == "3D000");
    is_unavailable(error) && !is_final
}

/// The lock under which one process at a time migrates. Released with the connection.
///
/// Returns the versions that are applied, once it is sure that they are ours.
///
/// # Errors
/// The applied migrations are not the ones built in here.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<HashSet<i64>, Failure> {
    connection.lock().await.map_err(failed)?;
    connection.ensure_migrations_table(TABLE).await.map_err(failed)?;
    if let Some(version) = connection.dirty_version(TABLE).await.map_err(failed)? {
        return Err(failed(MigrateError::Dirty(version)));
    }
    let applied = connection.list_applied_migrations(TABLE).await.map_err(failed)?;
    for done in &applied {
        match ups().find(|migration| migration.version == done.version) {
            None => return Err(failed(MigrateError::VersionMissing(done.version))),
            Some(known) if known.checksum != done.checksum => {
                return Err(failed(MigrateError::VersionMismatch(done.version)));
            }
            Some(_) => {}
        }
    }
    Ok(applied.into_iter().map(|done| done.version).collect())
}

/// The migrations that go back, newest first.
pub(super) fn downs() -> impl Iterator<Item = &'static Migration> {
    MIGRATOR
        .iter()
        .rev()
        .filter(|migration| migration.migration_type.is_down_migration())
}

/// Checks that a version on the command line is one of ours.
///
/// # Errors
/// It is not.
pub(super) fn known(version: i64) -> Result<i64, Failure> {
    if MIGRATOR.version_exists(version) {
        return Ok(version);
    }
    Err(Failure::usage(format!(
        "there is no migration {version}; `countersign migrate status` lists them"
    )))
}

/// One migration that was applied or reverted.
#[derive(Serialize)]
pub(super) struct Step {
    version: i64,
    description: &'static str,
    elapsed_ms: u64,
}

impl Step {
    pub(super) fn new(migration: &'static Migration, elapsed: Duration) -> Self {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Self {
            version: migration.version,
            description: &migration.description,
            elapsed_ms,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {} ({} ms)",
            self.version, self.description, self.elapsed_ms
        )
    }
}

/// What went wrong, in a sentence that says what to do.
pub(super) fn failed(error: MigrateError) -> Failure {
    match error {
        MigrateError::VersionMissing(version) => Failure::failed(format!(
            "the database has the migration {version}, which this program does not know; use the program that made it"
        )),
        MigrateError::VersionMismatch(version) => Failure::failed(format!(
            "the migration {version} is not the one that was applied to this database; it was changed since, which is only \
             done before a first release: make the database anew (that of `make dev` with `make reset`)"
        )),
        MigrateError::Execute(error) if is_unavailable(&error) => Failure::unavailable(error.to_string()),
        MigrateError::ExecuteMigration(error, version) => Failure::failed(format!(
            "the migration {version} failed and left nothing behind: {error}"
        )),
        error => Failure::failed(error.to_string()),
    }
}
