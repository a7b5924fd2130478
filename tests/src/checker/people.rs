//! People, their settings, and keys.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::Findings;
use crate::load::{Entry, Operation, Outcome};

pub(super) async fn check(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    check_named(superuser, entries, findings).await;
    check_keys(superuser, entries, findings).await;
    check_settings(superuser, entries, findings).await;
}

/// People by email address and keys by caller id: acknowledged ones are there with the id that was told, and nobody is
/// there whom nobody asked for.
async fn check_named(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    let rows: Vec<(Uuid, String, Uuid)> = sqlx::query_as(
        "SELECT tenant_id, email, id FROM users WHERE email LIKE 'person-%'
         UNION ALL
         SELECT tenant_id, caller_id, id FROM api_keys WHERE caller_id LIKE 'caller-%'",
    )
    .fetch_all(superuser)
    .await
    .expect("people and keys are readable");
    let stored: HashMap<(Uuid, String), Uuid> = rows
        .into_iter()
        .map(|(tenant, name, id)| ((tenant, name), id))
        .collect();
    let mut asked = HashSet::new();
    for entry in entries {
        let name = match &entry.operation {
            Operation::NewUser { tenant, email } => (*tenant, email.clone()),
            Operation::NewKey { tenant, caller_id } => (*tenant, caller_id.clone()),
            _ => continue,
        };
        let row = stored.get(&name);
        match &entry.outcome {
            Outcome::Acknowledged(body) => {
                let is_told = row.is_some_and(|id| body["id"] == id.to_string());
                findings.compare("people and keys made", is_told, || {
                    format!("{name:?}: told {body}, stored {row:?}")
                });
                asked.insert(name);
            }
            // A retry met what the attempt before it made.
            Outcome::Refused(..) => {
                findings.compare("people and keys met again", row.is_some(), || format!("{name:?}"));
            }
            Outcome::Unknown(_) => {
                asked.insert(name);
            }
        }
    }
    for name in stored.keys() {
        findings.compare("people and keys asked for", asked.contains(name), || {
            format!("{name:?} was never asked for")
        });
    }
}

/// Rotations are counted in the log; a revocation that was acknowledged holds.
async fn check_keys(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    let rows: Vec<(Uuid, bool, i64)> = sqlx::query_as(
        "SELECT k.id, k.revoked_at IS NOT NULL,
                (SELECT count(*) FROM audit_events a WHERE a.tenant_id = k.tenant_id
                   AND a.action = 'api_key.rotated' AND a.correlation_id = k.id::text)
         FROM api_keys k",
    )
    .fetch_all(superuser)
    .await
    .expect("keys are readable");
    let mut rotated = BTreeMap::<Uuid, (i64, i64)>::new();
    let mut revoked = BTreeMap::<Uuid, bool>::new();
    for entry in entries {
        let told = matches!(entry.outcome, Outcome::Acknowledged(_));
        match &entry.operation {
            Operation::Rotate { key, .. } => {
                let (most_told, unknown) = rotated.entry(*key).or_default();
                *(if told { most_told } else { unknown }) += 1;
            }
            Operation::Revoke { key, .. } => *revoked.entry(*key).or_default() |= told,
            _ => {}
        }
    }
    for (key, is_revoked, rotations) in rows {
        let (told, unknown) = rotated.get(&key).copied().unwrap_or_default();
        findings.compare("rotations", (told..=told + unknown).contains(&rotations), || {
            format!("{key}: {rotations} recorded, {told} told, {unknown} unknown")
        });
        let holds = match revoked.get(&key) {
            Some(true) => is_revoked,
            Some(false) => true,
            None => !is_revoked,
        };
        findings.compare("revocations", holds, || {
            format!("{key}: revoked is {is_revoked}, told {:?}", revoked.get(&key))
        });
    }
}

/// A person's settings are those of the last change that was acknowledged, or of a later one that nobody was told of; and
/// each acknowledged change was recorded once.
async fn check_settings(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    let rows: Vec<(Uuid, Value, i64)> = sqlx::query_as(
        "SELECT s.user_id, s.notifications,
                (SELECT count(*) FROM audit_events a WHERE a.tenant_id = s.tenant_id
                   AND a.action = 'settings.updated' AND a.correlation_id = s.user_id::text)
         FROM user_settings s",
    )
    .fetch_all(superuser)
    .await
    .expect("settings are readable");
    let stored: HashMap<Uuid, (Value, i64)> = rows
        .into_iter()
        .map(|(user, marks, times)| (user, (marks, times)))
        .collect();

    // The marks of a person that may stand in their settings, and how many changes must have been recorded.
    let mut last = HashMap::<Uuid, Vec<&str>>::new();
    let mut told = HashMap::<Uuid, HashSet<&str>>::new();
    let mut unknown = HashMap::<Uuid, HashSet<&str>>::new();
    for entry in entries {
        let Operation::Settings { user, mark, .. } = &entry.operation else {
            continue;
        };
        let candidates = last.entry(*user).or_default();
        if matches!(entry.outcome, Outcome::Acknowledged(_)) {
            candidates.clear();
            told.entry(*user).or_default().insert(mark);
        } else {
            unknown.entry(*user).or_default().insert(mark);
        }
        candidates.push(mark);
    }
    for (user, candidates) in &last {
        let (marks, times) = stored.get(user).cloned().unwrap_or_default();
        let shown: Vec<&str> = marks
            .as_object()
            .into_iter()
            .flatten()
            .map(|(mark, _)| mark.as_str())
            .collect();
        let is_one = shown.len() == 1 && candidates.contains(&shown[0]) || !told.contains_key(user);
        findings.compare("settings", is_one, || {
            format!("{user}: {marks}, and may be {candidates:?}")
        });
        let told = told.get(user).cloned().unwrap_or_default();
        let open = unknown.get(user).map_or(0, |marks| marks.difference(&told).count());
        let times = usize::try_from(times).unwrap_or_default();
        findings.compare(
            "changes of settings recorded",
            (told.len()..=told.len() + open).contains(&times),
            || format!("{user}: {times} recorded, {} told, {open} unknown", told.len()),
        );
    }
}
