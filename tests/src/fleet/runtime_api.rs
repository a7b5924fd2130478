//! The HTTP interface through which a process asks for its next invocation and answers it ("Using the Lambda runtime API",
//! AWS Lambda Developer Guide). The first segment of a path says whose call it is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};

/// As large as an answer may be.
const MOST_BYTES: usize = 6 * 1024 * 1024;

/// What a process says.
pub(super) enum Message {
    /// It is free; the response to send it is awaited.
    Next(oneshot::Sender<Response>),
    /// It has answered an invocation, or said that it failed.
    Answer {
        id: String,
        answer: Value,
        has_failed: bool,
        /// Lets the process go on.
        heard: oneshot::Sender<()>,
    },
}

/// Where the messages of each process go.
#[derive(Clone, Default)]
pub(super) struct Mailboxes(Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Message>>>>);

impl Mailboxes {
    /// Opens the mailbox of a process that is about to start.
    pub(super) fn open(&self, process: &str) -> mpsc::UnboundedReceiver<Message> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(process.to_owned(), sender);
        receiver
    }

    fn of(&self, process: &str) -> Option<mpsc::UnboundedSender<Message>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(process)
            .cloned()
    }
}

pub(super) async fn serve(listener: TcpListener, mailboxes: Mailboxes) {
    let router = Router::new().fallback(take).with_state(mailboxes);
    axum::serve(listener, router).await.expect("the Runtime API serves");
}

async fn take(State(mailboxes): State<Mailboxes>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (Some(process), Some(rest)) = (segments.first(), segments.get(3..)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(mailbox) = mailboxes.of(process) else {
        return StatusCode::GONE.into_response();
    };
    match rest {
        ["invocation", "next"] => {
            let (reply, next) = oneshot::channel();
            let _ = mailbox.send(Message::Next(reply));
            // Without an answer when the process is given up.
            next.await.unwrap_or_else(|_| StatusCode::GONE.into_response())
        }
        ["invocation", id, kind @ ("response" | "error")] => {
            let Ok(bytes) = to_bytes(request.into_body(), MOST_BYTES).await else {
                return StatusCode::PAYLOAD_TOO_LARGE.into_response();
            };
            let (heard, hearing) = oneshot::channel();
            let _ = mailbox.send(Message::Answer {
                id: (*id).to_owned(),
                answer: serde_json::from_slice(&bytes).unwrap_or_default(),
                has_failed: *kind == "error",
                heard,
            });
            let _ = hearing.await;
            (StatusCode::ACCEPTED, Body::from(r#"{"status":"OK"}"#)).into_response()
        }
        _ => StatusCode::ACCEPTED.into_response(),
    }
}
