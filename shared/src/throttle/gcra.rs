//! The generic cell rate algorithm, pure. Times are microseconds of some clock.

use std::time::Duration;

const MICROS: i64 = 1_000_000;

/// So many a second in the long run, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
    bursts_owed: u32,
}

/// What is left to a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Whether it may take one more.
    pub allowed: bool,
    /// How many it may take at once after that.
    pub remaining: u32,
    /// When it may take the next, if not now.
    pub retry_after: Duration,
    /// When it may take a whole burst again.
    pub full_after: Duration,
}

impl Allowance {
    /// [`Self::retry_after`] in whole seconds, at least one, as `Retry-After` wants it.
    #[must_use]
    pub fn retry_after_seconds(&self) -> u32 {
        whole_seconds(self.retry_after).max(1)
    }

    /// [`Self::full_after`] in whole seconds.
    #[must_use]
    pub fn full_after_seconds(&self) -> u32 {
        whole_seconds(self.full_after)
    }
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)
}

impl Rate {
    /// A rate; zero of either becomes one.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: if per_second == 0 { 1 } else { per_second },
            burst: if burst == 0 { 1 } else { burst },
            bursts_owed: 1,
        }
    }

    /// The same rate for what is counted after it has happened, so that a party may come to owe up to this many bursts.
    #[must_use]
    pub const fn owing(self, bursts: u32) -> Self {
        Self {
            bursts_owed: if bursts == 0 { 1 } else { bursts },
            ..self
        }
    }

    /// How many at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// In how many whole seconds a burst grows back.
    #[must_use]
    pub const fn window_seconds(self) -> u32 {
        self.burst.div_ceil(self.per_second)
    }

    /// What one costs.
    pub(super) const fn interval(self) -> i64 {
        // At least one, for more than a million a second.
        let interval = MICROS / self.per_second as i64;
        if interval == 0 { 1 } else { interval }
    }

    /// What a whole burst costs.
    pub(super) const fn capacity(self) -> i64 {
        self.interval() * self.burst as i64
    }

    /// The most that a party can have used.
    pub(super) const fn ceiling(self) -> i64 {
        self.capacity() * self.bursts_owed as i64
    }

    /// Counts `times` at `now` that have happened already, allowed or not, and says until when the party has used its
    /// allowance then.
    pub(super) fn charge(self, used_until: i64, now: i64, times: u32) -> i64 {
        let most = now.saturating_add(self.ceiling());
        let used_until = used_until.clamp(now, most);
        used_until
            .saturating_add(self.interval().saturating_mul(i64::from(times)))
            .min(most)
    }

    /// Takes one at `now` for a party that has used its allowance up to `used_until`, and says until when it has then.
    ///
    /// A party that was refused has used no more than before. A reading further ahead than it can owe comes from a clock
    /// that has been set back since, and counts as that.
    pub(super) fn take(self, used_until: i64, now: i64) -> (Allowance, i64) {
        let used_until = used_until.clamp(now, now.saturating_add(self.ceiling()));
        let wanted = used_until.saturating_add(self.interval());
        let wait = wanted - self.capacity() - now;
        let after = if wait > 0 { used_until } else { wanted };
        (self.allowance(wait, after - now), after)
    }

    /// The allowance of a party that must wait so long for the next, and has used so much.
    pub(super) fn allowance(self, wait: i64, used: i64) -> Allowance {
        let remaining = (self.capacity() - used).max(0) / self.interval();
        Allowance {
            allowed: wait <= 0,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            retry_after: micros(wait),
            full_after: micros(used),
        }
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_at_once_and_then_the_rate() {
        let rate = Rate::new(10, 3);
        let (mut used, mut answers) = (0, Vec::new());
        for now in [0, 0, 0, 0, 99_999, 100_000, 100_000, 1_000_000] {
            let (allowance, after) = rate.take(used, now);
            used = after;
            answers.push((allowance.allowed, allowance.remaining));
        }
        assert_eq!(
            answers,
            [
                (true, 2),
                (true, 1),
                (true, 0),
                (false, 0),
                (false, 0),
                (true, 0),
                (false, 0),
                (true, 2)
            ]
        );
        let (refused, _) = rate.take(300_000, 0);
        assert_eq!(
            (refused.retry_after, refused.full_after),
            (Duration::from_millis(100), Duration::from_millis(300))
        );
    }

    #[test]
    fn a_clock_that_is_set_back_costs_no_more_than_a_burst() {
        let rate = Rate::new(1, 2);
        let (allowance, _) = rate.take(i64::MAX, 0);
        assert_eq!(
            (allowance.allowed, allowance.retry_after),
            (false, Duration::from_secs(1))
        );
    }

    #[test]
    fn a_window_is_what_a_burst_takes_to_grow_back() {
        assert_eq!(Rate::new(100, 400).window_seconds(), 4);
        assert_eq!(Rate::new(100, 401).window_seconds(), 5);
        assert_eq!((Rate::new(0, 0).burst(), Rate::new(0, 0).window_seconds()), (1, 1));
    }

    #[test]
    fn what_has_happened_is_owed_whether_it_was_allowed_or_not() {
        let rate = Rate::new(1, 5).owing(4);
        let owed = rate.charge(0, 0, 12);
        let (refused, _) = rate.take(owed, 0);
        assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_secs(8)));
        assert_eq!(rate.charge(owed, 0, 100), 20 * MICROS, "and no more than that");
        assert!(rate.take(owed, 8 * MICROS).0.allowed);
    }

    proptest! {
        /// The defining bound: in any span no more than a burst and what the rate adds.
        #[test]
        fn never_more_than_a_burst_and_the_rate(
            per_second in 1_u32..5_000, burst in 1_u32..50, steps in prop::collection::vec(0_i64..200_000, 1..200),
        ) {
            let rate = Rate::new(per_second, burst);
            let (mut now, mut used, mut taken) = (0, 0, Vec::new());
            for step in steps {
                now += step;
                let (allowance, after) = rate.take(used, now);
                used = after;
                if allowance.allowed {
                    taken.push(now);
                } else {
                    // Whoever waits as long as it is told is let in.
                    let later = now + i64::try_from(allowance.retry_after.as_micros()).expect("small");
                    prop_assert!(rate.take(used, later).0.allowed);
                    prop_assert!(!rate.take(used, later - 1).0.allowed);
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let most = i64::from(burst) + (to - from) / rate.interval();
                    prop_assert!(i64::try_from(last - first + 1).expect("small") <= most);
                }
            }
        }
    }
}
