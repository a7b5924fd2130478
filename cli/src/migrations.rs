//! The migrations built in, and how those of a database compare.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{data::MIGRATOR, http::timestamp};
use sqlx::{PgConnection, migrate::Migration};

/// The migrations that go forward, oldest first.
pub(crate) fn ups() -> impl Iterator<Item = &'static Migration> {
    MIGRATOR
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration())
}

/// How one migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    /// As built in here.
    Applied,
    /// Not yet.
    Pending,
    /// Applied in another form than the one built in here.
    Changed,
    /// Applied by a program that knows more than this one.
    Unknown,
    /// Begun and not finished.
    Failed,
}

/// One migration, and how it stands.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) version: i64,
    pub(crate) description: Cow<'static, str>,
    pub(crate) state: State,
    #[serde(with = "timestamp::option")]
    pub(crate) applied_at: Option<DateTime<Utc>>,
}

struct Applied {
    description: String,
    installed_on: DateTime<Utc>,
    success: bool,
    checksum: Vec<u8>,
}

/// Compares what is applied with what is built in; oldest first. Changes nothing.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn compared(connection: &mut PgConnection) -> Result<Vec<Line>, sqlx::Error> {
    Ok(compare(list_applied(connection).await?))
}

fn compare(mut applied: BTreeMap<i64, Applied>) -> Vec<Line> {
    let mut lines: Vec<Line> = ups()
        .map(|migration| {
            let done = applied.remove(&migration.version);
            let state = match &done {
                None => State::Pending,
                Some(done) if !done.success => State::Failed,
                Some(done) if done.checksum != *migration.checksum => State::Changed,
                Some(_) => State::Applied,
            };
            let description = migration.description.clone();
            Line {
                version: migration.version,
                description,
                state,
                applied_at: done.map(|done| done.installed_on),
            }
        })
        .collect();
    lines.extend(applied.into_iter().map(|(version, done)| Line {
        version,
        description: done.description.into(),
        state: if done.success { State::Unknown } else { State::Failed },
        applied_at: Some(done.installed_on),
    }));
    lines.sort_by_key(|line| line.version);
    lines
}

async fn list_applied(connection: &mut PgConnection) -> Result<BTreeMap<i64, Applied>, sqlx::Error> {
    // To look must not create the table, as `up` does.
    let exists = sqlx::query_scalar!(r#"SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS "exists!""#)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query!("SELECT version, description, installed_on, success, checksum FROM _sqlx_migrations")
        .fetch_all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (description, installed_on) = (row.description, row.installed_on);
            (
                row.version,
                Applied {
                    description,
                    installed_on,
                    success: row.success,
                    checksum: row.checksum,
                },
            )
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_told_apart() {
        let known: Vec<_> = ups().collect();
        let row = |checksum: &[u8], success| Applied {
            description: "some".to_owned(),
            installed_on: DateTime::UNIX_EPOCH,
            success,
            checksum: checksum.to_vec(),
        };
        let applied = BTreeMap::from([
            (known[0].version, row(&known[0].checksum, true)),
            (known[1].version, row(b"other", true)),
            (known[2].version, row(&known[2].checksum, false)),
            (9_999, row(b"", true)),
            (i64::MAX, row(b"", false)),
        ]);
        let lines = compare(applied);
        let state = |version: i64| lines.iter().find(|line| line.version == version).map(|line| line.state);
        assert_eq!(state(known[0].version), Some(State::Applied));
        assert_eq!(state(known[1].version), Some(State::Changed));
        assert_eq!(state(known[2].version), Some(State::Failed));
        assert_eq!(state(known[3].version), Some(State::Pending));
        assert_eq!(state(9_999), Some(State::Unknown));
        assert_eq!(state(i64::MAX), Some(State::Failed));
        assert!(lines.windows(2).all(|pair| pair[0].version < pair[1].version));
    }
}
