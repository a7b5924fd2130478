//! Where time, randomness and ids come from.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::Uuid;

/// The time of day, from the system or from a test.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that answers whatever `source` does.
    pub fn from_fn(source: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// Now, to the millisecond: what the contract shows is what is stored.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)().trunc_subsecs(3)
    }
}

/// Cryptographically secure random bytes, from the operating system's seed or from a test's.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    /// Seeded by the operating system.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the operating system for randomness"
    )]
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// Seeded by a test; the same seed gives the same bytes.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// The next `N` bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        // A panic elsewhere leaves the generator in a valid state.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut bytes);
        bytes
    }
}

/// Mints `UUIDv7` ids (RFC 9562 §5.7), strictly increasing within this process.
///
/// Ids are the keyset of every list, so two of the same millisecond must not be shuffled: `rand_a` is a counter that
/// starts at a random low value each millisecond (RFC 9562 §6.2, method 1).
#[derive(Clone)]
pub struct Ids {
    clock: Clock,
    random: Random,
    last: Arc<Mutex<(u64, u16)>>,
}

impl Ids {
    /// Ids of this clock and this randomness.
    #[must_use]
    pub fn new(clock: Clock, random: Random) -> Self {
        Self {
            clock,
            random,
            last: Arc::new(Mutex::new((0, 0))),
        }
    }

    /// The next id.
    #[must_use]
    pub fn next(&self) -> Uuid {
        const COUNTER_END: u16 = 1 << 12;
        let [seed_high, seed_low, tail @ ..] = self.random.bytes::<10>();
        let now = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or_default();
        let (millis, counter) = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = if now > last.0 {
                (now, u16::from_be_bytes([seed_high, seed_low]) % (COUNTER_END / 2))
            } else if last.1 + 1 < COUNTER_END {
                (last.0, last.1 + 1)
            } else {
                (last.0 + 1, 0)
            };
            *last
        };
        let [high, low] = counter.to_be_bytes();
        let mut rest = [0; 10];
        rest[..2].copy_from_slice(&[high, low]);
        rest[2..].copy_from_slice(&tail);
        uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_also_within_one_millisecond_and_when_the_clock_goes_back() {
        let start = DateTime::from_timestamp_millis(1_800_000_000_000).expect("a valid time");
        let readings = Arc::new(Mutex::new(0_i64));
        let clock = Clock::from_fn(move || {
            let mut count = readings.lock().expect("not poisoned");
            *count += 1;
            // 6,000 readings of one millisecond (more than the counter holds), then a second earlier.
            if *count <= 6_000 {
                start
            } else {
                start - chrono::Duration::seconds(1)
            }
        });
        let ids = Ids::new(clock, Random::from_seed(7));
        let minted: Vec<Uuid> = (0..12_000).map(|_| ids.next()).collect();
        assert!(minted.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(minted.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(Random::from_seed(1).bytes::<16>(), Random::from_seed(1).bytes::<16>());
        assert_ne!(Random::from_seed(1).bytes::<16>(), Random::from_seed(2).bytes::<16>());
    }
}
