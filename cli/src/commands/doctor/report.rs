//! What a check found, and how it is told.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::error::DatabaseError;

use crate::{
    exit::{Exit, Failure},
    output::Output,
    visible::visible,
};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// It serves, but not as well or as safely as it should.
    Warning,
    /// It does not serve, or does not keep what it promises.
    Failed,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What was looked at; several findings may share it.
    pub(super) name: &'static str,
    pub(super) status: Status,
    /// What was found, in one line. It may quote a server and is made visible when it is shown.
    pub(super) found: String,
    /// What to do about it, in one line with its command; `None` when there is nothing to do.
    pub(super) remedy: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    pub(super) fn warning(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Warning,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    pub(super) fn failed(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Failed,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// A check that the database broke off.
    pub(super) fn unanswered(name: &'static str, error: &sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        let remedy = match code.as_deref() {
            // lock_not_available, as lock_timeout says it.
            Some("55P03") => {
                "see who holds the lock with `SELECT pid, state, query FROM pg_stat_activity WHERE pid IN (SELECT pid FROM \
                 pg_locks WHERE granted AND mode = 'AccessExclusiveLock');`, and end one that is stuck with `SELECT \
                 pg_terminate_backend(<pid>);`"
            }
            // query_canceled, as statement_timeout says it.
            Some("57014") => {
                "see what keeps the server busy with `SELECT pid, state, query FROM pg_stat_activity;`, and run \
                 `countersign doctor` again"
            }
            _ => "look at the server's log, and run `countersign doctor` again",
        };
        Self::failed(name, format!("Postgres did not answer: {error}"), remedy)
    }

    /// A check that was not made, because of something that has to be mended first.
    pub(super) fn not_looked_at(name: &'static str, because: &str, first: &str) -> Self {
        Self::warning(
            name,
            format!("not looked at, because {because}"),
            format!("mend {first} first, then `countersign doctor`"),
        )
    }
}

/// Tells every check, then how many came out how. The exit is a failure when one of them failed.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn tell(checks: &[Check], output: Output) -> Result<Exit, Failure> {
    for check in checks {
        output.line(format_args!(
            "{:<9}{:<13}{}",
            check.status.word(),
            check.name,
            visible(&check.found)
        ))?;
        if let Some(remedy) = &check.remedy {
            output.line(format_args!("{:<9}-> {}", "", visible(remedy)))?;
        }
    }
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    output.line(format_args!(
        "\n{} ok, {} warning{}, {} failed",
        count(Status::Ok),
        count(Status::Warning),
        if count(Status::Warning) == 1 { "" } else { "s" },
        count(Status::Failed)
    ))?;
    output.value(&value(checks))?;
    let worst = checks.iter().map(|check| check.status).max();
    Ok(if worst == Some(Status::Failed) {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn value(checks: &[Check]) -> Value {
    let worst = checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok);
    json!({ "status": worst, "checks": checks })
}
