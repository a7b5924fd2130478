//! `PUT /api/v1/policies`: an admin puts another text, or an earlier version, in force.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};
use shared::{
    auth::Principal,
    context::AppContext,
    data::TenantTx,
    http::{ApiError, Caller, ErrorCode, Json, NoQuery, WriteErrors, roles},
    journal::{
        audit_log::{self, NewAuditEvent},
        outbox::{self, NewOutboxEvent},
    },
};
use utoipa::ToSchema;

use crate::{
    policies_in_force::no_policies,
    policy::{Flaw, compile},
    policy_version::PolicyVersion,
    store,
};

const UPDATED: &str = "policy.updated";

/// What is to be in force: a text or the number of an earlier version, one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPolicies {
    /// Cedar policies in the words of the published schema, at most 64 KiB and 1,000 of them.
    #[schema(max_length = 65536)]
    cedar: Option<String>,
    /// The version whose text is to be in force again, as a new version.
    #[schema(minimum = 1)]
    version: Option<i32>,
}

/// Puts policies in force, from the next tool call on.
///
/// They are parsed, validated and compiled first; what is wrong is told with its line and column, and nothing changes. The
/// text that is in force already makes no new version.
#[utoipa::path(
    put,
    path = "/api/v1/policies",
    operation_id = "put_policies",
    tag = "approval",
    request_body = NewPolicies,
    responses((status = 200, body = PolicyVersion, description = "The version that is in force"), WriteErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "policy.put", skip_all)]
pub(crate) async fn put_policies(
    State(ctx): State<AppContext>,
    caller: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Json(new): Json<NewPolicies>,
) -> Result<Json<PolicyVersion>, ApiError> {
    check_version(new.version)?;
    let given = match (new.cedar, new.version) {
        (Some(cedar), None) => {
            compile(&cedar).map_err(|flaw| unsound(&flaw))?;
            Given::Text(cedar)
        }
        (None, Some(version)) => Given::Version(version),
        (None, None) => return Err(ApiError::invalid("cedar", "must be given, or version")),
        (Some(_), Some(_)) => return Err(both_given()),
    };

    let mut tx = ctx.db.begin(caller.scope()).await?;
    store::lock_policies(&mut tx).await?;
    // Only now, in a statement of its own: whoever held the lock may have stored a version.
    let current = store::current_policies(&mut tx).await?.ok_or_else(no_policies)?;
    let cedar = match given {
        Given::Text(cedar) => cedar,
        Given::Version(version) => earlier(&mut tx, version).await?,
    };
    if cedar == current.cedar {
        return Ok(Json(current));
    }
    let by = caller.to_string();
    let next = store::insert_policies(&mut tx, current.id, current.version + 1, &cedar, &by).await?;
    record(&mut tx, &ctx, &caller, &next, new.version).await?;
    tx.commit().await?;
    Ok(Json(next))
}

enum Given {
    /// Found sound.
    Text(String),
    Version(i32),
}

/// That it can be the number of a version.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub(crate) fn check_version(version: Option<i32>) -> Result<(), ApiError> {
    if version.is_some_and(|version| version < 1) {
        return Err(ApiError::invalid("version", "must be at least 1"));
    }
    Ok(())
}

/// The text of an earlier version. What was sound when it was stored may not be any more.
async fn earlier(tx: &mut TenantTx, version: i32) -> Result<String, ApiError> {
    let found = store::find_policies(tx, version)
        .await?
        .ok_or_else(ApiError::not_found)?;
    compile(&found.cedar).map_err(|flaw| unsound(&flaw))?;
    Ok(found.cedar)
}

/// 400: a text and the number of another.
pub(crate) fn both_given() -> ApiError {
    ApiError::invalid("version", "must not be given together with cedar")
}

/// 400: the text cannot be put in force, and why.
pub(crate) fn unsound(flaw: &Flaw) -> ApiError {
    let (line, column) = (flaw.line, flaw.column);
    let message = format!("cedar is wrong at line {line}, column {column}: {}", flaw.message);
    ApiError::new(ErrorCode::ValidationError, message).with_details(json!({
        "field": "cedar", "line": line, "column": column, "message": flaw.message,
    }))
}

async fn record(
    tx: &mut TenantTx,
    ctx: &AppContext,
    principal: &Principal,
    policies: &PolicyVersion,
    restored: Option<i32>,
) -> Result<(), ApiError> {
    // The text stays readable in its version; the log binds it.
    let mut evidence = Map::from_iter([
        ("version".to_owned(), json!(policies.version)),
        (
            "cedar_sha256".to_owned(),
            json!(hex::encode(Sha256::digest(&policies.cedar))),
        ),
    ]);
    if let Some(restored) = restored {
        evidence.insert("restored_version".to_owned(), json!(restored));
    }
    let event = NewAuditEvent::of_product(ctx, &principal.to_string(), UPDATED, policies.id)
        .environment(principal.environment.as_str())
        .trust_level(principal.trust_level)
        .arguments(evidence);
    audit_log::record_in_tx(tx, ctx, event).await?;
    let tenant_id = tx.tenant_id();
    let event = NewOutboxEvent {
        aggregate_type: "policy",
        aggregate_id: policies.id,
        aggregate_version: policies.version,
        event_type: UPDATED,
        payload: serde_json::to_value(policies)
            .map_err(|error| ApiError::internal(format!("policies have no JSON form: {error}")))?,
    };
    outbox::enqueue(tx, ctx, tenant_id, event).await?;
    Ok(())
}
