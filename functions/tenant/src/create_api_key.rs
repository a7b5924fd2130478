//! `POST /api/v1/api-keys`: a key for an agent or a person.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use shared::{
    auth::{Environment, Role},
    context::AppContext,
    data::TenantTx,
    http::{ApiError, Attempt, Caller, CreateErrors, ErrorCode, IdempotencyKey, Idempotent, NoQuery, Performed, roles},
    journal::audit_log,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api_key::{ApiKey, CallerId, Holder, MintedApiKey, TrustLevel},
    events,
    mint::mint,
    store::{self, api_keys, users},
    user::UserStatus,
};

/// A key to make: `caller_id` for an agent, `user_id` for a person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKey {
    /// A person's key has that person's role.
    role: Role,
    #[serde(default)]
    trust_level: TrustLevel,
    /// `dev` when absent.
    #[serde(default = "dev")]
    environment: Environment,
    /// Unique among the tenant's active keys.
    caller_id: Option<CallerId>,
    user_id: Option<Uuid>,
    /// The person who answers for the agent, and so may not decide on its requests.
    owner_user_id: Option<Uuid>,
    /// Never when absent.
    #[serde(default, with = "shared::http::timestamp::option")]
    expires_at: Option<DateTime<Utc>>,
}

fn dev() -> Environment {
    Environment::Dev
}

/// Makes a key, and shows its text this once.
///
/// # Errors
/// `NOT_FOUND`: no such person in this tenant, or not active. `CONFLICT`: an active key has the caller id.
#[utoipa::path(
    post,
    path = "/api/v1/api-keys",
    operation_id = "create_api_key",
    tag = "tenant",
    params(IdempotencyKey),
    request_body = NewApiKey,
    responses((status = 201, body = MintedApiKey, description = "The key"), CreateErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "api_key.create", skip_all)]
pub(crate) async fn create_api_key(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Idempotent { body: new, once }: Idempotent<NewApiKey>,
) -> Result<Performed<MintedApiKey>, ApiError> {
    let holder = Holder::of(new.role, new.caller_id, new.user_id, new.owner_user_id)?;
    let api_key = ApiKey {
        id: ctx.ids.next(),
        role: new.role,
        caller_id: holder.caller_id().map(str::to_owned),
        user_id: holder.user_id(),
        owner_user_id: holder.owner_user_id(),
        trust_level: new.trust_level.get(),
        environment: new.environment,
        is_active: true,
        minted_by: admin.to_string(),
        created_at: ctx.clock.now(),
        last_used_at: None,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    let credential = mint(&ctx, api_key.environment, api_key.id).await?;

    let mut work = match once.begin(&ctx, admin.scope(), &*admin).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    // Here and not with the rest of the body: what was in the future when it was first sent is replayed later too.
    if let Some(at) = api_key.expires_at
        && at <= store::database_clock(&mut work).await?
    {
        return Err(ApiError::invalid("expires_at", "must be in the future"));
    }
    check_people(&mut work, &holder, new.role).await?;
    if let Some(caller_id) = holder.caller_id() {
        api_keys::retire_expired(&mut work, caller_id).await?;
    }
    match api_keys::insert(&mut work, &api_key, &credential.hash).await {
        Err(error) if store::violates(&error, api_keys::CALLER_IS_UNIQUE) => return Err(caller_is_taken()),
        stored => stored?,
    }
    let event = events::by(&ctx, &admin, "api_key.created", api_key.id).arguments(events::fields(&api_key));
    audit_log::record_in_tx(&mut work, &ctx, event).await?;
    let key = credential.text;
    work.commit(MintedApiKey { api_key, key }).await
}

/// Whoever the key names must be there, and the holder active and of the key's role. The holder's row stays locked, so
/// that a change of role at the same time finds the new key.
async fn check_people(tx: &mut TenantTx, holder: &Holder, role: Role) -> Result<(), ApiError> {
    if let Some(user_id) = holder.user_id() {
        let user = users::lock(tx, user_id)
            .await?
            .filter(|user| user.status == UserStatus::Active);
        let user = user.ok_or_else(ApiError::not_found)?;
        if Role::from(user.role) != role {
            return Err(ApiError::invalid("role", "must be the user's own"));
        }
    }
    if let Some(owner) = holder.owner_user_id() {
        users::find(tx, owner).await?.ok_or_else(ApiError::not_found)?;
    }
    Ok(())
}

fn caller_is_taken() -> ApiError {
    ApiError::new(ErrorCode::Conflict, "Another active API key has this caller_id")
        .with_details(json!({ "field": "caller_id" }))
}
