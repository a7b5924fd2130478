//! `POST /api/v1/stops`: an admin stops a caller, or the whole tenant.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    data::TenantTx,
    http::{
        ApiError, Attempt, Caller, CreateErrors, IdempotencyKey, Idempotent, NoQuery, Performed, Replayable, roles,
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    approval::Approval,
    events::{self, Actor, StopChange},
    fast_path,
    intake::{self, Reason},
    stop::Stop,
    store,
};

/// How many requests are cancelled in one statement.
const BATCH: usize = 500;

/// Whom to stop, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStop {
    /// The agent's name for itself, whether a key has it yet or not; everybody in the tenant when absent.
    #[schema(min_length = 1, max_length = 200, pattern = "^[!-~]+$")]
    caller_id: Option<String>,
    /// For whoever is stopped, and the record.
    #[schema(value_type = Reason)]
    reason: String,
}

impl Replayable for Stop {
    const SHOWN_ONCE: &'static [&'static str] = &[];
}

/// Stops a caller, or the whole tenant, until the stop is lifted.
///
/// Its tool calls and requests are denied, what it has pending is cancelled, and what was approved cannot be redeemed. All
/// of that holds once this has answered, for whatever begins later; what had begun before has ended.
#[utoipa::path(
    post,
    path = "/api/v1/stops",
    operation_id = "create_stop",
    tag = "approval",
    params(IdempotencyKey),
    request_body = NewStop,
    responses((status = 201, body = Stop, description = "The stop is in force"), CreateErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "stop.create", skip_all)]
pub(crate) async fn create_stop(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Idempotent { body, once }: Idempotent<NewStop>,
) -> Result<Performed<Stop>, ApiError> {
    if let Some(caller_id) = &body.caller_id {
        intake::check_caller_id(caller_id)?;
    }
    let reason =
        intake::prose("reason", &body.reason)?.ok_or_else(|| ApiError::invalid("reason", "must not be empty"))?;
    let actor = Actor::from(&*admin);

    let mut work = match once.begin(&ctx, admin.scope(), &*admin).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    let id = ctx.ids.next();
    let created_at = store::insert_stop(&mut work, id, body.caller_id.as_deref(), &reason, &actor.name).await?;
    let stop = Stop {
        id,
        caller_id: body.caller_id,
        reason,
        created_by: actor.name.clone(),
        created_at,
    };
    events::record_stop(&mut work, &ctx, &actor, &stop, StopChange::Created).await?;
    let cancelled = cancel_pending(&mut work, &ctx, &actor, &stop).await?;
    let answer = work.commit(stop).await?;

    fast_path::announce_all(&ctx, admin.tenant_id, &cancelled).await;
    Ok(answer)
}

/// Cancels whatever is pending of those who are stopped, each with its own events. In batches, since a tenant may have
/// thousands; in one transaction with the stop, so that there is never one without the other.
async fn cancel_pending(
    tx: &mut TenantTx,
    ctx: &AppContext,
    actor: &Actor,
    stop: &Stop,
) -> Result<Vec<Approval>, ApiError> {
    let ids: Vec<Uuid> = store::lock_pending(tx, stop.caller_id.as_deref()).await?;
    let mut cancelled = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        let batch = store::cancel_pending(tx, batch).await?;
        events::record_stopped(tx, ctx, actor, &batch, stop.id).await?;
        cancelled.extend(batch);
    }
    Ok(cancelled)
}
