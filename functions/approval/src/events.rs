//! What a change of a request leaves behind: one audit event and one outbox event, in the transaction of the change.

use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::{
    auth::Principal,
    context::AppContext,
    data::TenantTx,
    http::ApiError,
    journal::{
        audit_log::{self, NewAuditEvent},
        outbox::{self, NewOutboxEvent},
    },
};
use uuid::Uuid;

use crate::{
    approval::{Approval, ApprovalState, Vote},
    stop::Stop,
    view::ApprovalStatus,
};

/// Who changed a request, as the audit log names them.
pub(crate) struct Actor {
    /// As a principal.
    pub(crate) name: String,
    /// That of the key they came with; none came with a link.
    pub(crate) trust_level: Option<i16>,
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        Self {
            name: principal.to_string(),
            trust_level: Some(principal.trust_level),
        }
    }
}

/// What happened to a request.
pub(crate) enum Change {
    /// It was made, for a call with these raw arguments.
    Requested {
        /// Hashed and sanitized on their way into the log.
        arguments: Map<String, Value>,
    },
    /// A vote was accepted.
    Voted {
        vote: Vote,
        /// The door through which it came, where that is not the plain one.
        via: Option<&'static str>,
    },
    /// It was withdrawn.
    Cancelled {
        /// The stop that did it; otherwise the requester or an admin did.
        by_stop: Option<Uuid>,
    },
    /// The requester presented the approved action, and may execute it.
    Consumed,
    /// The approval was taken back.
    Revoked { reason: String },
}

impl Change {
    /// The event's name, here and in the outbox. A vote that decides is told by what it decided.
    fn name(&self, after: ApprovalState) -> &'static str {
        match (self, after) {
            (Self::Requested { .. }, _) => "approval.requested",
            (Self::Voted { .. }, ApprovalState::Approved) => "approval.approved",
            (Self::Voted { .. }, ApprovalState::Denied) => "approval.denied",
            (Self::Voted { .. }, _) => "approval.voted",
            (Self::Cancelled { .. }, _) => "approval.cancelled",
            (Self::Consumed, _) => "approval.consumed",
            (Self::Revoked { .. }, _) => "approval.revoked",
        }
    }
}

/// Writes both events of a change that left the request as `after`.
///
/// # Errors
/// `UNAVAILABLE` or `INTERNAL_ERROR`; the transaction must then be rolled back.
pub(crate) async fn record(
    tx: &mut TenantTx,
    ctx: &AppContext,
    actor: &Actor,
    after: &Approval,
    change: Change,
) -> Result<(), ApiError> {
    let name = change.name(after.stored_state);
    let tenant_id = tx.tenant_id();
    let event = audit_event(ctx, actor, after, name, change);
    audit_log::record_in_tx(tx, ctx, event).await?;
    outbox::enqueue(tx, ctx, tenant_id, outbox_event(after, name)?).await?;
    Ok(())
}

/// Writes both events of each of these requests, which a stop has cancelled, in two statements.
///
/// # Errors
/// As [`record`].
pub(crate) async fn record_stopped(
    tx: &mut TenantTx,
    ctx: &AppContext,
    actor: &Actor,
    cancelled: &[Approval],
    stop_id: Uuid,
) -> Result<(), ApiError> {
    let tenant_id = tx.tenant_id();
    let (mut logged, mut sent) = (Vec::new(), Vec::new());
    for after in cancelled {
        let change = Change::Cancelled { by_stop: Some(stop_id) };
        let name = change.name(after.stored_state);
        logged.push(audit_event(ctx, actor, after, name, change));
        sent.push(outbox_event(after, name)?);
    }
    audit_log::record_all_in_tx(tx, ctx, &logged).await?;
    outbox::enqueue_all(tx, ctx, tenant_id, &sent).await?;
    Ok(())
}

/// What happened to a stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StopChange {
    /// It was made.
    Created,
    /// It was lifted.
    Lifted,
}

