//! Requests for approval and votes. Each version of a request was announced in the transaction that made it, in the form
//! that every answer has; so each answer must be, field by field, the announcement of the version it names.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::Findings;
use crate::load::{Entry, Operation, Outcome};

pub(super) async fn check(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    let announced = announced(superuser).await;
    for entry in entries {
        let Outcome::Acknowledged(body) = &entry.outcome else {
            continue;
        };
        match &entry.operation {
            Operation::Create { .. } | Operation::Vote { .. } | Operation::Cancel { .. } => {
                compare_status("acknowledged changes", &announced, body, findings);
            }
            Operation::Read { .. } => match body["data"].as_array() {
                Some(page) => {
                    for status in page {
                        compare_status("statuses listed", &announced, status, findings);
                    }
                }
                None => compare_status("statuses read", &announced, body, findings),
            },
            _ => {}
        }
    }
    check_creations(superuser, entries, findings).await;
    check_votes(superuser, entries, findings).await;
}

async fn announced(superuser: &PgPool) -> HashMap<(Uuid, i64), Value> {
    let rows: Vec<(Uuid, i32, Value)> =
        sqlx::query_as("SELECT aggregate_id, aggregate_version, payload FROM outbox WHERE aggregate_type = 'approval'")
            .fetch_all(superuser)
            .await
            .expect("the outbox is readable");
    rows.into_iter()
        .map(|(id, version, payload)| ((id, i64::from(version)), payload))
        .collect()
}

fn compare_status(kind: &'static str, announced: &HashMap<(Uuid, i64), Value>, told: &Value, findings: &mut Findings) {
    let mut told = told.clone();
    if let Some(fields) = told.as_object_mut() {
        fields.remove("token");
    }
    let id = told["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
    let version = told["version"].as_i64().unwrap_or_default();
    let row = announced.get(&(id, version));
    findings.compare(kind, row == Some(&told), || {
        format!("told {told}, in the database {row:?}")
    });
}

/// An acknowledged request is there once; one with an idempotency key once however often it was sent; a refused one not;
/// one that nobody was told of at most once. Nothing else is there.
async fn check_creations(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    let rows: Vec<(Uuid, String, Uuid)> = sqlx::query_as("SELECT tenant_id, request_id, id FROM approval_requests")
        .fetch_all(superuser)
        .await
        .expect("requests are readable");
    let mut stored: HashMap<(Uuid, &str), BTreeSet<String>> = HashMap::new();
    for (tenant, request_id, id) in &rows {
        stored.entry((*tenant, request_id)).or_default().insert(id.to_string());
    }
    let (mut told, mut open) = (HashMap::<(Uuid, &str), BTreeSet<String>>::new(), HashSet::new());
    for entry in entries {
        let Operation::Create { tenant, request_id, .. } = &entry.operation else {
            continue;
        };
        let name = (*tenant, request_id.as_str());
        match &entry.outcome {
            Outcome::Acknowledged(body) => {
                told.entry(name)
                    .or_default()
                    .insert(body["id"].as_str().unwrap_or_default().to_owned());
            }
            Outcome::Unknown(_) => {
                open.insert(name);
            }
            Outcome::Refused(..) => {}
        }
    }
    for (name, ids) in &told {
        let rows = stored.get(name);
        findings.compare("requests stored once", rows == Some(ids), || {
            format!("{name:?}: told {ids:?}, stored {rows:?}")
        });
    }
    for (name, ids) in &stored {
        let is_known = told.contains_key(name) || open.contains(name) && ids.len() == 1;
        findings.compare("requests asked for", is_known, || {
            format!("{name:?}: stored {ids:?}, never asked for")
        });
    }
}

/// Every vote that is there was cast so; every vote that was acknowledged is there, or was replaced by its voter's denial.
async fn check_votes(superuser: &PgPool, entries: &[Entry], findings: &mut Findings) {
    let rows: Vec<(Uuid, String, String, Option<String>)> =
        sqlx::query_as("SELECT approval_id, approver, decision, note FROM approval_votes")
            .fetch_all(superuser)
            .await
            .expect("votes are readable");
    let mut cast = HashSet::new();
    let mut told = Vec::new();
    for entry in entries {
        if let Operation::Vote {
            approval,
            by,
            decision,
            note,
            ..
        } = &entry.operation
        {
            match &entry.outcome {
                Outcome::Refused(..) => continue,
                Outcome::Unknown(_) => {}
                Outcome::Acknowledged(_) => told.push((*approval, by.as_str(), *decision)),
            }
            cast.insert((*approval, by.as_str(), *decision, Some(note.as_str())));
        }
    }
    for (approval, by, decision, note) in &rows {
        let vote = (*approval, by.as_str(), decision.as_str(), note.as_deref());
        findings.compare("votes cast", cast.contains(&vote), || {
            format!("{vote:?} is stored and was never cast")
        });
    }
    let stored: HashMap<(Uuid, &str), &str> = rows
        .iter()
        .map(|(approval, by, decision, _)| ((*approval, by.as_str()), decision.as_str()))
        .collect();
    for (approval, by, decision) in told {
        let row = stored.get(&(approval, by)).copied();
        let is_there = row == Some(decision) || row == Some("DENY");
        findings.compare("votes acknowledged", is_there, || {
            format!("{by} said {decision} on {approval}, stored {row:?}")
        });
    }
}
