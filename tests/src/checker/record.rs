//! Audit events and tasks.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::Findings;
use crate::load::{Entry, Operation, Outcome};

struct Stored {
    event_id: Uuid,
    leaf_hash: String,
    received_at: DateTime<Utc>,
}

/// Who recorded it in which tenant, and the recorder's own id of it.
type Name = (Uuid, String, String);

pub(super) async fn check(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    check_events(superuser, entries, findings).await;
    check_tasks(superuser, entries, findings).await;
}

async fn check_events(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    let stored = stored(superuser).await;
    let mut asked = HashSet::new();
    let mut firsts = HashMap::<Name, u32>::new();
    for entry in entries {
        let Operation::Record {
            tenant,
            by,
            request_ids,
        } = &entry.operation
        else {
            continue;
        };
        let names: Vec<Name> = request_ids.iter().map(|id| (*tenant, by.clone(), id.clone())).collect();
        let present = names.iter().filter(|name| stored.contains_key(*name)).count();
        findings.compare(
            "batches whole or not at all",
            present == 0 || present == names.len(),
            || format!("{present} of {names:?}"),
        );
        if let Outcome::Acknowledged(body) = &entry.outcome {
            let receipts = body["events"].as_array().cloned().unwrap_or_default();
            findings.compare("receipts for each event", receipts.len() == names.len(), || {
                format!("{names:?}: {body}")
            });
            for (name, receipt) in names.iter().zip(&receipts) {
                findings.compare(
                    "receipts",
                    stored.get(name).is_some_and(|row| row.is_told_by(name, receipt)),
                    || format!("{name:?}: told {receipt}"),
                );
                *firsts.entry(name.clone()).or_default() += u32::from(receipt["duplicate"] == false);
            }
        }
        if !matches!(entry.outcome, Outcome::Refused(..)) {
            asked.extend(names);
        }
    }
    for (name, times) in firsts {
        findings.compare("events new at most once", times <= 1, || {
            format!("{name:?} was new {times} times")
        });
    }
    for name in stored.keys() {
        findings.compare("events asked for", asked.contains(name), || {
            format!("{name:?} was never submitted")
        });
    }
}

impl Stored {
    fn is_told_by(&self, (_, _, request_id): &Name, receipt: &Value) -> bool {
        receipt["event_id"] == self.event_id.to_string()
            && receipt["request_id"] == *request_id
            && receipt["leaf_hash"] == self.leaf_hash
            && receipt["received_at"] == shared::http::timestamp::format(self.received_at)
    }
}

/// What clients submitted, as opposed to what the product says of itself, which names an action.
async fn stored(superuser: &PgPool) -> HashMap<Name, Stored> {
    let rows: Vec<(Uuid, String, String, Uuid, String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT tenant_id, recorded_by, request_id, event_id, encode(leaf_hash, 'hex'), received_at
         FROM audit_events WHERE action IS NULL",
    )
    .fetch_all(superuser)
    .await
    .expect("the log is readable");
    rows.into_iter()
        .map(|(tenant, by, request_id, event_id, leaf_hash, received_at)| {
            let stored = Stored {
                event_id,
                leaf_hash,
                received_at,
            };
            ((tenant, by, request_id), stored)
        })
        .collect()
}

/// Tasks have no name that their client gave them, so those nobody was told of are counted.
async fn check_tasks(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    let rows: Vec<(Uuid, String, Uuid)> = sqlx::query_as(
        "SELECT tenant_id, payload ->> 'requested_by', aggregate_id FROM outbox WHERE event_type = 'tasks.ping'",
    )
    .fetch_all(superuser)
    .await
    .expect("the outbox is readable");
    let mut stored: HashMap<(Uuid, String), HashSet<String>> = HashMap::new();
    for (tenant, by, id) in rows {
        stored.entry((tenant, by)).or_default().insert(id.to_string());
    }
    let mut unknown = HashMap::<(Uuid, String), usize>::new();
    let mut told = HashMap::<(Uuid, String), usize>::new();
    for entry in entries {
        let Operation::Ping { tenant, by } = &entry.operation else {
            continue;
        };
        let name = (*tenant, by.clone());
        match &entry.outcome {
            Outcome::Acknowledged(body) => {
                let id = body["id"].as_str().unwrap_or_default();
                let is_there = stored.get(&name).is_some_and(|ids| ids.contains(id));
                findings.compare("tasks queued", is_there, || format!("{name:?}: {body}"));
                *told.entry(name).or_default() += 1;
            }
            Outcome::Unknown(_) => *unknown.entry(name).or_default() += 1,
            Outcome::Refused(..) => {}
        }
    }
    for (name, ids) in &stored {
        let (told, unknown) = (
            told.get(name).copied().unwrap_or(0),
            unknown.get(name).copied().unwrap_or(0),
        );
        findings.compare("tasks asked for", (told..=told + unknown).contains(&ids.len()), || {
            format!("{name:?}: {} stored, {told} told, {unknown} unknown", ids.len())
        });
    }
}
