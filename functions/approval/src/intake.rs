//! What a requester may send, and what of it is taken. No database: whether the quorum can be reached is asked later.

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::{
    auth::{Environment, Principal},
    http::ApiError,
    journal::redaction::{credential, sanitize_text},
};
use utoipa::ToSchema;

const MAX_TOOL_CHARS: usize = 200;
pub(crate) const MAX_REASON_CHARS: usize = 2_000;
const MAX_REQUEST_ID_CHARS: usize = 255;
const MAX_CALLER_ID_CHARS: usize = 200;
const MAX_RISK_LABELS: usize = 20;
const MAX_APPROVER_GROUPS: usize = 50;
/// Of a risk label or of a group's name.
const MAX_LABEL_CHARS: usize = 64;
/// A minute to two weeks.
const TTL_SECONDS: std::ops::RangeInclusive<i64> = 60..=1_209_600;

/// A request for approval.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApproval {
    tool_call: NewToolCall,
    /// Why the call should be made, for the people who decide.
    #[schema(value_type = Reason)]
    reason: String,
    #[schema(max_items = 20, value_type = Option<Vec<Label>>)]
    risk_labels: Option<Vec<String>>,
    /// Visible ASCII without `/`; made here when absent.
    #[schema(min_length = 1, max_length = 255, pattern = "^[!-.0-~]+$")]
    request_id: Option<String>,
    /// How many people must say yes; 1 when absent.
    #[schema(minimum = 1)]
    required_approvals: Option<i64>,
    /// Only people in one of these may decide; absent or empty: any approver.
    #[schema(max_items = 50, value_type = Option<Vec<Label>>)]
    approver_groups: Option<Vec<String>>,
    /// How long the request, and the approval, may live.
    #[schema(minimum = 60, maximum = 1_209_600)]
    ttl_seconds: Option<i64>,
}

/// Why, in words that people write for each other.
#[derive(ToSchema)]
#[schema(
    as = ApprovalReason,
    min_length = 1,
    max_length = 2000,
    pattern = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
)]
#[expect(dead_code, reason = "only describes a field")]
pub(crate) struct Reason(String);

/// A word that goes with a decision.
#[derive(ToSchema)]
#[schema(
    as = ApprovalNote,
    max_length = 2000,
    pattern = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
)]
#[expect(dead_code, reason = "only describes a field")]
pub(crate) struct Note(String);

/// A risk label, or the name of a group.
#[derive(ToSchema)]
#[schema(
    as = ApprovalLabel,
    min_length = 1,
    max_length = 64,
    pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$"
)]
#[expect(dead_code, reason = "only describes the elements of lists")]
struct Label(String);

/// The call that is to be approved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApprovalToolCall)]
pub(crate) struct NewToolCall {
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    tool: String,
    /// Shown sanitized; hashed as they are and not stored.
    #[schema(value_type = Option<Object>)]
    arguments: Option<Map<String, Value>>,
    /// The key's own, and no other.
    environment: Option<Environment>,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    server: Option<String>,
}

/// A call whose fields are as they should be.
pub(crate) struct Call {
    pub(crate) tool: String,
    pub(crate) server: Option<String>,
    /// As given.
    pub(crate) environment: Option<Environment>,
    /// Raw.
    pub(crate) arguments: Map<String, Value>,
}

impl NewToolCall {
    /// Checks every field.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming the field.
    pub(crate) fn accept(self) -> Result<Call, ApiError> {
        name("tool_call.tool", &self.tool)?;
        if let Some(server) = &self.server {
            name("tool_call.server", server)?;
        }
        Ok(Call {
            tool: self.tool,
            server: self.server,
            environment: self.environment,
            arguments: self.arguments.unwrap_or_default(),
        })
    }
}

/// A tool call that policy is to decide on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToolCallEvaluation)]
pub(crate) struct NewEvaluation {
    tool_call: NewToolCall,
    /// Why the call should be made, for the policies and for the people who decide.
    #[schema(value_type = Option<Reason>)]
    reason: Option<String>,
    #[schema(max_items = 20, value_type = Option<Vec<Label>>)]
    risk_labels: Option<Vec<String>>,
    /// That of the request for approval, if there is to be one. Visible ASCII without `/`; made here when absent.
    #[schema(min_length = 1, max_length = 255, pattern = "^[!-.0-~]+$")]
    request_id: Option<String>,
}

/// A call that policy can decide on.
pub(crate) struct Proposed {
    pub(crate) call: Call,
    /// The key's own.
    pub(crate) environment: Environment,
    pub(crate) reason: Option<String>,
    pub(crate) risk_labels: Vec<String>,
    pub(crate) request_id: Option<String>,
}

impl NewEvaluation {
    /// Checks every field.
    ///
    /// # Errors
    /// As [`NewApproval::accept`].
    pub(crate) fn accept(self, principal: &Principal) -> Result<Proposed, ApiError> {
        let call = self.tool_call.accept()?;
        let reason = match self.reason {
            Some(reason) => Some(required_prose("reason", &reason)?),
            None => None,
        };
        if let Some(request_id) = &self.request_id {
            check_request_id(request_id)?;
        }
        let risk_labels = labels("risk_labels", self.risk_labels, MAX_RISK_LABELS)?;
        if call.environment.is_some_and(|named| named != principal.environment) {
            return Err(ApiError::forbidden());
        }
        Ok(Proposed {
            call,
            environment: principal.environment,
            reason,
            risk_labels,
            request_id: self.request_id,
        })
    }
}

