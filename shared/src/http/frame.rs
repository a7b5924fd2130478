//! The frame around every request: its id, its answer's common headers, its log line, and the envelope of its errors,
//! whatever layer they come from.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::{ApiError, Json, cors, rate_limit, request_id};
use crate::{
    auth::Principal,
    context::AppContext,
    lambda::{AnswerBy, LambdaRequestId},
    telemetry::{self, CanonicalLine},
    throttle::{Allowance, Rate},
};

/// Where the extractors leave what they found out, for the log line and the headers of the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Identified(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    caller: Option<(Uuid, String)>,
    allowance: Option<(Rate, Allowance)>,
}

impl Identified {
    pub(super) fn set_caller(&self, principal: &Principal) {
        self.lock().caller = Some((principal.tenant_id, principal.to_string()));
    }

    pub(super) fn set_allowance(&self, rate: Rate, allowance: Allowance) {
        self.lock().allowance = Some((rate, allowance));
    }

    fn take(&self) -> Known {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a request inside the frame.
pub(super) async fn frame(State(ctx): State<AppContext>, request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let (mut parts, body) = request.into_parts();
    let request_id = request_id::choose(&parts.headers, || ctx.ids.next());
    let identified = Identified::default();
    parts.extensions.insert(identified.clone());
    let method = parts.method.clone();
    // The template, never the path itself: a path may hold what a client should not have put there.
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let lambda_request_id = parts.extensions.get::<LambdaRequestId>().map(|id| id.0.clone());
    let origin = cors::allowed_origin(&parts.headers, &ctx.config.cors.origins);

    let answer = if cors::is_preflight(&parts) {
        cors::preflight(origin.as_ref())
    } else {
        let answer_by = parts.extensions.get::<AnswerBy>().copied();
        let handled = AssertUnwindSafe(next.run(Request::from_parts(parts, body))).catch_unwind();
        in_time(answer_by, handled)
            .await
            .unwrap_or_else(|panic| ApiError::internal(format!("panic: {}", said(&*panic))).into_response())
    };
    ctx.db.settle().await;
    let (mut response, error) = enveloped(answer, &ctx, &request_id);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert("x-request-id", value);
    }
    cors::decorate(headers, origin);
    let known = identified.take();
    if let Some((rate, allowance)) = known.allowance {
        rate_limit::decorate(headers, rate, allowance);
    }

    if let Some(cause) = error.as_ref().and_then(ApiError::cause) {
        tracing::error!(request_id, cause, "a request failed");
    }
    let (tenant_id, principal) = known.caller.unzip();
    CanonicalLine {
        method: method.as_str(),
        route: route.as_deref().unwrap_or("unmatched"),
        status: response.status().as_u16(),
        duration: started.elapsed(),
        request_id: &request_id,
        tenant_id,
        principal: principal.as_deref(),
        error_code: error.map(|error| error.code().as_str()).as_deref(),
        lambda_request_id: lambda_request_id.as_deref(),
        cold_start: telemetry::is_first_request(),
    }
    .emit();
    response
}

/// Runs a handler until the answer must be out: 503 then, and what it has not committed is rolled back.
async fn in_time<E>(
    answer_by: Option<AnswerBy>,
    handled: impl Future<Output = Result<Response, E>>,
) -> Result<Response, E> {
    let Some(AnswerBy(instant)) = answer_by else {
        return handled.await;
    };
    tokio::time::timeout_at(instant, handled)
        .await
        .unwrap_or_else(|_elapsed| Ok(ApiError::unavailable("the invocation's deadline came first").into_response()))
}

/// Gives an [`ApiError`] its body, now that the request id is known.
fn enveloped(mut response: Response, ctx: &AppContext, request_id: &str) -> (Response, Option<ApiError>) {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return (response, None);
    };
    let (mut parts, _) = response.into_parts();
    let (body_parts, body) = Json(error.body(ctx.clock.now(), request_id))
        .into_response()
        .into_parts();
    parts.headers.extend(body_parts.headers);
    parts.headers.remove(header::CONTENT_LENGTH);
    (Response::from_parts(parts, body), Some(error))
}

/// What a panic said, for the log.
fn said(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
