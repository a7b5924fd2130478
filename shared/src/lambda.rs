//! The runtime: the only room that knows Lambda.
//!
//! Everything else is an [`axum::Router`] or a future, and is tested as one. No event, however malformed, ends the process
//! or is answered in another form than the contract's.

mod event;
mod invocations;

use std::{convert::Infallible, fmt, future::Future, panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE, HOST, SET_COOKIE},
        uri::PathAndQuery,
    },
    response::Response,
};
use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use lambda_http::{
    Adapter, Context, LambdaEvent, RequestExt as _, aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    request::LambdaRequest, request::RequestContext,
};
use lambda_runtime::service_fn;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::{Service as _, ServiceExt as _};

use utoipa_axum::router::OpenApiRouter;

use crate::{
    config::Draft,
    context::{AppContext, Clock, Duty},
    http::{ApiError, ErrorCode},
    telemetry::{self, CanonicalLine},
};

use event::Refusal;

/// The address that the gateway saw the request come from; not what the client claims in `X-Forwarded-For`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAddress(pub String);

/// The id that Lambda gave this invocation: the lines of its platform log carry it, and so does the canonical line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaRequestId(pub String);

/// When the answer must be out, so that Lambda does not end the invocation without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerBy(pub Instant);

impl AnswerBy {
    /// What an answer needs after its handler: a rollback, its bytes, the way back to the gateway.
    const RESERVE: Duration = Duration::from_secs(1);

    /// The gateway gives up on an HTTP integration after thirty seconds, whatever the function may.
    const LONGEST: Duration = Duration::from_secs(29);

    /// Before the deadline, by this clock. One by which the deadline is over as the invocation begins, or further away than
    /// any answer may take, is a clock that is off, and is not believed.
    fn before(deadline: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let left = (deadline - now).to_std().unwrap_or_default();
        let left = if left.is_zero() {
            Self::LONGEST
        } else {
            left.min(Self::LONGEST)
        };
        // A function with a very short timeout keeps half of it for its handler.
        Self(Instant::now() + left.saturating_sub(Self::RESERVE.min(left / 2)))
    }
}

/// What the runtime ends with.
pub type Error = lambda_runtime::Error;

/// The whole life of an HTTP function: settings, logging, connections, then requests until the environment ends.
///
/// # Errors
/// Settings or secrets that are missing or wrong, all of them at once and none with its value; or the runtime API of Lambda
/// cannot be reached.
///
/// # Panics
/// As [`serve`].
pub async fn run_http(duty: Duty, routes: OpenApiRouter<AppContext>) -> Result<(), Error> {
    let ctx = start(duty).await?;
    serve(crate::http::app(ctx, routes).0).await
}

/// The context of a function, from its environment.
///
/// # Errors
/// As [`run_http`].
pub async fn start(duty: Duty) -> Result<AppContext, Error> {
    let draft = Draft::from_env();
    telemetry::init(draft.telemetry());
    let started = AppContext::start(draft, duty).await;
    Ok(started.inspect_err(|mistakes| tracing::error!(%mistakes, "the function does not start"))?)
}

/// Answers the requests of an HTTP API (payload format 2.0) with `router` until the environment ends.
///
/// Requests carry [`LambdaRequestId`] and, where the gateway tells it, [`SourceAddress`] as extensions. The path reaches
/// the router percent-encoded and otherwise as it was sent: nothing resolves `..` on the way. The API has to use the
/// stage `$default`, because any other would stand in the path.
///
/// # Errors
/// The runtime API of Lambda cannot be reached.
///
/// # Panics
/// Outside of Lambda or an emulator, which set the variables `AWS_LAMBDA_*`.
pub async fn serve(router: Router) -> Result<(), Error> {
    invocations::run(move |event, context| answer(router.clone(), event, context)).await
}

/// One firing of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// When Lambda will end the invocation; `None` where an emulator does not say.
    pub deadline: Option<DateTime<Utc>>,
    /// The id that Lambda gave this invocation.
    pub request_id: String,
}

