//! `POST /api/v1/tenants`: a new tenant.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use shared::{
    auth::OPERATOR,
    context::AppContext,
    http::{ApiError, Attempt, CreateErrors, ErrorCode, IdempotencyKey, Idempotent, NoQuery, Performed},
    journal::audit_log::{self, NewAuditEvent},
};
use utoipa::ToSchema;

use crate::{
    access::Operator,
    events,
    name::Name,
    store::tenants,
    tenant::{Plan, Slug, Tenant, TenantStatus},
};

/// A tenant to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenant {
    name: Name,
    /// Made from the name when absent.
    slug: Option<Slug>,
    #[serde(default)]
    plan: Plan,
}

/// Makes a tenant. Its first admin comes by `bootstrap_tenant`.
///
/// # Errors
/// `CONFLICT`: the slug that was given is taken.
#[utoipa::path(
    post,
    path = "/api/v1/tenants",
    operation_id = "create_tenant",
    tag = "tenant",
    params(IdempotencyKey),
    request_body = NewTenant,
    responses((status = 201, body = Tenant, description = "The tenant"), CreateErrors),
    security(("api_key" = []))
)]
#[tracing::instrument(name = "tenant.create", skip_all)]
pub(crate) async fn create_tenant(
    State(ctx): State<AppContext>,
    _: Operator,
    _: NoQuery,
    Idempotent { body: new, once }: Idempotent<NewTenant>,
) -> Result<Performed<Tenant>, ApiError> {
    let now = ctx.clock.now();
    let given = new.slug.is_some();
    let base = new.slug.or_else(|| Slug::from_name(&new.name));
    let first_choice = base
        .clone()
        .unwrap_or_else(|| Slug::with_suffix(None, ctx.random.bytes()));
    let mut tenant = Tenant {
        id: ctx.ids.next(),
        name: new.name.as_str().to_owned(),
        slug: first_choice.as_str().to_owned(),
        plan: new.plan,
        status: TenantStatus::Active,
        created_at: now,
        updated_at: now,
    };
    let mut work = match once.begin_new_tenant(&ctx, tenant.id).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    if !tenants::insert(&mut work, &tenant).await? {
        if given {
            return Err(slug_is_taken());
        }
        let second_choice = Slug::with_suffix(base.as_ref(), ctx.random.bytes());
        second_choice.as_str().clone_into(&mut tenant.slug);
        if !tenants::insert(&mut work, &tenant).await? {
            return Err(ApiError::internal("forty random bits were taken"));
        }
    }
    let event =
        NewAuditEvent::of_product(&ctx, OPERATOR, "tenant.created", tenant.id).arguments(events::fields(&tenant));
    audit_log::record_in_tx(&mut work, &ctx, event).await?;
    work.commit(tenant).await
}

/// 409 for a slug that another tenant has.
pub(crate) fn slug_is_taken() -> ApiError {
    ApiError::new(ErrorCode::Conflict, "Another tenant has this slug").with_details(json!({ "field": "slug" }))
}
