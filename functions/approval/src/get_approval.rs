//! `GET /api/v1/approvals/{id}`: how a request stands, now or once it has moved.

use std::time::Duration;

use axum::{Extension, extract::State};
use serde::{Deserialize, Deserializer, de::Error as _};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, Path, Query, ReadErrors, roles},
    lambda::AnswerBy,
};
use tokio::time::Instant;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    view::ApprovalStatus,
    waiters::Waiters,
    waiting::{Awaited, wait_for},
};

/// What a waiter keeps of the invocation's time to read the request once more.
const LAST_READ: Duration = Duration::from_millis(500);

/// How long to wait for what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Patience {
    /// Answer after this many seconds at the latest; at once when absent.
    #[param(value_type = Option<u8>, minimum = 0, maximum = 25)]
    wait: Option<WaitSeconds>,
    /// Wait for a later version than this; without it, for the end of `PENDING`.
    #[param(value_type = Option<i32>, minimum = 0)]
    after_version: Option<Version>,
}

#[derive(Debug, Clone, Copy)]
struct WaitSeconds(u64);

impl<'de> Deserialize<'de> for WaitSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer) {
            Ok(seconds @ 0..=25) => Ok(Self(seconds)),
            _ => Err(D::Error::custom("expected a number from 0 to 25")),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Version(i32);

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i32::deserialize(deserializer) {
            Ok(version @ 0..) => Ok(Self(version)),
            _ => Err(D::Error::custom("expected a version number")),
        }
    }
}

/// Shows a request, at once or when it has moved.
///
/// With `wait` the answer comes when `version` is above `after_version` or the status is terminal (without
/// `after_version`: when the status is no longer `PENDING`), and after `wait` seconds at the latest. When too many wait
/// already, it comes at once; `poll_after_ms` says when to ask again.
#[utoipa::path(
    get,
    path = "/api/v1/approvals/{id}",
    operation_id = "get_approval",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request"), Patience),
    responses((status = 200, body = ApprovalStatus, description = "How the request stands"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "approval.get", skip_all, fields(approval.id = %id))]
pub(crate) async fn get_approval(
    State(ctx): State<AppContext>,
    Extension(waiters): Extension<Waiters>,
    answer_by: Option<Extension<AnswerBy>>,
    caller: Caller<{ roles::ANY }>,
    Path(id): Path<Uuid>,
    Query(patience): Query<Patience>,
) -> Result<Json<ApprovalStatus>, ApiError> {
    let awaited = patience
        .after_version
        .map_or(Awaited::Decision, |version| Awaited::VersionAfter(version.0));
    let asked = Duration::from_secs(patience.wait.map_or(0, |seconds| seconds.0));
    let wait = answer_by.map_or(asked, |Extension(AnswerBy(instant))| {
        asked.min(
            instant
                .saturating_duration_since(Instant::now())
                .saturating_sub(LAST_READ),
        )
    });
    let approval = wait_for(&ctx, &waiters, &caller, id, awaited, wait).await?;
    Ok(Json(ApprovalStatus::from(&approval)))
}
