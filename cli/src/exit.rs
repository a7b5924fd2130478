//! How a command ends: the exit codes scripts rely on, and the failure that is told on standard error.

use std::{fmt, io, process::ExitCode};

use serde_json::Value;

/// The table that every help page ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0  done; for `wait`, the request was approved; for `verify`, signed by a key you gave
  1  failed: the server or the database is unavailable, or answered something unexpected; for
     `doctor`, a check failed
  2  wrong usage: of the command line, or a value that the server refuses
  3  denied
  4  expired, cancelled or revoked
  5  still pending when the waiting time was over
  6  not allowed: the API key is unknown, or may not do this
  7  not found
  8  conflict: the state of things forbids it, such as a request that is decided or already used
  9  not verified: what `verify` was given is altered, incomplete or not signed by a key you gave
 10  whole, but signed by no key other than those it brought along (`verify` without a key)
 11  whole in itself, with no key at all to say whose it is (`verify` without a key)";

/// The end of a help page.
pub(crate) fn with_exit_codes(examples: &str) -> String {
    format!("{examples}\n\n{EXIT_CODES}")
}

/// An exit code, by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Denied = 3,
    Ended = 4,
    TimedOut = 5,
    NotAllowed = 6,
    NotFound = 7,
    Conflict = 8,
    NotVerified = 9,
    SignedTofu = 10,
    Unsigned = 11,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The exit code of an error answer. The code decides where it says more than the status.
    fn of_answer(status: u16, code: &str) -> Self {
        match (status, code) {
            (_, "APPROVAL_EXPIRED" | "REVOKED") => Self::Ended,
            (400 | 405 | 413 | 415 | 422, _) => Self::Usage,
            (401 | 403, _) => Self::NotAllowed,
            (404, _) => Self::NotFound,
            (409, _) => Self::Conflict,
            _ => Self::Failed,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// The server's code, or one of our own in the same style.
    pub(crate) code: String,
    /// One sentence for a person. It may come from a server and is made visible when it is shown.
    pub(crate) message: String,
    /// What the server says about the mistake.
    pub(crate) details: Option<Box<Value>>,
    /// Whether trying again later may help: the transport failed, or the server is unavailable.
    pub(crate) is_passing: bool,
    /// Whether standard output was closed by its reader, who then does not want to hear of it.
    pub(crate) is_silent: bool,
}

impl Failure {
    fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: message.into(),
            details: None,
            is_passing: false,
            is_silent: false,
        }
    }

    /// The command line or the environment is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "USAGE", message)
    }

    /// Something did not work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, "FAILED", message)
    }

    /// Nobody answered.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self {
            is_passing: true,
            ..Self::new(Exit::Failed, "UNAVAILABLE", message)
        }
    }

    /// The credential cannot be one.
    pub(crate) fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(Exit::NotAllowed, "UNAUTHORIZED", message)
    }

    /// An error answer in the contract's envelope; `None` when the body is not that envelope.
    pub(crate) fn of_answer(status: u16, body: &Value) -> Option<Self> {
        let error = &body["error"];
        let (code, message) = (error["code"].as_str()?, error["message"].as_str()?);
        let request_id = body["meta"]["request_id"].as_str();
        let message = match request_id {
            // Only then will somebody look for it in the server's log.
            Some(request_id) if status >= 500 => format!("{message} (request id {request_id})"),
            _ => message.to_owned(),
        };
        Some(Self {
            details: error.get("details").cloned().map(Box::new),
            is_passing: status >= 500 || status == 429,
            ..Self::new(Exit::of_answer(status, code), code, message)
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let is_silent = error.kind() == io::ErrorKind::BrokenPipe;
        Self {
            is_silent,
            ..Self::failed(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, code: &str) -> Failure {
        let body =
            json!({"success": false, "error": {"code": code, "message": "So it is"}, "meta": {"request_id": "r-1"}});
        Failure::of_answer(status, &body).expect("an envelope")
    }

    #[test]
    fn every_error_of_the_contract_has_its_exit_code() {
        let table = [
            (400, "VALIDATION_ERROR", Exit::Usage),
            (400, "MISSING_TENANT_ID", Exit::Usage),
            (413, "PAYLOAD_TOO_LARGE", Exit::Usage),
            (415, "UNSUPPORTED_MEDIA_TYPE", Exit::Usage),
            (422, "IDEMPOTENCY_MISMATCH", Exit::Usage),
            (401, "UNAUTHORIZED", Exit::NotAllowed),
            (403, "FORBIDDEN", Exit::NotAllowed),
            (403, "SELF_APPROVAL", Exit::NotAllowed),
            (404, "NOT_FOUND", Exit::NotFound),
            (409, "ALREADY_DECIDED", Exit::Conflict),
            (409, "STALE_VIEW", Exit::Conflict),
            (409, "APPROVAL_EXPIRED", Exit::Ended),
            (409, "REVOKED", Exit::Ended),
            (429, "RATE_LIMITED", Exit::Failed),
            (500, "INTERNAL_ERROR", Exit::Failed),
            (503, "UNAVAILABLE", Exit::Failed),
        ];
        for (status, code, exit) in table {
            assert_eq!(answer(status, code).exit, exit, "{code}");
        }
    }

    #[test]
    fn only_what_may_pass_is_worth_another_try() {
        assert!(answer(503, "UNAVAILABLE").is_passing && answer(429, "RATE_LIMITED").is_passing);
        assert!(!answer(404, "NOT_FOUND").is_passing && !answer(409, "CONFLICT").is_passing);
    }

    #[test]
    fn the_request_id_is_told_when_the_server_is_to_blame() {
        assert_eq!(answer(404, "NOT_FOUND").to_string(), "NOT_FOUND: So it is");
        assert_eq!(
            answer(500, "INTERNAL_ERROR").to_string(),
            "INTERNAL_ERROR: So it is (request id r-1)"
        );
    }

    #[test]
    fn another_body_is_no_error_answer_of_ours() {
        assert!(Failure::of_answer(502, &json!({"message": "Bad Gateway"})).is_none());
        assert!(Failure::of_answer(502, &Value::Null).is_none());
    }
}
