//! `POST /api/v1/audit/events`: records one event or up to 1,000, all or nothing.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use shared::{
    context::AppContext,
    http::{
        ApiError, Attempt, Caller, CreateErrors, ErrorCode, IdempotencyKey, Idempotent, NoQuery, OneOrMany, Performed,
        Replayable, roles,
    },
    journal::{
        audit_log::{AppendError, Receipt, append},
        entry::MAX_ENTRY_BYTES,
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::submission::{Broken, Submission, accept};

/// The body as the API description shows it. The handler reads it with `OneOrMany`, which can name what is wrong where.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, clippy::large_enum_variant, reason = "only describes the body")]
pub(crate) enum Submissions {
    One(Submission),
    Many(SubmissionList),
}

/// Several at once.
#[derive(ToSchema)]
#[schema(min_items = 1, max_items = 1_000)]
#[expect(dead_code, reason = "only describes the body")]
pub(crate) struct SubmissionList(Vec<Submission>);

/// A receipt for each event, in the order submitted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordedEvents {
    events: Vec<RecordedEvent>,
}

impl Replayable for RecordedEvents {
    const STATUS: StatusCode = StatusCode::ACCEPTED;
    const SHOWN_ONCE: &'static [&'static str] = &[];
}

#[derive(Debug, Serialize, ToSchema)]
struct RecordedEvent {
    event_id: Uuid,
    request_id: String,
    /// SHA-256(0x00 ‖ entry) (RFC 6962 §2.1), lower-case hex.
    leaf_hash: String,
    #[serde(with = "shared::http::timestamp")]
    received_at: DateTime<Utc>,
    /// Whether the same submission was recorded before; the rest is then that first one's.
    duplicate: bool,
}

/// Records one event or up to 1,000, all or nothing.
///
/// The same recorder, `request_id` and content again is answered with the first `event_id` and `duplicate: true`.
///
/// # Errors
/// `CONFLICT` when a `request_id` was used for other content; nothing is stored then. `PAYLOAD_TOO_LARGE` when the
/// hashed entry of one event would be too long.
#[utoipa::path(
    post,
    path = "/api/v1/audit/events",
    operation_id = "record_events",
    tag = "audit",
    params(IdempotencyKey),
    request_body = Submissions,
    responses((status = 202, body = RecordedEvents, description = "Recorded"), CreateErrors),
    security(("api_key" = [], "tenant_id" = []))
)]
#[tracing::instrument(name = "audit.record", skip_all)]
pub(crate) async fn record_events(
    State(ctx): State<AppContext>,
    recorder: Caller<{ roles::AGENT | roles::ADMIN }>,
    _: NoQuery,
    Idempotent { body, once }: Idempotent<OneOrMany<Submission>>,
) -> Result<Performed<RecordedEvents>, ApiError> {
    let events = accept(body, &recorder.to_string()).map_err(invalid)?;

    let mut work = match once.begin(&ctx, recorder.scope(), &*recorder).await? {
        Attempt::First(work) => work,
        Attempt::Done(answer) => return Ok(answer),
    };
    let receipts = append(&mut work, &ctx, recorder.tenant_id, &events)
        .await
        .map_err(refused)?;
    let events = receipts.into_iter().map(RecordedEvent::from).collect();
    work.commit(RecordedEvents { events }).await
}

fn invalid(broken: Broken) -> ApiError {
    if broken.field.is_empty() {
        ApiError::validation(broken.rule)
    } else {
        ApiError::invalid(&broken.field, &broken.rule)
    }
}

fn refused(error: AppendError) -> ApiError {
    match error {
        AppendError::Conflict { request_id } => {
            ApiError::conflict("A request_id was already used for an event with other content; nothing was stored")
                .with_details(json!({ "request_id": request_id }))
        }
        AppendError::TooLarge { request_id } => ApiError::new(
            ErrorCode::PayloadTooLarge,
            "An event is too large for the log; nothing was stored",
        )
        .with_details(json!({ "request_id": request_id, "max_entry_bytes": MAX_ENTRY_BYTES })),
        AppendError::Unrecordable { .. } => ApiError::internal(error.to_string()),
        AppendError::Database(error) => error.into(),
    }
}

impl From<Receipt> for RecordedEvent {
    fn from(receipt: Receipt) -> Self {
        Self {
            event_id: receipt.event_id,
            request_id: receipt.request_id,
            leaf_hash: hex::encode(receipt.leaf_hash),
            received_at: receipt.received_at,
            duplicate: receipt.duplicate,
        }
    }
}
