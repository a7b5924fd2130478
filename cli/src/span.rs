//! Spans of time as a person reads them: the two largest units, rounded down.

use chrono::TimeDelta;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `45s`, `3m 20s`, `2h 5m`, `3d 4h`; `0s` for nothing and for what is negative.
pub(crate) fn span(of: TimeDelta) -> String {
    let seconds = of.num_seconds().max(0);
    let (whole, unit, rest, smaller) = match seconds {
        0..MINUTE => return format!("{seconds}s"),
        MINUTE..HOUR => (seconds / MINUTE, "m", seconds % MINUTE, "s"),
        HOUR..DAY => (seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        _ => (seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    };
    if rest == 0 {
        format!("{whole}{unit}")
    } else {
        format!("{whole}{unit} {rest}{smaller}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_at_most() {
        let table = [
            (-5, "0s"),
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (200, "3m 20s"),
            (3_599, "59m 59s"),
            (3_600, "1h"),
            (7_530, "2h 5m"),
            (86_399, "23h 59m"),
            (86_400, "1d"),
            (273_700, "3d 4h"),
        ];
        for (seconds, text) in table {
            assert_eq!(span(TimeDelta::seconds(seconds)), text);
        }
    }
}
