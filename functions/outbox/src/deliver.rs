//! Attempts what is due: lease, then call the handler, then record what came of it.
//!
//! No transaction is open while a handler runs. A sweep that dies in between leaves a lease that runs out, and another
//! takes the delivery over; if the first was only slow, its outcome is refused.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, stream};
use shared::context::AppContext;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    handlers::{Failure, Handlers},
    schedule::{self, Next},
    store::deliveries::{self, Claimed, Outcome},
};

/// How many attempts run side by side. Only as many are leased at once, so that none waits while its lease runs.
const SIDE_BY_SIDE: u32 = 16;
/// Shorter than what a sweep leaves before its deadline, so that the last attempt is still recorded.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(2);
/// As much of an error as is kept.
const LONGEST_ERROR: usize = 500;

/// What came of some attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) claimed: u64,
    pub(crate) delivered: u64,
    pub(crate) retried: u64,
    pub(crate) dead: u64,
    /// Outcomes that were not recorded: the lease was another's by then, or Postgres was gone.
    pub(crate) unrecorded: u64,
}

/// Attempts up to `batch` due deliveries. After `until` no more are leased; the first ones are in any case.
///
/// # Errors
/// Postgres refused or is gone. Attempts made before that are recorded; what was leased is taken up again later.
pub(crate) async fn deliver(
    ctx: &AppContext,
    handlers: &Handlers,
    batch: u32,
    until: Instant,
) -> Result<Tally, sqlx::Error> {
    let connections = ctx.db.without_tenant();
    let lease = Duration::from_secs(ctx.config.outbox.lease_seconds);
    let mut tally = Tally::default();
    let mut left = batch;
    while left > 0 {
        let lease_token = ctx.ids.next();
        let wanted = left.min(SIDE_BY_SIDE);
        let claimed = deliveries::claim(connections, lease_token, lease, i64::from(wanted)).await?;
        let few = claimed.len() < wanted as usize;
        tally.claimed += claimed.len() as u64;
        let mut attempts = stream::iter(claimed)
            .map(|claimed| async move { settle(ctx, handlers, lease_token, &claimed).await })
            .buffer_unordered(SIDE_BY_SIDE as usize);
        while let Some(outcome) = attempts.next().await {
            match outcome {
                Some(Outcome::Delivered) => tally.delivered += 1,
                Some(Outcome::Retry { .. }) => tally.retried += 1,
                Some(Outcome::Dead { .. }) => tally.dead += 1,
                None => tally.unrecorded += 1,
            }
        }
        if few || Instant::now() >= until {
            break;
        }
        left -= wanted;
    }
    Ok(tally)
}

/// One attempt and its record. `None` when it could not be recorded.
async fn settle(ctx: &AppContext, handlers: &Handlers, lease_token: Uuid, claimed: &Claimed) -> Option<Outcome> {
    let outcome = attempt(ctx, handlers, claimed).await;
    let (tenant_id, event_id) = (claimed.event.tenant_id, claimed.event.id);
    let (destination, attempts) = (&claimed.destination, claimed.attempts);
    match deliveries::record(ctx.db.without_tenant(), lease_token, claimed, &outcome).await {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!(%tenant_id, %event_id, destination, "the lease ran out before the attempt was over");
            return None;
        }
        Err(error) => {
            tracing::error!(%tenant_id, %event_id, destination, %error, "what came of an attempt was not recorded");
            return None;
        }
    }
    match &outcome {
        Outcome::Delivered => {}
        Outcome::Retry { error, .. } => {
            tracing::warn!(%tenant_id, %event_id, destination, attempts, error, "a delivery failed and will be retried");
        }
        Outcome::Dead { error } => {
            tracing::error!(%tenant_id, %event_id, destination, attempts, error, "a delivery is dead");
        }
    }
    Some(outcome)
}

async fn attempt(ctx: &AppContext, handlers: &Handlers, claimed: &Claimed) -> Outcome {
    if schedule::is_exhausted(claimed.attempts) {
        return Outcome::Dead {
            error: "no attempt ever came to an end".to_owned(),
        };
    }
    let Err(Failure(mut error)) = handle(ctx, handlers, claimed).await else {
        return Outcome::Delivered;
    };
    error.truncate(error.floor_char_boundary(LONGEST_ERROR));
    match schedule::after(claimed.attempts, u16::from_be_bytes(ctx.random.bytes())) {
        Next::Retry(pause) => Outcome::Retry { pause, error },
        Next::Dead => Outcome::Dead { error },
    }
}

/// Calls the handler. One that panics or does not come to an end has failed.
async fn handle(ctx: &AppContext, handlers: &Handlers, claimed: &Claimed) -> Result<(), Failure> {
    let Some(handler) = handlers.find(&claimed.destination) else {
        return Err(Failure("this build has no such destination".to_owned()));
    };
    let call = AssertUnwindSafe(handler.handle(ctx, &claimed.event)).catch_unwind();
    match tokio::time::timeout(LONGEST_ATTEMPT, call).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Err(Failure("the handler panicked".to_owned())),
        Err(_elapsed) => Err(Failure("the handler took too long".to_owned())),
    }
}
