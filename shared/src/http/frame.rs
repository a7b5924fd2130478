//! The frame around every request: its id, its answer's common headers, its log line, and the envelope of its errors,
//! whatever layer they come from.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::{ApiError, Json, cors, request_id};
use crate::{auth::Principal, context::AppContext, telemetry::CanonicalLine};

/// The id of the request, as an extension of it.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Where the extractors leave who it was, for the log line.
#[derive(Debug, Clone, Default)]
pub(super) struct Identified(Arc<Mutex<Option<(Uuid, String)>>>);

impl Identified {
    pub(super) fn set(&self, principal: &Principal) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((principal.tenant_id, principal.to_string()));
    }

    fn take(&self) -> Option<(Uuid, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

static WARM: AtomicBool = AtomicBool::new(false);

/// Runs a request inside the frame.
pub(super) async fn frame(State(ctx): State<AppContext>, request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let (mut parts, body) = request.into_parts();
    let request_id = request_id::choose(&parts.headers, || ctx.ids.next());
    let identified = Identified::default();
    parts.extensions.insert(RequestId(request_id.clone()));
    parts.extensions.insert(identified.clone());
    let method = parts.method.clone();
    // The template, never the path itself: a path may hold what a client should not have put there.
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let origin = cors::allowed_origin(&parts.headers, &ctx.config.cors.origins);

    let answer = if cors::is_preflight(&parts) {
        cors::preflight(origin.as_ref())
    } else {
        let handled = AssertUnwindSafe(next.run(Request::from_parts(parts, body)))
            .catch_unwind()
            .await;
        handled.unwrap_or_else(|panic| ApiError::internal(format!("panic: {}", said(&*panic))).into_response())
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

    if let Some(cause) = error.as_ref().and_then(ApiError::cause) {
        tracing::error!(request_id, cause, "a request failed");
    }
    let (tenant_id, principal) = identified.take().unzip();
    CanonicalLine {
        method: method.as_str(),
        route: route.as_deref().unwrap_or("unmatched"),
        status: response.status().as_u16(),
        duration: started.elapsed(),
        request_id: &request_id,
        tenant_id,
        principal: principal.as_deref(),
        error_code: error.map(|error| error.code().as_str()).as_deref(),
        cold_start: !WARM.swap(true, Ordering::Relaxed),
    }
    .emit();
    response
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
