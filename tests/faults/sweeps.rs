//! The schedule of a run: sweeps one after the other while it lasts, and until nothing is left when it is over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sqlx::PgPool;
use system_tests::fleet::{Fate, Fleet};
use tokio::time::sleep;

/// What Lambda gives a sweep here; all but the margin that it keeps is spent sweeping.
const SWEEP_DEADLINE: Duration = Duration::from_secs(5);
/// Sweeps enough for whatever a run leaves.
const MOST_SWEEPS: usize = 60;

/// Sweeps until it is over, and says how many sweeps were killed.
pub(crate) async fn sweep_until(fleet: Arc<Fleet>, over: Arc<AtomicBool>) -> u64 {
    let mut killed = 0;
    while !over.load(SeqCst) {
        let fate = sweep(&fleet).await;
        assert!(matches!(fate, Fate::Answered(_) | Fate::Killed(_)), "{fate:?}");
        killed += u64::from(matches!(fate, Fate::Killed(_)));
    }
    killed
}

pub(crate) async fn sweep(fleet: &Fleet) -> Fate {
    let event = json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "123456789012", "time": "2026-11-20T08:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/sweep"], "detail": {}
    });
    fleet.invoke("outbox", event.to_string(), SWEEP_DEADLINE).await
}

/// Of the sweeps that an environment has told of, how many took more than the one turn that each takes however little time
/// it has.
pub(crate) fn went_on(printed: &[String]) -> usize {
    let lines = printed
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let summaries = lines.filter_map(|line| serde_json::from_str::<Value>(line["summary"].as_str()?).ok());
    summaries
        .filter(|summary| summary["turns"].as_u64().is_some_and(|turns| turns > 1))
        .count()
}

/// Sweeps until nothing is left to do. What waits for its next attempt need not wait here: how long it does is shown
/// elsewhere. What a sweep that died has leased waits until the lease ends.
pub(crate) async fn catch_up(fleet: &Fleet, superuser: &PgPool) -> Vec<String> {
    for _ in 0..MOST_SWEEPS {
        sqlx::query("UPDATE outbox_deliveries SET next_attempt_at = now() WHERE status = 'PENDING'")
            .execute(superuser)
            .await
            .expect("the superuser may");
        let fate = sweep(fleet).await;
        assert!(matches!(fate, Fate::Answered(_)), "{fate:?}");
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM outbox WHERE processed_at IS NULL)
                  + (SELECT count(*) FROM outbox_deliveries WHERE status = 'PENDING')
                  + (SELECT count(*) FROM approval_requests
                     WHERE status IN ('PENDING', 'APPROVED') AND expires_at <= now() - interval '10 seconds')",
        )
        .fetch_one(superuser)
        .await
        .expect("the database answers");
        if left == 0 {
            return Vec::new();
        }
        sleep(Duration::from_millis(10)).await;
    }
    vec![format!("after {MOST_SWEEPS} sweeps there is still something to do")]
}