/// Writes both events of a change of a stop.
///
/// # Errors
/// As [`record`].
pub(crate) async fn record_stop(
    tx: &mut TenantTx,
    ctx: &AppContext,
    actor: &Actor,
    stop: &Stop,
    change: StopChange,
) -> Result<(), ApiError> {
    let (name, version) = match change {
        StopChange::Created => ("stop.created", 1),
        StopChange::Lifted => ("stop.lifted", 2),
    };
    let tenant_id = tx.tenant_id();
    let mut event = NewAuditEvent::of_product(ctx, &actor.name, name, stop.id).arguments(Map::from_iter([
        ("caller_id".to_owned(), json!(stop.caller_id)),
        ("reason".to_owned(), json!(stop.reason)),
    ]));
    event.trust_level = actor.trust_level;
    audit_log::record_in_tx(tx, ctx, event).await?;
    let event = NewOutboxEvent {
        aggregate_type: "stop",
        aggregate_id: stop.id,
        aggregate_version: version,
        event_type: name,
        payload: json_form(stop)?,
    };
    outbox::enqueue(tx, ctx, tenant_id, event).await?;
    Ok(())
}

fn outbox_event(after: &Approval, name: &'static str) -> Result<NewOutboxEvent, ApiError> {
    Ok(NewOutboxEvent {
        aggregate_type: "approval",
        aggregate_id: after.id,
        aggregate_version: after.version,
        event_type: name,
        payload: json_form(&ApprovalStatus::from(after))?,
    })
}

fn json_form(object: &impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(object).map_err(|error| ApiError::internal(format!("an object has no JSON form: {error}")))
}

/// Writes the audit event of a link that a person was given. The request itself is as it was, so nobody else is told.
///
/// # Errors
/// As [`record`].
pub(crate) async fn record_link(
    tx: &mut TenantTx,
    ctx: &AppContext,
    actor: &Actor,
    approval: &Approval,
) -> Result<(), ApiError> {
    let event = about(ctx, actor, approval, "decision_link.created");
    audit_log::record_in_tx(tx, ctx, event).await?;
    Ok(())
}

fn audit_event(ctx: &AppContext, actor: &Actor, after: &Approval, name: &str, change: Change) -> NewAuditEvent {
    let event = about(ctx, actor, after, name).outcome(after.stored_state.as_str());
    // What people saw and what they allow stand in the log beside what they said.
    let evidence = |more: Value| {
        let mut evidence = Map::from_iter([
            ("action_digest".to_owned(), json!(after.action_digest)),
            ("display_hash".to_owned(), json!(after.display_hash)),
            ("version".to_owned(), json!(after.version)),
        ]);
        if let Value::Object(more) = more {
            evidence.extend(more);
        }
        evidence
    };
    match change {
        Change::Requested { arguments } => event.arguments(arguments),
        Change::Voted { vote, via } => {
            let mut said = evidence(json!({ "note": vote.note }));
            said.extend(
                vote.on_behalf_of
                    .map(|absent| ("on_behalf_of".to_owned(), json!(absent))),
            );
            said.extend(via.map(|door| ("via".to_owned(), json!(door))));
            event.decision(vote.decision.as_str()).arguments(said)
        }
        Change::Cancelled { by_stop: Some(stop_id) } => event.arguments(evidence(json!({ "stop_id": stop_id }))),
        Change::Cancelled { by_stop: None } | Change::Consumed => event.arguments(evidence(json!({}))),
        Change::Revoked { reason } => event.arguments(evidence(json!({ "reason": reason }))),
    }
}

/// An event of this name about this request.
fn about(ctx: &AppContext, actor: &Actor, approval: &Approval, name: &str) -> NewAuditEvent {
    let mut event = NewAuditEvent::of_product(ctx, &actor.name, name, approval.id)
        .tool(approval.tool_call.tool.as_str())
        .environment(approval.tool_call.environment.as_str())
        .risk_labels(approval.risk_labels.clone());
    event.trust_level = actor.trust_level;
    event
}
