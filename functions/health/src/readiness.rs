//! What the state of the dependencies means for the whole. Pure.

use serde::Serialize;
use utoipa::ToSchema;

/// The state of one dependency, or of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Serves.
    Ok,
    /// Serves, more slowly or later than it should.
    Degraded,
    /// Does not serve.
    Unavailable,
}

/// The dependencies, each as it stands by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dependencies {
    pub(crate) postgres: Status,
    pub(crate) redis: Status,
    pub(crate) secrets: Status,
    pub(crate) migrations: Status,
    pub(crate) outbox: Status,
}

impl Dependencies {
    /// Nothing is true without Postgres, secrets and migrations. Redis only makes things fast, and a late outbox still
    /// loses nothing.
    pub(crate) fn overall(self) -> Status {
        let needed = [self.postgres, self.secrets, self.migrations];
        if needed.iter().any(|status| *status != Status::Ok) {
            Status::Unavailable
        } else if self.redis != Status::Ok || self.outbox != Status::Ok {
            Status::Degraded
        } else {
            Status::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Dependencies = Dependencies {
        postgres: Status::Ok,
        redis: Status::Ok,
        secrets: Status::Ok,
        migrations: Status::Ok,
        outbox: Status::Ok,
    };

    #[test]
    fn what_is_needed_makes_it_unavailable_and_the_rest_degraded() {
        let down = Status::Unavailable;
        assert_eq!(FINE.overall(), Status::Ok);
        assert_eq!(Dependencies { postgres: down, ..FINE }.overall(), Status::Unavailable);
        assert_eq!(Dependencies { secrets: down, ..FINE }.overall(), Status::Unavailable);
        assert_eq!(
            Dependencies {
                migrations: down,
                ..FINE
            }
            .overall(),
            Status::Unavailable
        );
        assert_eq!(Dependencies { redis: down, ..FINE }.overall(), Status::Degraded);
        assert_eq!(
            Dependencies {
                outbox: Status::Degraded,
                ..FINE
            }
            .overall(),
            Status::Degraded
        );
        assert_eq!(
            Dependencies {
                redis: down,
                postgres: down,
                ..FINE
            }
            .overall(),
            Status::Unavailable
        );
    }
}