/// A request that may be stored if enough people can decide on it.
pub(crate) struct Asked {
    pub(crate) tool: String,
    pub(crate) server: Option<String>,
    pub(crate) environment: Environment,
    /// Raw.
    pub(crate) arguments: Map<String, Value>,
    pub(crate) reason: String,
    pub(crate) risk_labels: Vec<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) required_approvals: i32,
    pub(crate) approver_groups: Vec<String>,
    pub(crate) ttl: TimeDelta,
}

impl NewApproval {
    /// Checks every field.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming the field; `FORBIDDEN` for an environment that is not the key's.
    pub(crate) fn accept(self, principal: &Principal, default_ttl_seconds: u64) -> Result<Asked, ApiError> {
        let call = self.tool_call.accept()?;
        let reason = required_prose("reason", &self.reason)?;
        if let Some(request_id) = &self.request_id {
            check_request_id(request_id)?;
        }
        let required_approvals = self.required_approvals.unwrap_or(1);
        if required_approvals < 1 {
            return Err(ApiError::invalid("required_approvals", "must be at least 1"));
        }
        let ttl_seconds = match self.ttl_seconds {
            Some(seconds) if TTL_SECONDS.contains(&seconds) => seconds,
            Some(_) => return Err(ApiError::invalid("ttl_seconds", "must be from 60 to 1209600")),
            None => i64::try_from(default_ttl_seconds).unwrap_or(*TTL_SECONDS.end()),
        };
        let environment = call.environment.unwrap_or(principal.environment);
        let asked = Asked {
            tool: call.tool,
            server: call.server,
            environment,
            arguments: call.arguments,
            reason,
            risk_labels: labels("risk_labels", self.risk_labels, MAX_RISK_LABELS)?,
            request_id: self.request_id,
            // No tenant has more people than an i32 holds, so a larger quorum fails later, for what it is.
            required_approvals: i32::try_from(required_approvals).unwrap_or(i32::MAX),
            approver_groups: labels("approver_groups", self.approver_groups, MAX_APPROVER_GROUPS)?,
            ttl: TimeDelta::seconds(ttl_seconds),
        };
        if asked.environment != principal.environment {
            return Err(ApiError::forbidden());
        }
        Ok(asked)
    }
}

fn required_prose(field: &str, text: &str) -> Result<String, ApiError> {
    prose(field, text)?.ok_or_else(|| ApiError::invalid(field, "must not be empty"))
}

/// Text that a person writes for others, trimmed; `None` when nothing is left of it. Control characters other than line
/// ends and tabs could make a terminal show something else.
///
/// # Errors
/// `VALIDATION_ERROR`: over 2,000 characters, or a control character.
pub(crate) fn prose(field: &str, text: &str) -> Result<Option<String>, ApiError> {
    let text = text.trim();
    if text.chars().count() > MAX_REASON_CHARS {
        return Err(ApiError::invalid(field, "must have at most 2000 characters"));
    }
    if text
        .chars()
        .any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t'))
    {
        return Err(ApiError::invalid(field, "must not hold control characters"));
    }
    // People paste credentials into explanations too, and these are shown, announced and kept.
    Ok((!text.is_empty()).then(|| sanitize_text(text).text))
}

fn name(field: &str, text: &str) -> Result<(), ApiError> {
    if text.trim().is_empty() || text.chars().count() > MAX_TOOL_CHARS {
        return Err(ApiError::invalid(field, "must have 1 to 200 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(ApiError::invalid(field, "must not hold control characters"));
    }
    no_credential(field, text)
}

/// Names and ids are kept, shown and compared as they are, so nothing can be hidden in them.
fn no_credential(field: &str, text: &str) -> Result<(), ApiError> {
    match credential(text) {
        None => Ok(()),
        Some(_) => Err(ApiError::invalid(field, "must not hold a credential")),
    }
}

/// An agent's name for itself, as keys have it.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub(crate) fn check_caller_id(text: &str) -> Result<(), ApiError> {
    if (1..=MAX_CALLER_ID_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        no_credential("caller_id", text)
    } else {
        Err(ApiError::invalid(
            "caller_id",
            "must have 1 to 200 visible ASCII characters",
        ))
    }
}

fn check_request_id(text: &str) -> Result<(), ApiError> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if visible && (1..=MAX_REQUEST_ID_CHARS).contains(&text.len()) {
        no_credential("request_id", text)
    } else {
        Err(ApiError::invalid(
            "request_id",
            "must be 1 to 255 visible ASCII characters without /",
        ))
    }
}

/// Each once, in the order given.
fn labels(field: &str, given: Option<Vec<String>>, most: usize) -> Result<Vec<String>, ApiError> {
    let given = given.unwrap_or_default();
    if given.len() > most {
        return Err(ApiError::invalid(field, &format!("must hold at most {most}")));
    }
    let mut unique: Vec<String> = Vec::with_capacity(given.len());
    for label in given {
        let sound = !label.trim().is_empty()
            && label.chars().count() <= MAX_LABEL_CHARS
            && !label.chars().any(char::is_control);
        if !sound {
            return Err(ApiError::invalid(
                field,
                "must each have 1 to 64 characters, none of them a control character",
            ));
        }
        no_credential(field, &label)?;
        if !unique.contains(&label) {
            unique.push(label);
        }
    }
    Ok(unique)
}
