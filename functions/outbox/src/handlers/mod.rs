//! Who receives which events.
//!
//! A handler gets an event at least once: it may be called again when its outcome could not be recorded, so its effect
//! must be the same the second time. It runs outside of any transaction.

mod log;
mod pong;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use shared::context::AppContext;
use uuid::Uuid;

/// An event of the outbox, as a handler sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Whose it is.
    pub tenant_id: Uuid,
    /// The event.
    pub id: Uuid,
    /// The kind of object that changed.
    pub aggregate_type: String,
    /// The object.
    pub aggregate_id: Uuid,
    /// The object's version after the change. This, and not the order of arrival, is the order of its events.
    pub aggregate_version: i32,
    /// What happened, such as `approval.approved`.
    pub event_type: String,
    /// The object as of the event.
    pub payload: Value,
}

/// Why an attempt failed. For the delivery's row and the log, so it holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// A destination of events within this process.
pub trait Handler: Send + Sync {
    /// The destination's name in the deliveries. It must not change while deliveries to it are pending.
    fn name(&self) -> &'static str;

    /// Whether events of this type go here.
    fn wants(&self, event_type: &str) -> bool;

    /// Takes the event.
    ///
    /// # Errors
    /// It could not be taken now; it will be tried again.
    fn handle<'a>(&'a self, ctx: &'a AppContext, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>>;
}

/// The registry of handlers.
#[derive(Clone)]
pub struct Handlers(Vec<Arc<dyn Handler>>);

impl Handlers {
    /// The product's own.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(vec![Arc::new(pong::Pong), Arc::new(log::Log)])
    }

    /// A registry of exactly these. Their names must differ.
    #[must_use]
    pub fn new(handlers: Vec<Arc<dyn Handler>>) -> Self {
        Self(handlers)
    }

    /// Where events of this type go.
    pub(crate) fn destinations_of<'a>(&'a self, event_type: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        self.0
            .iter()
            .filter(move |handler| handler.wants(event_type))
            .map(|handler| handler.name())
    }

    /// The handler of this name. A build may lack one that an older or newer build, sweeping at the same time, has.
    pub(crate) fn find(&self, destination: &str) -> Option<&dyn Handler> {
        self.0
            .iter()
            .find(|handler| handler.name() == destination)
            .map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_goes_where_it_belongs() {
        let handlers = Handlers::standard();
        let destinations = |event_type: &str| handlers.destinations_of(event_type).collect::<Vec<_>>();
        assert_eq!(destinations("tasks.ping"), ["pong"]);
        for event_type in [
            "approval.requested",
            "approval.voted",
            "approval.expired",
            "api_key.revoked",
        ] {
            assert_eq!(destinations(event_type), ["log"], "{event_type}");
        }
        for event_type in ["", "approval", "approvals.requested", "tasks.pingpong", "user.created"] {
            assert!(destinations(event_type).is_empty(), "{event_type}");
        }
        assert!(handlers.find("pong").is_some() && handlers.find("elsewhere").is_none());
    }
}
