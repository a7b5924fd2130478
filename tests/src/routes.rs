//! The routes that the description lists, so that a test over all of them cannot forget a new one.

use utoipa::openapi::{path::Operation, security::SecurityRequirement};

use crate::description;

/// Who may ask on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// The operator, and perhaps an admin in its own tenant.
    Operator,
    /// Who holds a tenant's key.
    Tenant,
}

/// One method on one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In capitals.
    pub method: &'static str,
    /// With `{id}` where an id stands.
    pub path: String,
    /// Who may ask.
    pub access: Access,
}

/// All of them.
#[must_use]
pub fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in description().paths.paths {
        let operations = [
            ("GET", item.get),
            ("POST", item.post),
            ("PUT", item.put),
            ("PATCH", item.patch),
            ("DELETE", item.delete),
        ];
        routes.extend(operations.into_iter().filter_map(|(method, operation)| {
            Some(Route {
                method,
                path: path.clone(),
                access: access(&operation?),
            })
        }));
    }
    routes
}

fn access(operation: &Operation) -> Access {
    let first = operation.security.as_ref().and_then(|security| security.first());
    let credentials = first.map(credentials).unwrap_or_default();
    match (
        credentials.contains("\"api_key\""),
        credentials.contains("\"tenant_id\""),
    ) {
        (false, _) => Access::Public,
        (true, false) => Access::Operator,
        (true, true) => Access::Tenant,
    }
}

/// The requirement as the description shows it; the crate keeps its names to itself.
fn credentials(requirement: &SecurityRequirement) -> String {
    serde_json::to_string(requirement).unwrap_or_default()
}
