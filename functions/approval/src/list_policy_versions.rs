//! `GET /api/v1/policies/versions`: what was in force, and when.

use axum::extract::State;
use serde::Deserialize;
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Cursor, Json, Page, PageSize, Query, ReadErrors, roles},
};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{policy_version::PolicyVersion, store};

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionQuery {
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<PageSize>,
    cursor: Option<String>,
}

/// Lists every version of the policies, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/policies/versions",
    operation_id = "list_policy_versions",
    tag = "approval",
    params(VersionQuery),
    responses((status = 200, body = Page<PolicyVersion>, description = "A page of versions"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "policy.versions", skip_all)]
pub(crate) async fn list_policy_versions(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ADMIN }>,
    Query(query): Query<VersionQuery>,
) -> Result<Json<Page<PolicyVersion>>, ApiError> {
    let size = query.limit.unwrap_or_default();
    let cursor = Cursor::of("policy_versions", caller.tenant_id, &());
    let before = match cursor.read(query.cursor.as_deref())? {
        Some(place) => Some(version_at(place)?),
        None => None,
    };

    let mut tx = ctx.db.begin(caller.scope()).await?;
    let versions = store::list_policy_versions(&mut tx, before, size.and_one()).await?;
    tx.commit().await?;

    Ok(Json(cursor.page(versions, size, |version| place_of(version.version))))
}

/// Cursors hold ids; that of a version in its list is its number.
fn place_of(version: i32) -> Uuid {
    Uuid::from_u128(u128::from(version.unsigned_abs()))
}

fn version_at(place: Uuid) -> Result<i32, ApiError> {
    i32::try_from(place.as_u128()).map_err(|_| ApiError::invalid_cursor())
}
