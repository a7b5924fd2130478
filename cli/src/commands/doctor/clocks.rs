//! The clocks: this machine's, Postgres's and Redis's. Postgres decides about expiry; ids and partitions follow the
//! functions, and Redis lets go of what it holds.

use chrono::{DateTime, TimeDelta, Utc};
use shared::context::Clock;
use sqlx::PgConnection;

use super::report::Check;

/// The check's name.
pub(super) const NAME: &str = "clocks";
/// Beyond this, times that stand side by side in the record contradict each other.
const NOTICEABLE: TimeDelta = TimeDelta::seconds(1);
/// Beyond this, requests expire and keys end when nobody expects it.
const HARMFUL: TimeDelta = TimeDelta::seconds(60);

/// A reading of another machine's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// How far it is ahead of this machine's.
    ahead: TimeDelta,
    /// How far off that may be: half of what the question took.
    give: TimeDelta,
}

impl Reading {
    /// From the answer, and this machine's clock before and after it.
    pub(super) fn new(before: DateTime<Utc>, answer: DateTime<Utc>, after: DateTime<Utc>) -> Self {
        let give = (after - before) / 2;
        Self {
            ahead: answer - (before + give),
            give,
        }
    }
}

/// Reads the clock of Postgres.
pub(super) async fn of_postgres(connection: &mut PgConnection) -> Result<Reading, sqlx::Error> {
    let clock = Clock::system();
    // Once before, so that what is measured is no preparation.
    let mut reading = None;
    for _ in 0..2 {
        let before = clock.now();
        let answer = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#)
            .fetch_one(&mut *connection)
            .await?;
        reading = Some(Reading::new(before, answer, clock.now()));
    }
    reading.ok_or(sqlx::Error::RowNotFound)
}

/// Compares each with this machine's, and the two with each other.
pub(super) fn judge(postgres: Option<Reading>, redis: Option<Reading>) -> Vec<Check> {
    let pairs = [
        ("Postgres", "this machine", postgres),
        ("Redis", "this machine", redis),
        (
            "Postgres",
            "Redis",
            postgres.zip(redis).map(|(postgres, redis)| Reading {
                ahead: postgres.ahead - redis.ahead,
                give: postgres.give + redis.give,
            }),
        ),
    ];
    let mut checks = Vec::new();
    let mut compared = Vec::new();
    for (one, other, reading) in pairs {
        let Some(reading) = reading else { continue };
        let off = reading.ahead.abs() - reading.give;
        let direction = if reading.ahead < TimeDelta::zero() {
            "behind"
        } else {
            "ahead of"
        };
        let found = format!(
            "{one} is {} ms {direction} {other}",
            reading.ahead.abs().num_milliseconds()
        );
        let remedy = format!("`timedatectl set-ntp true` on this machine and on those of {one} and {other}");
        if off > HARMFUL {
            checks.push(Check::failed(NAME, found, remedy));
        } else if off > NOTICEABLE {
            checks.push(Check::warning(NAME, found, remedy));
        } else {
            compared.push(found);
        }
    }
    if checks.is_empty() && !compared.is_empty() {
        checks.push(Check::ok(NAME, compared.join(", ")));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::report::Status;

    fn reading(ahead_ms: i64, took_ms: i64) -> Reading {
        let before = DateTime::UNIX_EPOCH;
        let after = before + TimeDelta::milliseconds(took_ms);
        let answer = before + TimeDelta::milliseconds(took_ms / 2 + ahead_ms);
        Reading::new(before, answer, after)
    }

    #[test]
    fn clocks_are_compared_pair_by_pair_and_both_ways() {
        let statuses =
            |postgres, redis| -> Vec<Status> { judge(postgres, redis).iter().map(|check| check.status).collect() };
        assert_eq!(statuses(Some(reading(999, 0)), Some(reading(0, 0))), [Status::Ok]);
        assert_eq!(statuses(Some(reading(1_001, 0)), None), [Status::Warning]);
        assert_eq!(statuses(Some(reading(-61_000, 0)), None), [Status::Failed]);
        // Each is near this machine's, but the two are not near each other.
        assert_eq!(
            statuses(Some(reading(800, 0)), Some(reading(-800, 0))),
            [Status::Warning]
        );
        assert_eq!(statuses(None, None), []);
    }

    #[test]
    fn a_slow_answer_is_not_taken_for_a_wrong_clock() {
        assert_eq!(judge(Some(reading(1_400, 1_000)), None)[0].status, Status::Ok);
        assert_eq!(judge(Some(reading(1_600, 1_000)), None)[0].status, Status::Warning);
    }

    #[test]
    fn who_is_ahead_of_whom_is_said() {
        let checks = judge(Some(reading(-90_000, 0)), Some(reading(20, 0)));
        assert_eq!(checks[0].found, "Postgres is 90000 ms behind this machine");
        assert_eq!(checks[1].found, "Postgres is 90020 ms behind Redis");
    }
}
