//! What the functions say about themselves: JSON lines on standard output, and one canonical line per request.
//!
//! Never logged, at any level, by any room (`docs/logging.md` says by which means):
//!
//! - API keys, approval tokens, link secrets, webhook secrets, the operator's credential, signing seeds, connection URLs;
//! - request and answer headers and bodies, query strings, and raw paths (ids and names of the caller's choosing stand in
//!   them; the matched route says enough);
//! - raw tool arguments; what the audit log keeps of them is already sanitized and may be named by its event id;
//! - the text of a person's note, name or address;
//! - the text of an error that quotes its input: a database's detail line, a parser's message, a URL that did not parse.
//!
//! That is every room's own duty. This one adds what holds when one of them, or a library, forgets it: [`masking`] and
//! [`LOUDEST`].

mod masking;
mod panics;

use std::{
    env, fmt, io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chrono::{SecondsFormat, Utc};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    fmt::{MakeWriter, format::Writer, time::FormatTime},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use uuid::Uuid;

use crate::config::TelemetryConfig;
use masking::Masking;

/// The most that `LOG_LEVEL` gets: below it the Lambda runtime writes the raw event, with its credentials and its body.
/// Nothing of ours is said there.
const LOUDEST: LevelFilter = LevelFilter::DEBUG;

/// Starts logging for the whole process, panics included; a second call changes nothing.
///
/// One JSON object a line: `timestamp` (RFC 3339, UTC, milliseconds), `level`, `target`, the fields of the event beside
/// them, and `spans`, outermost first.
pub fn init(config: &TelemetryConfig) {
    // The only failure is that logging has been started already.
    if subscriber(config, io::stdout).try_init().is_ok() {
        panics::log_them();
    }
}

/// What [`init`] starts, writing to `writer`, one whole masked line at a time.
pub fn subscriber<W>(config: &TelemetryConfig, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_ansi(false)
        .with_timer(Milliseconds)
        .with_writer(Masking(writer));
    tracing_subscriber::registry()
        // `config` has parsed the directives already; should they differ, too much is better than nothing.
        .with(EnvFilter::try_new(&config.log_level).unwrap_or_else(|_| EnvFilter::new("info")))
        .with(LOUDEST)
        .with(lines)
}

/// The time of a line: RFC 3339 in UTC with three fraction digits.
struct Milliseconds;

impl FormatTime for Milliseconds {
    #[allow(
        clippy::disallowed_methods,
        reason = "a log line is written at the machine's time, not at a test's"
    )]
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        writer.write_str(&Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// What is known about one request when its answer leaves: everything an operator needs, nothing a caller confided.
///
/// Its target is `request`, so that `LOG_LEVEL=warn,request=info` keeps it.
#[derive(Debug, Clone)]
pub struct CanonicalLine<'a> {
    /// The method, such as `GET`.
    pub method: &'a str,
    /// The matched route template, such as `/api/v1/approvals/{id}`; never the path itself.
    pub route: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// From the request's arrival in the function to its answer.
    pub duration: Duration,
    /// The id in the answer's `X-Request-Id`.
    pub request_id: &'a str,
    /// The tenant of an authenticated request.
    pub tenant_id: Option<Uuid>,
    /// The authenticated caller, `user:<id>` or `agent:<caller id>`.
    pub principal: Option<&'a str>,
    /// The contract's error code, when the answer is an error.
    pub error_code: Option<&'a str>,
    /// The id that Lambda gave the invocation, which its platform log carries; none outside of Lambda.
    pub lambda_request_id: Option<&'a str>,
    /// Whether this was the first request of its process.
    pub cold_start: bool,
}

impl CanonicalLine<'_> {
    /// Writes the line, with the name of the function that answered as `function`.
    pub fn emit(&self) {
        self.emit_for(function_name().as_deref());
    }

    fn emit_for(&self, function: Option<&str>) {
        tracing::info!(
            target: "request",
            event = "request",
            method = self.method,
            route = self.route,
            status = self.status,
            duration_ms = milliseconds(self.duration),
            request_id = self.request_id,
            function,
            tenant_id = self.tenant_id.map(tracing::field::display),
            principal = self.principal,
            error_code = self.error_code,
            lambda_request_id = self.lambda_request_id,
            cold_start = self.cold_start,
        );
    }
}

/// Whether this process was not asked before; true once.
pub(crate) fn is_first_request() -> bool {
    static ASKED: AtomicBool = AtomicBool::new(false);
    !ASKED.swap(true, Ordering::Relaxed)
}

/// The name the platform gave this process; it is no setting, so `config` does not know it.
fn function_name() -> Option<String> {
    env::var("AWS_LAMBDA_FUNCTION_NAME").ok()
}

