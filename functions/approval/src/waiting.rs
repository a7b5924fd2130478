//! Waiting for a request to move: on its state, not on events.
//!
//! The waiter subscribes, reads Postgres, blocks, and reads again when it is woken or its turn is over. So a message that
//! is lost, or Redis itself, costs latency and nothing else. No connection to Postgres is held while it blocks.

use std::time::Duration;

use shared::{auth::Principal, context::AppContext, http::ApiError};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    approval::{Approval, ApprovalState},
    fast_path, store,
    waiters::Waiters,
};

/// The longest that a waiter goes without reading.
const TURN: Duration = Duration::from_secs(1);
/// The same when nothing can wake it.
const TURN_WITHOUT_REDIS: Duration = Duration::from_millis(250);

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Any status but PENDING.
    Decision,
    /// A later version than this, or the end.
    VersionAfter(i32),
}

impl Awaited {
    fn has_come(self, state: ApprovalState, version: i32) -> bool {
        match self {
            Self::Decision => state != ApprovalState::Pending,
            Self::VersionAfter(seen) => version > seen || state.is_terminal(),
        }
    }
}

/// The request as the principal may see it, once what is awaited has come, or after `wait` at the latest.
///
/// # Errors
/// `NOT_FOUND`, `UNAVAILABLE`.
pub(crate) async fn wait_for(
    ctx: &AppContext,
    waiters: &Waiters,
    principal: &Principal,
    id: Uuid,
    awaited: Awaited,
    wait: Duration,
) -> Result<Approval, ApiError> {
    let deadline = Instant::now() + wait;
    let has_come = |approval: &Approval| awaited.has_come(approval.state(), approval.version);
    let first = read(ctx, principal, id).await?;
    if wait.is_zero() || has_come(&first) {
        return Ok(first);
    }
    let Some(seat) = waiters.take_seat(ctx, principal.tenant_id, wait).await else {
        return Ok(first);
    };
    let mut messages = ctx
        .cache
        .subscribe(&fast_path::channel(principal.tenant_id, id))
        .await
        .ok();
    let outcome = loop {
        // Only after subscribing: a change between the first reading and the subscription had nobody to wake.
        let current = match read(ctx, principal, id).await {
            Ok(current) => current,
            Err(error) => break Err(error),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || has_come(&current) {
            break Ok(current);
        }
        // Nobody announces that time has passed, so the deadline of the request ends a turn as well.
        let until_expiry = (current.expires_at - current.read_at).to_std().unwrap_or_default();
        let turn = left.min(until_expiry + Duration::from_millis(1));
        match &mut messages {
            Some(subscription) => {
                if !subscription.wait(turn.min(TURN)).await {
                    messages = None;
                }
            }
            None => sleep(turn.min(TURN_WITHOUT_REDIS)).await,
        }
    };
    seat.release().await;
    outcome
}

async fn read(ctx: &AppContext, principal: &Principal, id: Uuid) -> Result<Approval, ApiError> {
    let mut tx = ctx.db.begin(principal.scope()).await?;
    let found = store::find(&mut tx, id).await?;
    tx.commit().await?;
    found
        .filter(|approval| approval.is_visible_to(principal))
        .ok_or_else(ApiError::not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_any_status_but_pending() {
        for state in ApprovalState::ALL {
            assert_eq!(
                Awaited::Decision.has_come(state, 1),
                state != ApprovalState::Pending,
                "{state}"
            );
        }
    }

    #[test]
    fn a_version_is_awaited_until_the_end() {
        for state in ApprovalState::ALL {
            assert!(Awaited::VersionAfter(1).has_come(state, 2), "{state}");
            assert_eq!(
                Awaited::VersionAfter(2).has_come(state, 2),
                state.is_terminal(),
                "{state}"
            );
        }
    }
}
