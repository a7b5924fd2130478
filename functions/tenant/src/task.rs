//! A task that goes through the outbox to the sweep and back: proof that the whole way works. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum TaskStatus {
    /// Committed, and not handled yet.
    Queued,
    /// Handled.
    Done,
    /// Given up after every attempt.
    Failed,
}

/// What the sweep leaves in Redis when it has handled a task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) status: TaskStatus,
    #[serde(default)]
    pub(crate) result: Option<String>,
}

impl Outcome {
    /// What the state of a task's delivery says; `None` is one that no sweep has seen yet.
    pub(crate) fn of_delivery(status: Option<&str>) -> Self {
        match status {
            Some("DELIVERED") => Self {
                status: TaskStatus::Done,
                result: Some("pong".to_owned()),
            },
            Some("DEAD") => Self {
                status: TaskStatus::Failed,
                result: None,
            },
            _ => Self {
                status: TaskStatus::Queued,
                result: None,
            },
        }
    }
}

/// Where the sweep leaves the outcome of a task.
pub(crate) fn cache_key(tenant_id: Uuid, id: Uuid) -> String {
    format!("task:{tenant_id}:{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_delivery_ends_a_task() {
        assert_eq!(Outcome::of_delivery(None).status, TaskStatus::Queued);
        assert_eq!(Outcome::of_delivery(Some("PENDING")).status, TaskStatus::Queued);
        assert_eq!(
            Outcome::of_delivery(Some("DEAD")),
            Outcome {
                status: TaskStatus::Failed,
                result: None
            }
        );
        assert_eq!(Outcome::of_delivery(Some("DELIVERED")).result.as_deref(), Some("pong"));
    }
}
