//! Invocations as the bytes they come in. What those mean is not decided here.
//!
//! `lambda_runtime` 1.5 decodes an event before it calls a handler, and reports one that it cannot decode as a failed
//! invocation: its client would get the gateway's answer and not the contract's, and a schedule would fail.

use std::{cell::Cell, fmt, future::Future, mem, rc::Rc};

use axum::body::Bytes;
use lambda_runtime::{
    Context, Diagnostic, Error, LambdaEvent, LambdaInvocation, Runtime, layers::TracingLayer, service_fn,
};
use serde::{Serialize, de::IgnoredAny};
use tower::util::MapRequestLayer;

/// What the runtime decodes in the place of every event.
const NOTHING: &[u8] = b"null";

/// Calls `work` with every event, whatever its bytes are, until the environment ends.
///
/// # Errors
/// The runtime API of Lambda cannot be reached.
///
/// # Panics
/// Outside of Lambda or an emulator, which set the variables `AWS_LAMBDA_*`.
pub(super) async fn run<F, Fut, R, E>(mut work: F) -> Result<(), Error>
where
    F: FnMut(Bytes, Context) -> Fut,
    Fut: Future<Output = Result<R, E>>,
    R: Serialize,
    E: Into<Diagnostic> + fmt::Debug,
{
    // The event passes the runtime by: the outer layer leaves it here, and the handler takes it within the same call.
    let event = Rc::new(Cell::new(Bytes::new()));
    let left = Rc::clone(&event);
    let leave = move |mut invocation: LambdaInvocation| {
        left.set(mem::replace(&mut invocation.body, Bytes::from_static(NOTHING)));
        invocation
    };
    let handler = service_fn(move |nothing: LambdaEvent<IgnoredAny>| work(event.take(), nothing.context));
    let runtime = Runtime::new(handler)
        .layer(MapRequestLayer::new(leave))
        .layer(TracingLayer::new());
    runtime.run().await
}
