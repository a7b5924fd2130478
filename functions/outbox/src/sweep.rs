//! The sweep: turns, one after the other, until its time is over.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::context::AppContext;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    deliver::{Tally, deliver},
    expire::{Stuck, expire},
    fan_out::fan_out,
    handlers::Handlers,
    housekeeping::{delete_expired_records, keep_house},
    time_left::time_left,
};

/// A sweep ends this long before its deadline, so that what it has begun is over by then.
const MARGIN: Duration = Duration::from_secs(3);
/// How far a turn may reach into that margin: longer than one attempt, so that the last one is still recorded.
const OVERRUN: Duration = Duration::from_millis(2_500);

/// What one turn did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Approvals that expired.
    pub expired: u64,
    /// Events handed to their destinations.
    pub fanned_out: u64,
    /// Deliveries that were taken.
    pub delivered: u64,
    /// Deliveries that failed and will be tried again.
    pub retried: u64,
    /// Deliveries that failed for the last time.
    pub dead: u64,
    /// Parts of the turn that failed, and attempts that could not be recorded.
    pub failures: u64,
    /// Whether a batch was full, so that there is probably more to do at once.
    #[serde(skip)]
    pub more: bool,
}

/// What a whole sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many turns it took.
    pub turns: u64,
    /// What they did together.
    #[serde(flatten)]
    pub done: Turn,
}

/// One invocation's sweep.
///
/// Dropping it at any moment is safe: open transactions roll back, and leases run out.
pub struct Sweep {
    ctx: AppContext,
    handlers: Handlers,
    stuck: Stuck,
    /// When nothing new is begun any more.
    until: Instant,
    upkeep: Upkeep,
}

/// What is left to do for the tables in this invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upkeep {
    Everything,
    /// There were more expired records than one turn deletes.
    Records,
    Nothing,
}

/// One turn with the product's handlers.
pub async fn run_once(ctx: &AppContext) -> Turn {
    Sweep::new(ctx.clone(), Handlers::standard()).turn().await
}

/// Sweeps with the product's handlers until shortly before the deadline that Lambda set, if it is known: see [`Sweep::run`].
pub async fn sweep(ctx: &AppContext, deadline: Option<DateTime<Utc>>) -> Summary {
    let sweep = Sweep::new(ctx.clone(), Handlers::standard());
    let left = match deadline {
        Some(deadline) => time_left(ctx, deadline).await,
        None => None,
    };
    sweep.run(left).await
}

impl Sweep {
    /// A sweep as the role `countersign_sweeper`.
    #[must_use]
    pub fn new(ctx: AppContext, handlers: Handlers) -> Self {
        let until = Instant::now() + Duration::from_secs(ctx.config.outbox.sweep_seconds);
        Self {
            ctx,
            handlers,
            stuck: Stuck::new(),
            until,
            upkeep: Upkeep::Everything,
        }
    }

    /// Takes turns for `OUTBOX_SWEEP_SECONDS`, or until shortly before the invocation's deadline if that is sooner. At
    /// least one turn is begun; an idle one is followed by a pause of `OUTBOX_TURN_MS`, a full one by the next at once.
    ///
    /// Nothing that fails ends it. Failures are logged and counted.
    pub async fn run(mut self, time_left: Option<Duration>) -> Summary {
        if let Some(left) = time_left {
            self.until = self.until.min(Instant::now() + left.saturating_sub(MARGIN));
        }
        let pause = Duration::from_millis(self.ctx.config.outbox.turn_ms);
        let mut summary = Summary::default();
        loop {
            let Ok(turn) = timeout_at(self.until + OVERRUN, self.turn_with_upkeep()).await else {
                tracing::error!("a turn of the sweep did not come to an end");
                summary.done.failures += 1;
                return summary;
            };
            summary.add(turn);
            let pause = if turn.more { Duration::ZERO } else { pause };
            if Instant::now() + pause >= self.until {
                return summary;
            }
            sleep(pause).await;
        }
    }

    async fn turn_with_upkeep(&mut self) -> Turn {
        let mut turn = self.turn().await;
        let outcome = match self.upkeep {
            Upkeep::Everything => keep_house(&self.ctx).await,
            Upkeep::Records => delete_expired_records(&self.ctx).await,
            Upkeep::Nothing => Ok(false),
        };
        let more = turn.or_count("upkeep", outcome);
        self.upkeep = if more { Upkeep::Records } else { Upkeep::Nothing };
        turn.more |= more;
        turn
    }

    /// One turn: expires, hands on, delivers. In this order, so that what expires is told in the same turn. A part that
    /// fails does not keep the others from running.
    pub async fn turn(&mut self) -> Turn {
        let batch = self.ctx.config.outbox.batch;
        let mut turn = Turn::default();
        // Each part in a box of its own: nested in one another, they are more than the compiler lays out.
        let expired = Box::pin(expire(&self.ctx, &mut self.stuck, batch)).await;
        turn.expired = turn.or_count("expiry", expired);
        let fanned_out = Box::pin(fan_out(&self.ctx, &self.handlers, batch)).await;
        turn.fanned_out = turn.or_count("fan-out", fanned_out);
        let delivered = Box::pin(deliver(&self.ctx, &self.handlers, batch, self.until)).await;
        let tally: Tally = turn.or_count("delivery", delivered);
        turn.delivered = tally.delivered;
        turn.retried = tally.retried;
        turn.dead = tally.dead;
        turn.failures += tally.unrecorded;
        turn.more = [turn.expired, turn.fanned_out, tally.claimed].contains(&u64::from(batch));
        turn
    }
}

impl Turn {
    fn or_count<T: Default>(&mut self, part: &str, outcome: Result<T, sqlx::Error>) -> T {
        outcome.unwrap_or_else(|error| {
            tracing::error!(part, %error, "a part of the sweep failed");
            self.failures += 1;
            T::default()
        })
    }
}

impl Summary {
    fn add(&mut self, turn: Turn) {
        self.turns += 1;
        self.done.expired += turn.expired;
        self.done.fanned_out += turn.fanned_out;
        self.done.delivered += turn.delivered;
        self.done.retried += turn.retried;
        self.done.dead += turn.dead;
        self.done.failures += turn.failures;
    }
}