/// Milliseconds with three fraction digits: a fast answer takes less than one.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::TestLog;

    fn lines(log_level: &str, work: impl FnOnce()) -> Vec<Value> {
        let log = TestLog::default();
        let config = TelemetryConfig {
            log_level: log_level.to_owned(),
        };
        tracing::subscriber::with_default(subscriber(&config, log.clone()), work);
        let text = log.text();
        assert!(!text.contains('\u{1b}'), "no ANSI colours");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
            .collect()
    }

    const LINE: CanonicalLine<'_> = CanonicalLine {
        method: "POST",
        route: "/api/v1/approvals/{id}/approve",
        status: 409,
        duration: Duration::from_micros(1_234),
        request_id: "r-1",
        tenant_id: Some(Uuid::from_u128(0x0193_a0f0_0000_7000_8000_0000_0000_0000)),
        principal: Some("agent:\"x\"\nlevel=ERROR"),
        error_code: Some("ALREADY_DECIDED"),
        lambda_request_id: Some("lambda-1"),
        cold_start: true,
    };

    #[test]
    fn a_request_leaves_one_line_with_exactly_its_fields() {
        let mut lines = lines("info", || LINE.emit_for(Some("approval")));
        assert_eq!(lines.len(), 1);
        let line = lines[0].as_object_mut().expect("an object");
        let timestamp = line.remove("timestamp").expect("a time");
        let timestamp = timestamp.as_str().expect("text");
        let parsed = DateTime::parse_from_rfc3339(timestamp).expect("RFC 3339").to_utc();
        assert_eq!(parsed.to_rfc3339_opts(SecondsFormat::Millis, true), timestamp);
        assert_eq!(
            lines[0],
            json!({
                "level": "INFO", "target": "request", "event": "request", "method": "POST",
                "route": "/api/v1/approvals/{id}/approve", "status": 409, "duration_ms": 1.234, "request_id": "r-1",
                "function": "approval", "tenant_id": "0193a0f0-0000-7000-8000-000000000000",
                "principal": "agent:\"x\"\nlevel=ERROR", "error_code": "ALREADY_DECIDED", "lambda_request_id": "lambda-1", "cold_start": true
            })
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let line = CanonicalLine {
            tenant_id: None,
            principal: None,
            error_code: None,
            lambda_request_id: None,
            ..LINE
        };
        let lines = lines("info", || line.emit_for(None));
        for absent in ["tenant_id", "principal", "error_code", "lambda_request_id", "function"] {
            assert!(lines[0].get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn the_line_can_be_kept_when_the_rest_is_silenced() {
        let lines = lines("warn,request=info", || {
            tracing::info!("silenced");
            LINE.emit();
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["event"], "request");
    }

    #[test]
    fn an_event_carries_its_spans() {
        let lines = lines("info", || {
            let _outer = tracing::info_span!("outer", request_id = "r-1").entered();
            tracing::warn!(attempt = 2, "again");
        });
        assert_eq!(lines[0]["message"], "again");
        assert_eq!(lines[0]["attempt"], 2);
        assert_eq!(lines[0]["spans"], json!([{"name": "outer", "request_id": "r-1"}]));
    }

    #[test]
    fn nothing_is_said_at_trace_whatever_is_asked_for() {
        let lines = lines("trace,lambda_runtime=trace", || {
            tracing::trace!("not said");
            tracing::trace!(target: "lambda_runtime::layers::api_response", body = "the raw event", "not said");
            tracing::debug!(target: "lambda_runtime", "said");
        });
        let said: Vec<&Value> = lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(said, ["said"]);
    }

    #[test]
    fn a_credential_is_masked_wherever_it_stands_in_a_line() {
        let key = "cs_dev_0000000000000000000001_abcdefghijklmnopqrstuvwxyzA000000";
        let lines = lines("info", || {
            let _span = tracing::info_span!("request", path = format!("/x/{key}")).entered();
            tracing::info!(
                target: "request",
                request_id = key,
                cause = format!("{{\"authorization\": \"Bearer {key}\",\n\"url\": \"postgres://app:p%40ss@db/x\"}}"),
                "as {key}"
            );
        });
        assert_eq!(lines[0]["spans"], json!([{"name": "request", "path": "/x/***"}]));
        assert_eq!(lines[0]["request_id"], "***");
        assert_eq!(lines[0]["message"], "as ***");
        assert_eq!(
            lines[0]["cause"],
            "{\"authorization\": \"Bearer ***\",\n\"url\": \"postgres://app:***@db/x\"}"
        );
    }

    #[test]
    fn the_event_of_a_spill_line_alone_is_written_as_it_is() {
        let key = "cs_dev_0000000000000000000001_abcdefghijklmnopqrstuvwxyzA000000";
        let lines = lines("info", || {
            tracing::error!(target: "audit.spill", event = key, reason = key);
            tracing::error!(target: "audit", event = key);
        });
        assert_eq!((&lines[0]["event"], &lines[0]["reason"]), (&json!(key), &json!("***")));
        assert_eq!(lines[1]["event"], "***");
    }
}
