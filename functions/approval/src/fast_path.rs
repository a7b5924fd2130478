//! Redis: the answer to `check` by token, and the word to those who wait. Never the truth, and never an error.
//!
//! Entries are written after the commit they tell of. A terminal answer cannot change and stays until the request would
//! have expired; any other stays for seconds, so that a write that was missed, or overtaken by an older one, cannot lie
//! for long.

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use shared::{
    context::AppContext,
    data::{CacheError, Ttl},
};
use uuid::Uuid;

use crate::{approval::Approval, view::ApprovalStatus};

/// How long an answer that can still change may be kept.
const CHANGEABLE_SECONDS: u64 = 5;

/// The channel on which each change of a request is told. The message is empty: who hears it reads the truth.
pub(crate) fn channel(tenant_id: Uuid, id: Uuid) -> String {
    format!("approval:{tenant_id}:{id}")
}

/// The status under this token, if it is known and still holds at `now`.
pub(crate) async fn find(ctx: &AppContext, tenant_id: Uuid, token_digest: &[u8; 32]) -> Option<ApprovalStatus> {
    match ctx
        .cache
        .get_json::<ApprovalStatus>(&key(tenant_id, token_digest))
        .await
    {
        Ok(status) => status.filter(|status| holds(status, ctx.clock.now())),
        Err(error) => {
            missed(&error);
            None
        }
    }
}

/// Keeps what was read, for the next to ask.
pub(crate) async fn keep(ctx: &AppContext, tenant_id: Uuid, approval: &Approval) {
    if let Err(error) = try_keep(ctx, tenant_id, approval).await {
        missed(&error);
    }
}

/// Tells a committed change to the cache and to those who wait for it.
pub(crate) async fn announce(ctx: &AppContext, tenant_id: Uuid, approval: &Approval) {
    if let Err(error) = try_announce(ctx, tenant_id, approval).await {
        missed(&error);
    }
}

/// Tells any number of committed changes. Whoever made them does not wait for each of thousands while Redis is down: those
/// who wait also look by themselves now and then.
pub(crate) async fn announce_all(ctx: &AppContext, tenant_id: Uuid, approvals: &[Approval]) {
    const AT_ONCE: usize = 100;
    for some in approvals.chunks(AT_ONCE) {
        let told = try_join_all(some.iter().map(|approval| try_announce(ctx, tenant_id, approval))).await;
        if let Err(error) = told {
            return missed(&error);
        }
    }
}

async fn try_announce(ctx: &AppContext, tenant_id: Uuid, approval: &Approval) -> Result<(), CacheError> {
    let channel = channel(tenant_id, approval.id);
    let (kept, told) = tokio::join!(try_keep(ctx, tenant_id, approval), ctx.cache.publish(&channel));
    kept.and(told)
}

async fn try_keep(ctx: &AppContext, tenant_id: Uuid, approval: &Approval) -> Result<(), CacheError> {
    match ttl(approval) {
        Some(ttl) => {
            let key = key(tenant_id, &approval.token_digest);
            ctx.cache.set_json(&key, &ApprovalStatus::from(approval), ttl).await
        }
        None => Ok(()),
    }
}

fn key(tenant_id: Uuid, token_digest: &[u8; 32]) -> String {
    format!("approval:{tenant_id}:{}", hex::encode(token_digest))
}

/// Past its deadline a kept PENDING or APPROVED is no longer true, however fresh it is.
fn holds(status: &ApprovalStatus, now: DateTime<Utc>) -> bool {
    status.status.is_terminal() || now < status.expires_at
}

/// `None`: nothing is kept past the deadline.
fn ttl(approval: &Approval) -> Option<Ttl> {
    let left = u64::try_from((approval.expires_at - approval.read_at).num_seconds()).ok()?;
    if approval.expires_at <= approval.read_at {
        return None;
    }
    Some(Ttl::seconds(if approval.state().is_terminal() {
        left
    } else {
        left.min(CHANGEABLE_SECONDS)
    }))
}

fn missed(error: &CacheError) {
    tracing::warn!(%error, "the fast path of approvals was missed");
}
