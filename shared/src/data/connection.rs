//! Connections to Postgres on which every wait has an end.
//!
//! The statement timeout is kept by the server, and a server that has vanished keeps nothing: TCP gives up after a
//! quarter of an hour, and all the while a pool of one would have no connection. So this side counts as well, and closes
//! a connection whose answer did not come, since whatever it said later would be taken for the answer to something else.

use std::{fmt, io, sync::Arc, time::Duration};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Either, Error, Execute, Executor, PgConnection, Postgres, SqlStr,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use sqlx_core::describe::Describe;
use tokio::time::timeout;

use super::stock::{Stock, Taken};

/// Postgres did not answer for as long as this side was ready to wait.
pub(super) fn overdue() -> Error {
    Error::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        "Postgres did not answer in time",
    ))
}

/// A pool of [`Connection`]s. As an executor it runs each statement on one of them.
#[derive(Clone)]
pub struct Connections {
    stock: Arc<Stock>,
    patience: Duration,
}

impl Connections {
    /// Connections that wait for `patience` at most for any one answer.
    pub(super) fn new(stock: Stock, patience: Duration) -> Self {
        Self {
            stock: Arc::new(stock),
            patience,
        }
    }

    /// The same connections with another patience.
    pub(super) fn with_patience(&self, patience: Duration) -> Self {
        Self {
            patience,
            ..self.clone()
        }
    }

    /// A connection, for as long as it is kept.
    ///
    /// # Errors
    /// None could be had within `DATABASE_ACQUIRE_TIMEOUT_MS`.
    pub async fn acquire(&self) -> Result<Connection, Error> {
        Ok(Connection {
            taken: Some(self.stock.take().await?),
            stock: Arc::clone(&self.stock),
            patience: self.patience,
            is_busy: false,
            is_spoiled: false,
            has_failed: false,
        })
    }

    /// Returns when no connection is on its way back.
    pub(super) async fn all_returned(&self) {
        self.stock.all_returned().await;
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connections").finish_non_exhaustive()
    }
}

/// A connection on which every answer is waited for in bounded time. It goes back to its pool when dropped, or is closed
/// when it is no longer sound.
pub struct Connection {
    /// There until it is dropped.
    taken: Option<Taken>,
    stock: Arc<Stock>,
    patience: Duration,
    /// Something was asked and not heard to the end, or is still to be sent.
    is_busy: bool,
    is_spoiled: bool,
    /// A statement failed, and with it whatever transaction it was in.
    has_failed: bool,
}

impl Connection {
    /// Waits for what `ask` asks of the connection.
    pub(super) async fn bounded<'c, T, F>(&'c mut self, ask: impl FnOnce(&'c mut PgConnection) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + 'c,
    {
        let (connection, mut judge) = self.parts()?;
        // Boxed, as above.
        let answer = timeout(judge.patience, Box::pin(ask(connection))).await;
        let answer = answer.unwrap_or_else(|_| Err(overdue())).inspect_err(|error| {
            judge.note(error);
        });
        judge.heard();
        answer
    }

    /// Closes it, rather than giving it back, when it is dropped.
    pub(super) fn spoil(&mut self) {
        self.is_spoiled = true;
    }

    /// Whether a statement failed, so that the transaction it was in cannot be committed.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// What failed was undone; unless even that is unknown.
    pub(super) fn forget_failure(&mut self) {
        self.has_failed = self.is_spoiled;
    }

    /// The bare connection, for what does not wait and is sent along with what comes next.
    pub(super) fn unbounded(&mut self) -> Option<&mut PgConnection> {
        self.is_busy = true;
        self.taken.as_deref_mut()
    }

    fn parts(&mut self) -> Result<(&mut PgConnection, Judge<'_>), Error> {
        self.is_busy = true;
        let judge = Judge {
            patience: self.patience,
            is_busy: &mut self.is_busy,
            is_spoiled: &mut self.is_spoiled,
            has_failed: &mut self.has_failed,
        };
        let connection = self.taken.as_deref_mut().ok_or(Error::PoolClosed)?;
        Ok((connection, judge))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else {
            return;
        };
        if self.is_spoiled {
            taken.close();
        } else if self.is_busy || self.has_failed {
            self.stock.give_back(taken);
        } else {
            self.stock.keep(taken);
        }
    }
}

/// What errors mean for the connection they came from.
struct Judge<'c> {
    patience: Duration,
    is_busy: &'c mut bool,
    is_spoiled: &'c mut bool,
    has_failed: &'c mut bool,
}

impl Judge<'_> {
    /// What was asked was answered to its end.
    fn heard(&mut self) {
        *self.is_busy = false;
    }

    fn note(&mut self, error: &Error) {
        *self.has_failed = true;
        let is_read_only = |error: &dyn sqlx::error::DatabaseError| error.code().as_deref() == Some("25006");
        *self.is_spoiled |= match error {
            Error::Io(_) | Error::Protocol(_) | Error::Tls(_) => true,
            // After a fail-over this one still leads to the former primary.
            Error::Database(database) => is_read_only(&**database),
            _ => false,
        };
    }
}

type Step = Either<PgQueryResult, PgRow>;

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, judge) = match self.parts() {
            Ok(parts) => parts,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let steps = connection.fetch_many(query);
        stream::unfold(Some((steps, judge)), |going_on| async move {
            let (mut steps, mut judge) = going_on?;
            // Each step by itself, so that a reader who takes long between two of them is not blamed on the server.
            match timeout(judge.patience, steps.next()).await {
                Ok(None) => {
                    judge.heard();
                    None
                }
                Ok(Some(Ok(step))) => Some((Ok(step), Some((steps, judge)))),
                Ok(Some(Err(error))) => {
                    judge.note(&error);
                    Some((Err(error), Some((steps, judge))))
                }
                Err(_) => {
                    let error = overdue();
                    judge.note(&error);
                    Some((Err(error), None))
                }
            }
        })
        .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(self.bounded(|connection| connection.fetch_optional(query)))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        Box::pin(self.bounded(move |connection| connection.prepare_with(sql, parameters)))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        Box::pin(self.bounded(|connection| connection.describe(sql)))
    }
}

impl<'p> Executor<'p> for &'p Connections {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        // Whole before the first step is handed out, since the connection cannot live in the stream that borrows it. What
        // is read here is a page at most.
        let steps = async move {
            let mut connection = self.acquire().await?;
            let steps: Vec<Step> = connection.fetch_many(query).try_collect().await?;
            Ok::<_, Error>(stream::iter(steps.into_iter().map(Ok)))
        };
        stream::once(steps).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move { self.acquire().await?.fetch_optional(query).await })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.describe(sql).await })
    }
}