/// Calls `work` for every scheduled event, whatever it holds, until the environment ends. What `work` returns is the
/// invocation's result; its error, or its panic, is the invocation's failure and leaves the process running.
///
/// # Errors
/// The runtime API of Lambda cannot be reached.
///
/// # Panics
/// Outside of Lambda or an emulator, which set the variables `AWS_LAMBDA_*`.
pub async fn run_scheduled<F, Fut>(mut work: F) -> Result<(), Error>
where
    F: FnMut(Invocation) -> Fut,
    Fut: Future<Output = Result<Value, Error>>,
{
    let each = move |_event: Bytes, context: Context| {
        work(Invocation {
            deadline: plausible_deadline(context.deadline),
            request_id: context.request_id,
        })
    };
    invocations::run(each).await
}

/// cargo-lambda's emulator names a deadline in January 1970; a deadline before this product existed is none.
fn plausible_deadline(epoch_ms: u64) -> Option<DateTime<Utc>> {
    const EARLIEST_EPOCH_MS: i64 = 1_600_000_000_000;
    let epoch_ms = i64::try_from(epoch_ms)
        .ok()
        .filter(|&epoch_ms| epoch_ms >= EARLIEST_EPOCH_MS)?;
    DateTime::from_timestamp_millis(epoch_ms)
}

/// Answers one event, whatever it holds.
async fn answer(
    router: Router,
    event: Bytes,
    context: Context,
) -> Result<impl Serialize + fmt::Debug + use<>, Infallible> {
    let started = Instant::now();
    let event = event::decode(&event);
    let named = event.as_ref().ok().and_then(event::request_id);
    let request_id = named.unwrap_or(&context.request_id).to_owned();
    // RFC 9110 §9.3.2: an answer to HEAD has no content. The router sees to that, but not for what never reaches it.
    let method = event.as_ref().ok().and_then(event::method);
    let is_head = method == Some(Method::HEAD);
    let sanitised = event
        .and_then(event::sanitise)
        .and_then(|event| serde_json::from_value::<ApiGatewayV2httpRequest>(event).map_err(|_| Refusal::NotHttp));
    let refusal = sanitised.as_ref().err().copied();
    let asked = Asked {
        request_id,
        invocation: context.request_id.clone(),
        method,
        started,
    };
    // A refusal passes through the adapter too, as the answer to an empty request: only it can write a gateway's answer.
    let request = LambdaRequest::ApiGatewayV2(sanitised.unwrap_or_default());

    let inner = service_fn(move |request: lambda_http::Request| {
        let (router, asked) = (router.clone(), asked.clone());
        async move {
            let mut response = match refusal {
                Some(refusal) => refuse(refusal, &asked),
                None => respond(router, enter(request), &asked.request_id).await,
            };
            if is_head {
                *response.body_mut() = Body::empty();
            }
            Ok::<_, Infallible>(response)
        }
    });
    Adapter::from(inner).call(LambdaEvent::new(request, context)).await
}

/// Answers one event, in the form that the gateway is given; for tests, which own the event.
#[cfg(feature = "testing")]
pub(crate) async fn answer_event(router: Router, event: Bytes) -> Result<Value, serde_json::Error> {
    let mut context = Context::default();
    "invocation-of-a-test".clone_into(&mut context.request_id);
    let answer = answer(router, event, context)
        .await
        .unwrap_or_else(|never| match never {});
    serde_json::to_value(answer)
}

