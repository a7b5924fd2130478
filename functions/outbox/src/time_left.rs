//! How long an invocation has left, whatever its own machine takes the time for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::context::AppContext;
use tokio::time::{Instant, timeout};

use crate::store::clock;

/// For the answer of the database's clock; the sweep goes by its own after that.
const PATIENCE: Duration = Duration::from_secs(1);

/// From now to the deadline that Lambda set, by the database's clock; by this machine's when Postgres does not answer.
///
/// A machine whose clock runs a minute ahead would see most of its time as over, at every invocation, and its events would
/// wait. `None` when the deadline is not to be believed either way.
pub(crate) async fn time_left(ctx: &AppContext, deadline: DateTime<Utc>) -> Option<Duration> {
    let (asked, here) = (Instant::now(), ctx.clock.now());
    let there = match timeout(PATIENCE, clock::now(ctx.db.without_tenant())).await {
        Ok(Ok(there)) => Some(there),
        Ok(Err(_)) | Err(_) => None,
    };
    // The database read its clock at some time since it was asked: perhaps at once.
    left(deadline, there.unwrap_or(here))?.checked_sub(asked.elapsed())
}

/// A deadline that is over as the invocation begins is a clock that is off, and not believed.
fn left(deadline: DateTime<Utc>, now: DateTime<Utc>) -> Option<Duration> {
    (deadline - now).to_std().ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_deadline_is_believed_until_it_is_over() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        let in_ms = |milliseconds| left(now + TimeDelta::milliseconds(milliseconds), now);
        assert_eq!(in_ms(70_000), Some(Duration::from_secs(70)));
        assert_eq!(in_ms(1), Some(Duration::from_millis(1)));
        assert_eq!(in_ms(0), None);
        assert_eq!(in_ms(-1), None);
        assert_eq!(left(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), None);
    }
}
