//! What a story must have left in the database about a request.

use serde_json::Value;

use crate::play::{Pair, World, agrees};

/// Checks the history of one request from its first version to its last.
///
/// # Errors
/// An invariant does not hold.
pub(crate) async fn check(world: &World, pair: &Pair) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("request {}: {what}", pair.id));
    // The sweep may not have come by: then the last version is true and not written down.
    let stored: (String, i32) = sqlx::query_as("SELECT status, version FROM approval_requests WHERE id = $1")
        .bind(pair.id)
        .fetch_one(&world.owner)
        .await
        .map_err(|error| error.to_string())?;
    let sent: Vec<(i32, String, Value)> = sqlx::query_as(
        "SELECT aggregate_version, event_type, payload FROM outbox WHERE aggregate_id = $1 ORDER BY aggregate_version",
    )
    .bind(pair.id)
    .fetch_all(&world.owner)
    .await
    .map_err(|error| error.to_string())?;
    let logged: Vec<(String, Value)> = sqlx::query_as(
        "SELECT action, sanitized_args FROM audit_events WHERE correlation_id = $1 ORDER BY received_at, event_id",
    )
    .bind(pair.id.to_string())
    .fetch_all(&world.owner)
    .await
    .map_err(|error| error.to_string())?;

    let versions: Vec<i32> = sent.iter().map(|(version, ..)| *version).collect();
    if versions != (1..=stored.1).collect::<Vec<_>>() {
        return wrong(&format!(
            "outbox events of the versions {versions:?}, stored is {}",
            stored.1
        ));
    }
    let actions: Vec<&str> = logged.iter().map(|(action, _)| action.as_str()).collect();
    let events: Vec<&str> = sent.iter().map(|(_, event, _)| event.as_str()).collect();
    if actions != events {
        return wrong(&format!("the log tells {actions:?}, the outbox {events:?}"));
    }
    let finals = [
        "approval.denied",
        "approval.expired",
        "approval.cancelled",
        "approval.consumed",
        "approval.revoked",
    ];
    let ended = events.iter().filter(|event| finals.contains(*event)).count();
    let is_final = !matches!(stored.0.as_str(), "PENDING" | "APPROVED");
    if ended != usize::from(is_final) || (is_final && !events.last().is_some_and(|last| finals.contains(last))) {
        return wrong(&format!("{events:?} while {}", stored.0));
    }
    // What was consumed is what was approved: the same digest on every version.
    let digests: Vec<&Value> = sent.iter().map(|(.., payload)| &payload["action_digest"]).collect();
    if digests.windows(2).any(|pair| pair[0] != pair[1]) {
        return wrong("its digest changed");
    }
    if let Some((_, evidence)) = logged.iter().find(|(action, _)| action == "approval.consumed")
        && &evidence["action_digest"] != digests[0]
    {
        return wrong("another digest was consumed than approved");
    }
    let asked_by = &world.keys[&pair.model.asked_by].principal;
    let (_, _, last) = sent.last().ok_or("no event")?;
    let decisions = last["decisions"].as_array().cloned().unwrap_or_default();
    if decisions.iter().any(|vote| vote["by"] == asked_by.as_str()) {
        return wrong("its requester voted on it");
    }
    for vote in &decisions {
        if vote["at"].as_str() >= last["expires_at"].as_str() && stored.0 != "EXPIRED" {
            return wrong("a vote after its deadline");
        }
    }
    if stored.0 == pair.model.state.name() {
        agrees(last, pair, &world.keys)?;
    }
    Ok(())
}