/// The request as the router sees it.
fn enter(request: lambda_http::Request) -> Request<Body> {
    let invocation = request
        .lambda_context_ref()
        .map(|context| LambdaRequestId(context.request_id.clone()));
    let answer_by = request
        .lambda_context_ref()
        .and_then(|context| plausible_deadline(context.deadline))
        .map(|deadline| AnswerBy::before(deadline, Clock::system().now()));
    let (host, address) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(gateway)) => (gateway.domain_name.clone(), gateway.http.source_ip.clone()),
        _ => (None, None),
    };
    // The adapter's own URI went through a URL parser, which resolves `..` and drops what it thinks superfluous.
    let target = match request.uri().query() {
        Some(query) => format!("{}?{query}", request.raw_http_path()),
        None => request.raw_http_path().to_owned(),
    };

    let (mut parts, body) = request.into_parts();
    if let Ok(target) = PathAndQuery::try_from(target) {
        parts.uri = Uri::from(target);
    }
    if let Some(host) = host.and_then(|host| HeaderValue::try_from(host).ok()) {
        parts.headers.insert(HOST, host);
    }
    if let Some(invocation) = invocation {
        parts.extensions.insert(invocation);
    }
    if let Some(address) = address {
        parts.extensions.insert(SourceAddress(address));
    }
    if let Some(answer_by) = answer_by {
        parts.extensions.insert(answer_by);
    }
    let body = match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    };
    Request::from_parts(parts, body)
}

/// The router's answer, whole; 500 when it panics or its body breaks off.
async fn respond(router: Router, request: Request<Body>, request_id: &str) -> Response {
    let whole = async {
        let (mut parts, body) = router
            .oneshot(request)
            .await
            .unwrap_or_else(|never| match never {})
            .into_parts();
        parts.headers = single_valued(&parts.headers);
        // The adapter panics on a body that fails, so it is given one that cannot.
        let body = body.collect().await?.to_bytes();
        Ok::<_, axum::Error>(Response::from_parts(parts, Body::from(body)))
    };
    match AssertUnwindSafe(whole).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => failure(request_id, "the body of an answer broke off"),
        // The panic hook has written the message and the place.
        Err(_) => failure(request_id, "a handler panicked"),
    }
}

/// Folds repeated headers into one (RFC 9110 §5.3), because the adapter passes on only the first, and leaves out values
/// that are not text, because on those it gives up the whole process. `Set-Cookie` cannot be folded and travels apart.
fn single_valued(headers: &HeaderMap) -> HeaderMap {
    let mut folded = HeaderMap::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let text = headers.get_all(name).iter().filter(|value| value.to_str().is_ok());
        if name == SET_COOKIE {
            folded.extend(text.map(|value| (SET_COOKIE, value.clone())));
            continue;
        }
        let values: Vec<&[u8]> = text.map(HeaderValue::as_bytes).collect();
        if let (false, Ok(value)) = (values.is_empty(), HeaderValue::from_bytes(&values.join(&b", "[..]))) {
            folded.insert(name, value);
        }
    }
    folded
}

/// What is known of a request however it was sent.
#[derive(Clone)]
struct Asked {
    request_id: String,
    /// Lambda's own id.
    invocation: String,
    method: Option<Method>,
    started: Instant,
}

/// The answer to an event that the router cannot be asked about: 400 `VALIDATION_ERROR` in the contract's envelope. The frame
/// does not see it, so its line is written here.
fn refuse(refusal: Refusal, asked: &Asked) -> Response {
    let request_id = &asked.request_id;
    tracing::warn!(request_id, field = refusal.field(), "refused an event: {refusal}");
    let error = ApiError::new(ErrorCode::ValidationError, refusal.to_string());
    let response = envelope(&error.with_details(json!({ "field": refusal.field() })), request_id);
    CanonicalLine {
        method: asked.method.as_ref().map_or("unknown", Method::as_str),
        route: "unmatched",
        status: response.status().as_u16(),
        duration: asked.started.elapsed(),
        request_id,
        tenant_id: None,
        principal: None,
        error_code: Some(&ErrorCode::ValidationError.as_str()),
        lambda_request_id: Some(&asked.invocation),
        cold_start: telemetry::is_first_request(),
    }
    .emit();
    response
}

fn failure(request_id: &str, cause: &str) -> Response {
    tracing::error!(request_id, cause, "a request failed");
    envelope(&ApiError::internal(cause), request_id)
}

/// An error outside of the router, where there is neither a frame to put it into its envelope nor a context with a clock.
fn envelope(error: &ApiError, request_id: &str) -> Response {
    let body = json!(error.body(Clock::system().now(), request_id));
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = error.code().status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

#[cfg(test)]
mod tests;
