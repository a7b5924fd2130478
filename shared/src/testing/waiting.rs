//! Waiting for something that another task or process does: with an end, and a name for what did not come.

use std::fmt::Debug;

use tokio::time::{Duration, Instant, sleep, timeout_at};

/// Between two looks: short beside what is waited for, and long enough not to take a core from it.
const PAUSE: Duration = Duration::from_millis(1);

/// Looks again and again until there is what was looked for, and returns it.
///
/// # Panics
/// After `within`, with `what` was awaited and why the last look did not find it.
pub async fn poll_until<T, E: Debug, F: Future<Output = Result<T, E>>>(
    within: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + within;
    loop {
        match timeout_at(end, look()).await {
            Ok(Ok(found)) => return found,
            Ok(Err(reason)) => assert!(Instant::now() < end, "{what}: not within {within:?}: {reason:?}"),
            Err(_) => panic!("{what}: not within {within:?}, and the last look has no end"),
        }
        sleep(PAUSE).await;
    }
}

/// How often to do what is done `usually` times: `SOAK=1` asks for ten times as much.
#[must_use]
pub fn times(usually: usize) -> usize {
    let soaks = std::env::var("SOAK").is_ok_and(|soak| soak == "1");
    usually * if soaks { 10 } else { 1 }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn what_comes_is_returned() {
        let looks = Cell::new(0);
        let found = poll_until(Duration::from_secs(60), "the third look", async || {
            looks.set(looks.get() + 1);
            if looks.get() == 3 { Ok("here") } else { Err(looks.get()) }
        })
        .await;
        assert_eq!((found, looks.get()), ("here", 3));
    }

    #[tokio::test]
    #[should_panic(expected = "the moon: not within 5ms: \"behind a cloud\"")]
    async fn what_does_not_come_is_named() {
        poll_until(Duration::from_millis(5), "the moon", async || {
            Err::<(), _>("behind a cloud")
        })
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "the moon: not within 5ms, and the last look has no end")]
    async fn a_look_without_an_end_is_ended() {
        poll_until(Duration::from_millis(5), "the moon", async || {
            std::future::pending::<Result<(), ()>>().await
        })
        .await;
    }
}
