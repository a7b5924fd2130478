//! `POST /api/v1/approvals/check`: the requester asks by its token how the request stands.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, WriteErrors, roles},
};
use utoipa::ToSchema;

use crate::{fast_path, store, token::ApprovalToken, view::ApprovalStatus};

/// Which request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalCheck {
    /// As it was returned when the request was made.
    token: ApprovalToken,
}

impl ApprovalCheck {
    /// What the request is looked for by.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.token.digest()
    }
}

/// Tells the requester how its request stands: from Redis where that is known there, else from Postgres.
///
/// An answer that can still change may be 5 seconds old. It authorises nothing.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/check",
    operation_id = "check_approval",
    tag = "approval",
    request_body = ApprovalCheck,
    responses((status = 200, body = ApprovalStatus, description = "How the request stands"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.check", skip_all)]
pub(crate) async fn check_approval(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::AGENT | roles::ADMIN }>,
    _: NoQuery,
    Json(check): Json<ApprovalCheck>,
) -> Result<Json<ApprovalStatus>, ApiError> {
    let requester = caller.to_string();
    let digest = check.digest();
    if let Some(status) = fast_path::find(&ctx, caller.tenant_id, &digest).await {
        // A token of somebody else's is as unknown as one that never was.
        return if status.requested_by == requester {
            Ok(Json(status))
        } else {
            Err(ApiError::not_found())
        };
    }

    let mut tx = ctx.db.begin(caller.scope()).await?;
    let found = store::find_by_token(&mut tx, &digest).await?;
    tx.commit().await?;

    let approval = found
        .filter(|approval| approval.requested_by == requester)
        .ok_or_else(ApiError::not_found)?;
    fast_path::keep(&ctx, caller.tenant_id, &approval).await;
    Ok(Json(ApprovalStatus::from(&approval)))
}
