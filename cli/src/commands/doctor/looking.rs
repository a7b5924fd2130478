//! How doctor looks into Postgres: through whichever login stands, in a transaction that can change nothing, and never
//! longer than a bound. What is looked at stands in the files beside this one.

use std::{io, time::Duration};

use sqlx::PgConnection;
use tokio::time::timeout;

use super::{logins::Login, report::Check};

/// Bounds each statement and each wait for a lock on the server, and for this transaction only: a pooler may hand the
/// connection to somebody else afterwards. Somebody may hold a lock for hours, and that is to be told.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '2s'";
/// For a whole look, over all its statements: a server that froze keeps no timeout of its own.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection, who logged in, and which database of which server it is to.
pub(super) struct Connected {
    pub(super) login: &'static Login,
    pub(super) connection: PgConnection,
    pub(super) database: String,
}

/// The logins that stand, those with the most rights first.
#[derive(Default)]
pub(super) struct Connections(Vec<Connected>);

impl Connections {
    pub(super) fn add(&mut self, connected: Connected) {
        self.0.push(connected);
    }

    /// The one that the others must lead to the same database as.
    pub(super) fn first(&self) -> Option<&Connected> {
        self.0.first()
    }

    /// Looks through the first of `logins` that stands.
    ///
    /// # Errors
    /// What there is to tell instead: a warning where none stands, a failure where Postgres broke the look off or did not
    /// answer in time. A connection that did not answer stands no longer.
    pub(super) async fn look<T>(
        &mut self,
        name: &'static str,
        logins: &[&'static Login],
        look: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Check> {
        let stands = |login: &Login| self.0.iter().position(|connected| connected.login.role == login.role);
        let Some(place) = logins.iter().find_map(|login| stands(login)) else {
            let wanted: Vec<_> = logins.iter().map(|login| login.name).collect();
            let because = match &wanted[..] {
                [one] => format!("the login {one} does not stand"),
                several => format!("none of the logins {} stands", several.join(", ")),
            };
            return Err(Check::not_looked_at(name, &because, "the logins"));
        };
        let seen = bounded(&mut self.0[place].connection, look).await;
        if let Err(sqlx::Error::Io(_)) = &seen {
            self.0.remove(place);
        }
        seen.map_err(|error| Check::unanswered(name, &error))
    }
}

/// Looks in a transaction that changes nothing and ends in time.
///
/// # Errors
/// Postgres does not answer, or not in time; then an answer may still be under way, and the connection is of no more use.
pub(super) async fn bounded<T>(
    connection: &mut PgConnection,
    look: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, sqlx::Error> {
    let whole = async {
        sqlx::raw_sql(BEGIN).execute(&mut *connection).await?;
        let seen = look(connection).await;
        sqlx::raw_sql("ROLLBACK").execute(connection).await?;
        seen
    };
    timeout(PATIENCE, whole).await.unwrap_or_else(|_| Err(too_late()))
}

/// What took longer than it may.
pub(super) fn too_late() -> sqlx::Error {
    sqlx::Error::Io(io::ErrorKind::TimedOut.into())
}
