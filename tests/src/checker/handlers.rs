//! What the sweep's handlers did, from what they logged: an event is handed to one again only when the attempt before
//! could not be recorded.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::Findings;

/// Compares the notifications that the handler `log` wrote with the attempts that the deliveries count.
///
/// # Panics
/// The database does not answer.
pub async fn check_handlers(superuser: &PgPool, lines: &[String], findings: &mut Findings) {
    let mut written = HashMap::<Uuid, i32>::new();
    for line in lines {
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if line["event"] == "notification"
            && let Some(id) = line["event_id"].as_str().and_then(|id| id.parse().ok())
        {
            *written.entry(id).or_default() += 1;
        }
    }
    let rows: Vec<(Uuid, i32)> =
        sqlx::query_as("SELECT event_id, attempts FROM outbox_deliveries WHERE destination = 'log'")
            .fetch_all(superuser)
            .await
            .expect("deliveries are readable");
    for (event_id, attempts) in rows {
        let times = written.remove(&event_id).unwrap_or_default();
        // One attempt is one notification; of several, each but the last may have died before it, or after it.
        findings.compare("notifications", (1..=attempts).contains(&times), || {
            format!("{event_id}: {times} written in {attempts} attempts")
        });
    }
    findings.compare("notifications of what is there", written.is_empty(), || {
        format!("{written:?}")
    });
}
