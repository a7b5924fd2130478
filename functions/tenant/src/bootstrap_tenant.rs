//! `POST /api/v1/tenants/{id}/bootstrap`: the first admin of a tenant, with a key.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    auth::{Environment, OPERATOR, Role},
    context::AppContext,
    data::TenantScope,
    http::{ApiError, Attempt, CreateErrors, IdempotencyKey, Idempotent, NoQuery, Path, Performed, Replayable},
    journal::audit_log::{self, NewAuditEvent},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::Operator,
    api_key::{ApiKey, TrustLevel},
    create_user::email_is_taken,
    events,
    mint::mint,
    name::Name,
    store::{self, api_keys, tenants, users},
    tenant::TenantStatus,
    user::{Email, PersonRole, User, UserStatus},
};

/// The first admin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstAdmin {
    email: Email,
    name: Name,
}

// No `Debug`: it would show the key again.
/// The first admin with their key.
#[derive(Serialize, ToSchema)]
pub(crate) struct Bootstrapped {
    user: User,
    api_key: ApiKey,
    /// What to present as the bearer credential. Shown once: null in a replay.
    #[schema(value_type = Option<String>, required = true)]
    key: String,
}

impl Replayable for Bootstrapped {
    const SHOWN_ONCE: &'static [&'static str] = &["/key"];
}

/// Makes the first admin of a tenant and their key.
///
/// # Errors
/// `NOT_FOUND`. `CONFLICT`: the tenant has an admin already, or is suspended.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{id}/bootstrap",
    operation_id = "bootstrap_tenant",
    tag = "tenant",
    params(("id" = Uuid, Path, description = "The tenant"), IdempotencyKey),
    request_body = FirstAdmin,
    responses((status = 201, body = Bootstrapped, description = "The admin and their key"), CreateErrors),
    security(("api_key" = []))
)]
#[tracing::instrument(name = "tenant.bootstrap", skip_all, fields(tenant.id = %tenant_id))]
pub(crate) async fn bootstrap_tenant(
    State(ctx): State<AppContext>,
    _: Operator,
    _: NoQuery,
    Path(tenant_id): Path<Uuid>,
    Idempotent { body: admin, once }: Idempotent<FirstAdmin>,
) -> Result<Performed<Bootstrapped>, ApiError> {
    let now = ctx.clock.now();
    let user = User {
        id: ctx.ids.next(),
        email: admin.email.into_string(),
        name: admin.name.as_str().to_owned(),
        role: PersonRole::Admin,
        groups: Vec::new(),
        status: UserStatus::Active,
        created_at: now,
        updated_at: now,
    };
    let api_key = ApiKey {
        id: ctx.ids.next(),
        role: Role::Admin,
        caller_id: None,
        user_id: Some(user.id),
        owner_user_id: None,
        trust_level: TrustLevel::default().get(),
        environment: Environment::Dev,
        is_active: true,
        minted_by: OPERATOR.to_owned(),
        created_at: now,
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    };
    let credential = mint(&ctx, api_key.environment, api_key.id).await?;

    let scope = TenantScope::of(tenant_id);
    let mut work = match once.begin(&ctx, scope, OPERATOR).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    // Of two that come together the second waits here, and then sees the first one's admin.
    let tenant = tenants::lock(&mut work).await?.ok_or_else(ApiError::not_found)?;
    if tenant.status == TenantStatus::Suspended {
        return Err(ApiError::conflict("The tenant is suspended"));
    }
    if users::any_admin_exists(&mut work).await? {
        return Err(ApiError::conflict("The tenant has an admin already"));
    }
    match users::insert(&mut work, &user).await {
        Err(error) if store::violates(&error, users::EMAIL_IS_UNIQUE) => return Err(email_is_taken()),
        stored => stored?,
    }
    api_keys::insert(&mut work, &api_key, &credential.hash).await?;
    let event = NewAuditEvent::of_product(&ctx, OPERATOR, "tenant.bootstrapped", tenant_id)
        .arguments(events::fields(&json!({ "user": user, "key": api_key })));
    audit_log::record_in_tx(&mut work, &ctx, event).await?;
    let key = credential.text;
    work.commit(Bootstrapped { user, api_key, key }).await
}
