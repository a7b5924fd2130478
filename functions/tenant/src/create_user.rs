//! `POST /api/v1/users`: a new person.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use shared::{
    context::AppContext,
    http::{ApiError, Attempt, Caller, CreateErrors, ErrorCode, IdempotencyKey, Idempotent, NoQuery, Performed, roles},
    journal::audit_log,
};
use utoipa::ToSchema;

use crate::{
    events,
    name::Name,
    store::{self, users},
    user::{Email, Groups, PersonRole, User, UserStatus},
};

/// A person to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    email: Email,
    name: Name,
    role: PersonRole,
    #[serde(default)]
    groups: Groups,
}

/// Adds a person to the tenant. Their keys come by `create_api_key`.
///
/// # Errors
/// `CONFLICT`: somebody in the tenant has the email address.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    operation_id = "create_user",
    tag = "tenant",
    params(IdempotencyKey),
    request_body = NewUser,
    responses((status = 201, body = User, description = "The person"), CreateErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "user.create", skip_all)]
pub(crate) async fn create_user(
    State(ctx): State<AppContext>,
    admin: Caller<{ roles::ADMIN }>,
    _: NoQuery,
    Idempotent { body: new, once }: Idempotent<NewUser>,
) -> Result<Performed<User>, ApiError> {
    let now = ctx.clock.now();
    let user = User {
        id: ctx.ids.next(),
        email: new.email.into_string(),
        name: new.name.as_str().to_owned(),
        role: new.role,
        groups: new.groups.into_vec(),
        status: UserStatus::Active,
        created_at: now,
        updated_at: now,
    };
    let mut work = match once.begin(&ctx, admin.scope(), &*admin).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    match users::insert(&mut work, &user).await {
        Err(error) if store::violates(&error, users::EMAIL_IS_UNIQUE) => return Err(email_is_taken()),
        stored => stored?,
    }
    let event = events::by(&ctx, &admin, "user.created", user.id).arguments(events::fields(&user));
    audit_log::record_in_tx(&mut work, &ctx, event).await?;
    work.commit(user).await
}

/// 409 for an email address that somebody of the tenant has, whatever its case.
pub(crate) fn email_is_taken() -> ApiError {
    ApiError::new(ErrorCode::Conflict, "Another user has this email address").with_details(json!({ "field": "email" }))
}
