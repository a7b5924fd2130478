//! `GET /api/v1/policies`: the policies that are in force.

use axum::extract::State;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, NoQuery, ReadErrors, roles},
};

use crate::{policies_in_force::no_policies, policy_version::PolicyVersion, store};

/// Shows the policies that are in force.
#[utoipa::path(
    get,
    path = "/api/v1/policies",
    operation_id = "get_policies",
    tag = "approval",
    responses((status = 200, body = PolicyVersion, description = "The version that is in force"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "policy.get", skip_all)]
pub(crate) async fn get_policies(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ADMIN }>,
    _: NoQuery,
) -> Result<Json<PolicyVersion>, ApiError> {
    let mut tx = ctx.db.begin(caller.scope()).await?;
    let current = store::current_policies(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(current.ok_or_else(no_policies)?))
}
