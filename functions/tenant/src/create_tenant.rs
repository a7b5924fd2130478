//! `POST /api/v1/tenants`: a new tenant.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use shared::{
    context::AppContext,
    data::TenantScope,
    http::{ApiError, Created, ErrorCode, Json, NoQuery, WriteErrors},
    journal::audit_log::{self, NewAuditEvent},
};
use utoipa::ToSchema;

use crate::{
    access::{OPERATOR, Operator},
    events,
    name::Name,
    store::{self, tenants},
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
    request_body = NewTenant,
    responses((status = 201, body = Tenant, description = "The tenant"), WriteErrors),
    security(("api_key" = []))
)]
#[tracing::instrument(name = "tenant.create", skip_all)]
pub(crate) async fn create_tenant(
    State(ctx): State<AppContext>,
    _: Operator,
    _: NoQuery,
    Json(new): Json<NewTenant>,
) -> Result<Created<Tenant>, ApiError> {
    if let Some(slug) = new.slug {
        return match insert(&ctx, &new.name, &slug, new.plan).await? {
            Some(tenant) => Ok(Created(tenant)),
            None => Err(slug_is_taken()),
        };
    }
    let base = Slug::from_name(&new.name);
    if let Some(slug) = &base
        && let Some(tenant) = insert(&ctx, &new.name, slug, new.plan).await?
    {
        return Ok(Created(tenant));
    }
    let slug = Slug::with_suffix(base.as_ref(), ctx.random.bytes());
    insert(&ctx, &new.name, &slug, new.plan)
        .await?
        .map(Created)
        .ok_or_else(|| ApiError::internal("forty random bits were taken"))
}

/// 409 for a slug that another tenant has.
pub(crate) fn slug_is_taken() -> ApiError {
    ApiError::new(ErrorCode::Conflict, "Another tenant has this slug").with_details(json!({ "field": "slug" }))
}

/// Stores a tenant with its first audit event; `None` when the slug is taken. The refused insert has then ended its
/// transaction, so that another slug is tried in another.
async fn insert(ctx: &AppContext, name: &Name, slug: &Slug, plan: Plan) -> Result<Option<Tenant>, ApiError> {
    let now = ctx.clock.now();
    let tenant = Tenant {
        id: ctx.ids.next(),
        name: name.as_str().to_owned(),
        slug: slug.as_str().to_owned(),
        plan,
        status: TenantStatus::Active,
        created_at: now,
        updated_at: now,
    };
    let mut tx = ctx
        .db
        .begin(TenantScope {
            tenant_id: tenant.id,
            user_id: None,
        })
        .await?;
    match tenants::insert(&mut tx, &tenant).await {
        Err(error) if store::violates(&error, tenants::SLUG_IS_UNIQUE) => return Ok(None),
        stored => stored?,
    }
    let event =
        NewAuditEvent::of_product(ctx, OPERATOR, "tenant.created", tenant.id).arguments(events::fields(&tenant));
    audit_log::record_in_tx(&mut tx, ctx, event).await?;
    tx.commit().await?;
    Ok(Some(tenant))
}
