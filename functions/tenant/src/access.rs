//! Who may call the operator's routes, decided before the body is read.

use axum::{extract::FromRequestParts, http::request::Parts};
use shared::{
    context::AppContext,
    http::{ApiError, OperatorAccess, Path},
};
use uuid::Uuid;

/// The operator and nobody else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator;

impl FromRequestParts<AppContext> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, ctx: &AppContext) -> Result<Self, ApiError> {
        OperatorAccess::from_request_parts(parts, ctx).await?.operator()?;
        Ok(Self)
    }
}

/// The operator, or an admin of the very tenant that the path names.
#[derive(Debug, Clone)]
pub(crate) struct TenantAccess {
    /// The tenant of the path.
    pub(crate) tenant_id: Uuid,
    /// How the audit log names the caller.
    pub(crate) recorded_by: String,
    /// Whether it is the operator, who may change more than a name.
    pub(crate) is_operator: bool,
}

impl FromRequestParts<AppContext> for TenantAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, ctx: &AppContext) -> Result<Self, ApiError> {
        let access = OperatorAccess::from_request_parts(parts, ctx).await?;
        let path = Path::<Uuid>::from_request_parts(parts, ctx).await;
        let is_operator = access.operator().is_ok();
        let Path(tenant_id) = match path {
            Ok(path) => path,
            Err(error) if is_operator => return Err(error),
            // An id that is none is not the admin's own either.
            Err(_) => return Err(ApiError::forbidden()),
        };
        access.tenant(tenant_id)?;
        Ok(Self {
            tenant_id,
            recorded_by: access.recorded_by(),
            is_operator,
        })
    }
}
