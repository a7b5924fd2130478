//! Who may call a route, said in the handler's signature.
//!
//! These extract before path, query and body, so that the contract's order of checks (tenant, credential, role, then what
//! was sent) follows from the order of a handler's arguments.

use std::ops::Deref;

use axum::{extract::FromRequestParts, http::request::Parts};
use uuid::Uuid;

use super::{ApiError, frame::Identified, rate_limit};
use crate::{
    auth::{self, Principal, Role},
    context::AppContext,
};

/// Roles as bits, for [`Caller`].
pub mod roles {
    /// Admins.
    pub const ADMIN: u8 = 1;
    /// Approvers.
    pub const APPROVER: u8 = 2;
    /// Agents.
    pub const AGENT: u8 = 4;
    /// Auditors.
    pub const AUDITOR: u8 = 8;
    /// People: every role that a user can have.
    pub const PEOPLE: u8 = ADMIN | APPROVER | AUDITOR;
    /// Any key.
    pub const ANY: u8 = PEOPLE | AGENT;
}

/// The authenticated caller, who has one of the `ROLES`.
#[derive(Debug, Clone)]
pub struct Caller<const ROLES: u8>(Principal);

impl<const ROLES: u8> Deref for Caller<ROLES> {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

fn bit(role: Role) -> u8 {
    match role {
        Role::Admin => roles::ADMIN,
        Role::Approver => roles::APPROVER,
        Role::Agent => roles::AGENT,
        Role::Auditor => roles::AUDITOR,
    }
}

impl<const ROLES: u8> FromRequestParts<AppContext> for Caller<ROLES> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, ctx: &AppContext) -> Result<Self, ApiError> {
        let principal = auth::authenticate(ctx, parts).await?;
        admit_key(parts, ctx, &principal).await?;
        if ROLES & bit(principal.role) == 0 {
            return Err(ApiError::forbidden());
        }
        Ok(Self(principal))
    }
}

/// Tells the frame who it is, for the log line, and counts the request of its key.
async fn admit_key(parts: &Parts, ctx: &AppContext, principal: &Principal) -> Result<(), ApiError> {
    if let Some(identified) = parts.extensions.get::<Identified>() {
        identified.set_caller(principal);
    }
    let holder = format!("{}:{}", principal.tenant_id, principal.key_id);
    rate_limit::admit(parts, ctx, &holder).await
}

/// The caller of one of the operator's routes.
#[derive(Debug, Clone)]
pub enum OperatorAccess {
    /// The platform credential.
    Operator,
    /// A tenant's key, which may at most reach its own tenant.
    Tenant(Principal),
}

impl OperatorAccess {
    /// Only the operator.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn operator(&self) -> Result<(), ApiError> {
        match self {
            Self::Operator => Ok(()),
            Self::Tenant(_) => Err(ApiError::forbidden()),
        }
    }

    /// The operator, or an admin of this very tenant, whose principal is returned.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn tenant(&self, tenant_id: Uuid) -> Result<Option<&Principal>, ApiError> {
        match self {
            Self::Operator => Ok(None),
            Self::Tenant(principal) if principal.role == Role::Admin && principal.tenant_id == tenant_id => {
                Ok(Some(principal))
            }
            Self::Tenant(_) => Err(ApiError::forbidden()),
        }
    }

    /// How the audit log names the caller.
    #[must_use]
    pub fn recorded_by(&self) -> String {
        match self {
            Self::Operator => auth::OPERATOR.to_owned(),
            Self::Tenant(principal) => principal.to_string(),
        }
    }
}

impl FromRequestParts<AppContext> for OperatorAccess {
    type Rejection = ApiError;

    /// A bearer that is no known credential is 401; a tenant's key without its tenant header can only be refused (403).
    async fn from_request_parts(parts: &mut Parts, ctx: &AppContext) -> Result<Self, ApiError> {
        let credential = auth::bearer(&parts.headers)?;
        // What has the form of a tenant's key is none of the operator's, and need not wait for the secret store.
        if auth::ApiKey::parse(credential).is_err() {
            let operator = ctx
                .operator()
                .await
                .map_err(|error| ApiError::unavailable(error.to_string()))?;
            if operator.is_some_and(|operator| operator.matches(credential)) {
                rate_limit::admit(parts, ctx, auth::OPERATOR).await?;
                return Ok(Self::Operator);
            }
        }
        let tenant_id = auth::tenant_header(&parts.headers)?;
        let principal = auth::find_principal(ctx, parts, credential, tenant_id).await?;
        admit_key(parts, ctx, &principal).await?;
        if tenant_id.is_none() {
            return Err(ApiError::forbidden());
        }
        Ok(Self::Tenant(principal))
    }
}
