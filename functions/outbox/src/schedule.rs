//! When a delivery that failed is tried again. Pure.

use std::time::Duration;

/// The pauses after each failed attempt but the last, in seconds: 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
const PAUSES_S: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another attempt, after this long.
    Retry(Duration),
    /// Nothing: the delivery is dead, and kept.
    Dead,
}

/// What follows when `attempts` were begun and the last of them failed.
///
/// `random` moves the pause by up to 10 % either way, so that what failed together does not come back together.
pub(crate) fn after(attempts: i32, random: u16) -> Next {
    let failed_before = usize::try_from(attempts).unwrap_or_default().saturating_sub(1);
    match PAUSES_S.get(failed_before) {
        Some(seconds) => Next::Retry(Duration::from_millis(seconds * (900 + u64::from(random) % 201))),
        None => Next::Dead,
    }
}

/// Whether a delivery has had all its attempts, so that beginning another would be one too many. It comes to that only
/// when whoever held it died with it.
pub(crate) fn is_exhausted(attempts: i32) -> bool {
    usize::try_from(attempts).is_ok_and(|attempts| attempts > PAUSES_S.len() + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nine_pauses_and_then_it_is_dead() {
        // 100 is the middle of the jitter.
        let pauses: Vec<Next> = (1..=10).map(|attempts| after(attempts, 100)).collect();
        let hours = |hours: u64| Next::Retry(Duration::from_secs(hours * 3_600));
        let minutes = |minutes: u64| Next::Retry(Duration::from_secs(minutes * 60));
        let ladder = [
            Next::Retry(Duration::from_secs(5)),
            minutes(5),
            minutes(30),
            hours(2),
            hours(5),
            hours(10),
            hours(14),
            hours(20),
            hours(24),
            Next::Dead,
        ];
        assert_eq!(pauses, ladder);
        assert!(!is_exhausted(10) && is_exhausted(11));
    }

    proptest! {
        #[test]
        fn the_jitter_is_at_most_a_tenth(attempts in 1..=9_i32, random: u16) {
            let seconds = PAUSES_S[usize::try_from(attempts).unwrap() - 1];
            let Next::Retry(pause) = after(attempts, random) else { panic!("too early to die") };
            prop_assert!(pause >= Duration::from_millis(seconds * 900) && pause <= Duration::from_millis(seconds * 1_100));
        }

        #[test]
        fn no_count_of_attempts_makes_it_panic(attempts: i32, random: u16) {
            let dead = after(attempts, random) == Next::Dead;
            prop_assert_eq!(dead, attempts > 9);
        }
    }
}
