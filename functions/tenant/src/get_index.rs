//! `GET /api/v1`: where everything is.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::http::{Caller, Json, NoQuery, ReadErrors, roles};
use utoipa::ToSchema;
use uuid::Uuid;

const ENDPOINTS: [(&str, &str); 11] = [
    ("api_keys", "/api/v1/api-keys"),
    ("approvals", "/api/v1/approvals"),
    ("audit_events", "/api/v1/audit/events"),
    ("docs", "/api/v1/docs"),
    ("health", "/health"),
    ("openapi", "/api/v1/openapi.json"),
    ("ready", "/health/ready"),
    ("settings", "/api/v1/users/me/settings"),
    ("tasks", "/api/v1/tasks/ping"),
    ("tenants", "/api/v1/tenants"),
    ("users", "/api/v1/users"),
];

/// Where everything is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Index {
    message: &'static str,
    /// The tenant of the key.
    #[serde(rename = "tenantId")]
    tenant_id: Uuid,
    /// Paths by name.
    endpoints: BTreeMap<&'static str, &'static str>,
}

/// Says where everything is.
#[utoipa::path(
    get,
    path = "/api/v1",
    operation_id = "get_index",
    tag = "tenant",
    responses((status = 200, body = Index, description = "The paths"), ReadErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
pub(crate) async fn get_index(caller: Caller<{ roles::ANY }>, _: NoQuery) -> Json<Index> {
    Json(Index {
        message: "Countersign API v1",
        tenant_id: caller.tenant_id,
        endpoints: ENDPOINTS.into_iter().collect(),
    })
}
