//! A stop: nothing of a caller, or of the whole tenant, goes on until it is lifted. Pure.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A stop, as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Stop {
    pub(crate) id: Uuid,
    /// The agent that is stopped, by its name for itself; null: everybody in the tenant.
    #[schema(required)]
    pub(crate) caller_id: Option<String>,
    /// Why; whoever is stopped is told.
    pub(crate) reason: String,
    /// The admin, as a principal.
    pub(crate) created_by: String,
    #[serde(with = "shared::http::timestamp")]
    pub(crate) created_at: DateTime<Utc>,
}

/// What a stop in force says to those it stops. Who made it is not their concern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StopInForce {
    /// Whom it stops.
    pub(crate) scope: StopScope,
    /// Why.
    pub(crate) reason: String,
}

/// Whom a stop stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum StopScope {
    /// One agent.
    Caller,
    /// Everybody in the tenant.
    Tenant,
}

impl StopInForce {
    /// The stop of this caller, or of the tenant where it names none.
    pub(crate) fn of(caller_id: Option<&str>, reason: String) -> Self {
        let scope = match caller_id {
            Some(_) => StopScope::Caller,
            None => StopScope::Tenant,
        };
        Self { scope, reason }
    }

    /// What whoever is stopped is told.
    pub(crate) fn sentence(&self) -> &'static str {
        match self.scope {
            StopScope::Caller => "An admin has stopped this caller",
            StopScope::Tenant => "An admin has stopped everything in this tenant",
        }
    }
}
