//! One version of a tenant's policies, in the form every verb answers and events carry.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A version of the policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PolicyVersion {
    /// The tenant's policies as such: the same for every version.
    pub(crate) id: Uuid,
    /// Counts from 1.
    pub(crate) version: i32,
    /// The text.
    pub(crate) cedar: String,
    /// Who stored it, as a principal; `system` for the text that a tenant begins with.
    pub(crate) created_by: String,
    #[serde(with = "shared::http::timestamp")]
    pub(crate) created_at: DateTime<Utc>,
}
