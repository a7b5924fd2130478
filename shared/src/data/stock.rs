//! The connections there are: those of the pool, and those that were let go of in good order and can be used again as they are.
//!
//! The pool pings every connection that comes back to it, which would be a round trip for each transaction and each read outside of
//! one. What is kept here is still the pool's: it counts among its connections, and goes back when somebody waits there.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{Error, PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::{runtime::Handle, sync::Notify, time::timeout};

/// How long a connection may take to come back to its pool: a rollback and a ping.
const MOST_RETURNING: Duration = Duration::from_secs(1);

/// How long a connection may stay away from its pool, which closes those that are old or idle.
const MOST_AWAY: Duration = Duration::from_mins(1);

/// Where connections are taken from and brought back to.
pub(super) struct Stock {
    pool: PgPool,
    /// Unused for longer than this, a connection is looked at by the pool before it is used.
    idle_check: Duration,
    kept: Mutex<Kept>,
    returns: Arc<Returns>,
}

/// A connection in use.
pub(super) struct Taken {
    pooled: PoolConnection<Postgres>,
    /// When it left the pool.
    away_since: Instant,
}

/// Those that are at hand.
#[derive(Default)]
struct Kept {
    free: Vec<Idle>,
    /// How many wait for a connection from the pool. Counted under the lock under which connections are kept, so that none is
    /// kept while somebody waits.
    waiting: usize,
}

struct Idle {
    taken: Taken,
    since: Instant,
}

impl Stock {
    /// That of this pool, which looks at connections that idled for `idle_check`.
    pub(super) fn new(pool: PgPool, idle_check: Duration) -> Self {
        Self {
            pool,
            idle_check,
            kept: Mutex::default(),
            returns: Arc::default(),
        }
    }

    /// A connection that is at hand, or one from the pool.
    ///
    /// # Errors
    /// None could be had within `DATABASE_ACQUIRE_TIMEOUT_MS`.
    pub(super) async fn take(&self) -> Result<Taken, Error> {
        let _waiting = match self.take_or_wait() {
            Ok(taken) => return Ok(taken),
            Err(waiting) => waiting,
        };
        Ok(Taken {
            // Boxed, so that the types of the futures around it do not grow beyond what the compiler takes.
            pooled: Box::pin(self.pool.acquire()).await?,
            away_since: Instant::now(),
        })
    }

    /// A connection that is at hand, or else a place among those who wait for one from the pool.
    fn take_or_wait(&self) -> Result<Taken, Waiting<'_>> {
        let mut kept = self.kept();
        match kept.free.pop() {
            Some(idle) if idle.since.elapsed() < self.idle_check => return Ok(idle.taken),
            // The pool pings it before it gives it out again.
            Some(idle) => self.give_back(idle.taken),
            None => {}
        }
        kept.waiting += 1;
        Err(Waiting(self))
    }

    /// Keeps a connection that is as it was when it was taken; unless somebody waits for one, or it was away for long.
    pub(super) fn keep(&self, taken: Taken) {
        let mut kept = self.kept();
        // Those on the bottom are the ones that nobody has needed for long.
        let due = kept.free.extract_if(.., |idle| idle.taken.is_due());
        due.for_each(|idle| self.give_back(idle.taken));
        if kept.waiting == 0 && !taken.is_due() {
            kept.free.push(Idle {
                taken,
                since: Instant::now(),
            });
        } else {
            self.give_back(taken);
        }
    }

    /// Gives a connection back to the pool, which rolls back what is open on it; or closes it where there is no runtime to do so.
    pub(super) fn give_back(&self, taken: Taken) {
        let Ok(runtime) = Handle::try_current() else {
            return taken.close();
        };
        let Taken { mut pooled, .. } = taken;
        let back = pooled.return_to_pool();
        let under_way = Return::begin(&self.returns);
        runtime.spawn(async move {
            // Given up half way it is closed, and its place in the pool is free.
            let _ = timeout(MOST_RETURNING, back).await;
            drop(under_way);
        });
    }

    /// Returns when no connection is on its way back.
    pub(super) async fn all_returned(&self) {
        loop {
            let next = self.returns.ended.notified();
            if self.returns.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            next.await;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        // The pool would take them back in a task, and there may be no runtime any more.
        self.kept().free.drain(..).for_each(|idle| idle.taken.close());
    }
}

impl Taken {
    /// Closes it. Not with a farewell, which would have to be waited for: the server rolls back when it sees the end.
    pub(super) fn close(self) {
        drop(self.pooled.detach());
    }

    fn is_due(&self) -> bool {
        self.away_since.elapsed() >= MOST_AWAY
    }
}

impl Deref for Taken {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.pooled
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.pooled
    }
}

/// A place among those who wait.
struct Waiting<'s>(&'s Stock);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.kept().waiting -= 1;
    }
}

/// The connections on their way back to the pool, each perhaps with a transaction to roll back.
#[derive(Default)]
struct Returns {
    under_way: AtomicUsize,
    ended: Notify,
}

/// One of them.
struct Return(Arc<Returns>);

impl Return {
    fn begin(returns: &Arc<Returns>) -> Self {
        returns.under_way.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(returns))
    }
}

impl Drop for Return {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
    }
}
