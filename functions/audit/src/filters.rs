//! Which events a list shows, and where among the ids they can be. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{Builder, Uuid};

/// How far the clock of the function that minted an id may be ahead of the database's, which says when it was received.
const CLOCK_SKEW: TimeDelta = TimeDelta::hours(1);
/// How long after its id was minted an event may be received: one that was spilled keeps its id until it is replayed.
const LONGEST_SPILL: TimeDelta = TimeDelta::days(35);

/// The filters of a list. Those that are there must all hold.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// The one recorder whose events may be seen at all.
    pub(crate) own: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) caller_id: Option<String>,
    pub(crate) recorded_by: Option<String>,
    pub(crate) decision: Option<String>,
    pub(crate) tool: Option<String>,
    pub(crate) action: Option<String>,
    /// One of the event's labels.
    pub(crate) risk_label: Option<String>,
    /// The earliest time of receipt.
    pub(crate) from: Option<DateTime<Utc>>,
    /// The time before which it was received.
    pub(crate) to: Option<DateTime<Utc>>,
}

/// A range of event ids: `from` is in it, `until` is not.
///
/// Ids begin with the time they were minted, so the range names the partitions that can hold an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdRange {
    pub(crate) from: Uuid,
    pub(crate) until: Uuid,
}

impl IdRange {
    /// Just this id.
    pub(crate) fn only(id: Uuid) -> Self {
        Self {
            from: id,
            until: Uuid::from_u128(id.as_u128().saturating_add(1)),
        }
    }

    /// Every id that an event received within the filters' times can have, before the last one already shown.
    pub(crate) fn of(filters: &Filters, shown: Option<Uuid>) -> Self {
        let from = filters.from.map_or(Uuid::nil(), |from| floor(from, -LONGEST_SPILL));
        let until = filters.to.map_or(Uuid::max(), |to| floor(to, CLOCK_SKEW));
        Self {
            from,
            until: shown.map_or(until, |shown| shown.min(until)),
        }
    }
}

/// The smallest `UUIDv7` of a moment.
fn floor(at: DateTime<Utc>, shifted_by: TimeDelta) -> Uuid {
    let millis = at.timestamp_millis().saturating_add(shifted_by.num_milliseconds());
    Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or_default(), &[0; 10]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).unwrap()
    }

    #[test]
    fn the_range_holds_every_id_of_the_times_and_ends_before_what_was_shown() {
        let minted = |millis: u64| Builder::from_unix_timestamp_millis(millis, &[0xff; 10]).into_uuid();
        let filters = Filters {
            from: Some(at(1_800_000_000_000)),
            to: Some(at(1_800_000_001_000)),
            ..Filters::default()
        };
        let range = IdRange::of(&filters, None);
        for inside in [
            1_800_000_000_000,
            1_800_000_000_999,
            1_800_000_000_000 - 86_400_000 * 34,
        ] {
            assert!(range.from <= minted(inside) && minted(inside) < range.until);
        }
        assert!(minted(1_800_000_000_000 - 86_400_000 * 36) < range.from);
        assert!(minted(1_800_000_000_000 + 2 * 3_600_000) >= range.until);

        let shown = minted(1_800_000_000_500);
        assert_eq!(IdRange::of(&filters, Some(shown)).until, shown);
        let everything = IdRange {
            from: Uuid::nil(),
            until: Uuid::max(),
        };
        assert_eq!(IdRange::of(&Filters::default(), None), everything);
    }

    #[test]
    fn times_before_the_first_id_are_its_beginning() {
        let filters = Filters {
            from: Some(at(-1)),
            ..Filters::default()
        };
        assert!(IdRange::of(&filters, None).from <= Builder::from_unix_timestamp_millis(0, &[0; 10]).into_uuid());
    }
}
