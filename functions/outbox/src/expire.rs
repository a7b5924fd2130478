//! Materialises expiry. Reading, deciding and redeeming already treat a request past its deadline as expired; here its row
//! says so too, and whoever listens is told.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::{
    context::AppContext,
    data::Connection,
    journal::{
        audit_log::{self, AppendError, NewAuditEvent},
        outbox::{NewOutboxEvent, enqueue},
    },
    presentation::{DisplayWarning, display_warnings},
};
use uuid::Uuid;

use crate::store::approvals::{self, Due, Expired, Vote};

/// How the audit log names the sweep.
const RECORDED_BY: &str = "system:sweep";
const EXPIRED: &str = "approval.expired";

/// Requests whose expiry failed, each `(tenant, id)`. They are left alone for the rest of the invocation, so that they
/// neither fill every batch nor the log.
pub(crate) type Stuck = HashSet<(Uuid, Uuid)>;

/// Expires up to `batch` requests and says how many. Each one's transition, audit event and outbox event are written
/// together or not at all, and one that fails does not keep the others.
///
/// # Errors
/// Postgres refused or is gone; nothing expired.
pub(crate) async fn expire(ctx: &AppContext, stuck: &mut Stuck, batch: u32) -> Result<u64, sqlx::Error> {
    let mut tx = ctx.db.begin_without_tenant().await?;
    let but_not: Vec<(Uuid, Uuid)> = stuck.iter().copied().collect();
    let claimed = approvals::claim_due(&mut tx, &but_not, i64::from(batch)).await?;
    if claimed.is_empty() {
        tx.commit().await?;
        return Ok(0);
    }
    let mut expired = Vec::new();
    for due in &claimed {
        let mut savepoint = tx.savepoint().await?;
        match expire_one(ctx, &mut savepoint, due).await {
            Ok(moved) => {
                savepoint.commit().await?;
                expired.extend(moved.then_some(due));
            }
            Err(error) => {
                savepoint.rollback().await?;
                tracing::error!(tenant_id = %due.tenant_id, approval_id = %due.id, %error, "an approval could not expire");
                stuck.insert((due.tenant_id, due.id));
            }
        }
    }
    tx.commit().await?;
    wake_waiters(ctx, &expired).await;
    Ok(expired.len() as u64)
}

async fn expire_one(ctx: &AppContext, conn: &mut Connection, due: &Due) -> Result<bool, AppendError> {
    let Some(expired) = approvals::settle_expired(conn, due).await? else {
        return Ok(false);
    };
    let votes = approvals::list_votes(conn, due).await?;
    let event = audit_event(ctx, &expired);
    audit_log::append(conn, ctx, due.tenant_id, &[event]).await?;
    let event = NewOutboxEvent {
        aggregate_type: "approval",
        aggregate_id: due.id,
        aggregate_version: expired.version,
        event_type: EXPIRED,
        payload: payload(expired, votes)?,
    };
    enqueue(conn, ctx, due.tenant_id, event).await?;
    Ok(true)
}

/// Says of the request what the events of its other transitions say too.
fn audit_event(ctx: &AppContext, expired: &Expired) -> NewAuditEvent {
    let event = NewAuditEvent::of_product(ctx, RECORDED_BY, EXPIRED, expired.id)
        .outcome(expired.status.as_str())
        .risk_labels(expired.risk_labels.clone())
        .arguments(Map::from_iter([
            ("action_digest".to_owned(), json!(expired.action_digest)),
            ("display_hash".to_owned(), json!(expired.display_hash)),
            ("version".to_owned(), json!(expired.version)),
        ]));
    let of_call = |field: &str| expired.tool_call[field].as_str();
    let event = of_call("tool").into_iter().fold(event, NewAuditEvent::tool);
    of_call("environment")
        .into_iter()
        .fold(event, NewAuditEvent::environment)
}

/// Tells those who wait on the requests to look again. Best effort: they also look by themselves now and then, so with
/// Redis down nobody waits here for each message.
async fn wake_waiters(ctx: &AppContext, expired: &[&Due]) {
    for due in expired {
        if let Err(error) = ctx
            .cache
            .publish(&format!("approval:{}:{}", due.tenant_id, due.id))
            .await
        {
            tracing::warn!(%error, "those who wait for expired approvals were not woken");
            break;
        }
    }
}

/// The request in the form its GET route shows.
#[derive(Serialize)]
struct View {
    id: Uuid,
    request_id: String,
    status: String,
    version: i32,
    requested_by: String,
    tool_call: Value,
    display_hash: String,
    display_warnings: Vec<DisplayWarning>,
    action_digest: String,
    reason: String,
    risk_labels: Vec<String>,
    required_approvals: i32,
    approver_groups: Vec<String>,
    approvals: usize,
    decisions: Vec<DecisionView>,
    #[serde(with = "shared::http::timestamp")]
    created_at: DateTime<Utc>,
    #[serde(with = "shared::http::timestamp")]
    expires_at: DateTime<Utc>,
    #[serde(with = "shared::http::timestamp::option")]
    decided_at: Option<DateTime<Utc>>,
    policy: Option<PolicyView>,
    /// Nothing will change any more.
    poll_after_ms: u32,
}

#[derive(Serialize)]
struct DecisionView {
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<String>,
    decision: String,
    note: Option<String>,
    #[serde(with = "shared::http::timestamp")]
    at: DateTime<Utc>,
}

#[derive(Serialize)]
struct PolicyView {
    id: String,
    version: i32,
}

fn payload(expired: Expired, votes: Vec<Vote>) -> Result<Value, sqlx::Error> {
    let display_warnings = display_warnings_of(&expired);
    let view = View {
        id: expired.id,
        request_id: expired.request_id,
        status: expired.status,
        version: expired.version,
        requested_by: expired.requested_by,
        tool_call: expired.tool_call,
        display_hash: expired.display_hash,
        display_warnings,
        action_digest: expired.action_digest,
        reason: expired.reason,
        risk_labels: expired.risk_labels,
        required_approvals: expired.required_approvals,
        approver_groups: expired.approver_groups,
        approvals: votes.iter().filter(|vote| vote.decision == "APPROVE").count(),
        decisions: votes
            .into_iter()
            .map(|vote| DecisionView {
                by: vote.approver,
                on_behalf_of: vote.on_behalf_of,
                decision: vote.decision,
                note: vote.note,
                at: vote.voted_at,
            })
            .collect(),
        created_at: expired.created_at,
        expires_at: expired.expires_at,
        decided_at: expired.decided_at,
        policy: expired
            .policy_id
            .zip(expired.policy_version)
            .map(|(id, version)| PolicyView { id, version }),
        poll_after_ms: 0,
    };
    serde_json::to_value(view).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// Over everything that an approver was shown.
fn display_warnings_of(expired: &Expired) -> Vec<DisplayWarning> {
    let call = &expired.tool_call;
    let texts = [&expired.request_id, &expired.requested_by, &expired.reason]
        .into_iter()
        .chain(&expired.risk_labels)
        .chain(&expired.approver_groups);
    let of_call = [&call["tool"], &call["server"]].into_iter().filter_map(Value::as_str);
    let none = Map::new();
    let arguments = call["arguments"].as_object().unwrap_or(&none);
    display_warnings(texts.map(String::as_str).chain(of_call), arguments)
}
