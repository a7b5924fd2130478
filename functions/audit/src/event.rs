//! An audit event as it is read back.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// One event of the log. Its raw arguments are not kept; what has been erased reads `null`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEvent {
    /// Minted by the server: `UUIDv7` (RFC 9562 §5.7).
    pub(crate) event_id: Uuid,
    /// The recorder's own id of it, unique per recorder.
    pub(crate) request_id: String,
    /// The principal that wrote it.
    pub(crate) recorded_by: String,
    /// Who made the call. Erasable.
    pub(crate) caller_id: Option<String>,
    /// The tool that was called.
    pub(crate) tool: String,
    /// What happened, such as `approval.approved`.
    pub(crate) action: Option<String>,
    /// What ties events together; in the product's own events the id of the object.
    pub(crate) correlation_id: Option<String>,
    /// `dev`, `staging` or `production`.
    pub(crate) environment: Option<String>,
    /// The caller's trust level, 0–4.
    pub(crate) trust_level: Option<i16>,
    /// What was decided about the call.
    pub(crate) decision: Option<String>,
    /// What came of the call.
    pub(crate) outcome: Option<String>,
    /// How long the call took, in milliseconds.
    pub(crate) latency_ms: Option<i64>,
    /// The recorder's labels.
    pub(crate) risk_labels: Vec<String>,
    /// When it happened by the recorder's clock.
    #[serde(with = "shared::http::timestamp::option")]
    pub(crate) occurred_at: Option<DateTime<Utc>>,
    /// SHA-256(salt ‖ JCS(arguments)) over the raw arguments, lower-case hex.
    pub(crate) raw_args_hash: String,
    /// The 16 bytes of that salt, lower-case hex. Erasable.
    pub(crate) args_salt: Option<String>,
    /// The arguments with every recognised secret replaced. Erasable.
    #[schema(value_type = Option<Object>)]
    pub(crate) sanitized_args: Option<Value>,
    /// Which rules replaced something: `key:<word>` or `rule:<rule>`.
    pub(crate) redaction_flags: Vec<String>,
    /// When the database received it.
    #[serde(with = "shared::http::timestamp")]
    pub(crate) received_at: DateTime<Utc>,
    /// SHA-256(0x00 ‖ entry) (RFC 6962 §2.1), lower-case hex.
    pub(crate) leaf_hash: String,
    /// Whether it stands in the tree already.
    pub(crate) sealed: bool,
}
