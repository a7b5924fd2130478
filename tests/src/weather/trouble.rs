//! The troubles that there are, and what each excuses.

/// Something that goes wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Redis forgets everything.
    RedisFlushed,
    /// Redis crashes, refuses connections, and comes back empty.
    RedisStopped,
    /// Each answer of Redis comes later than anybody waits for it.
    RedisSlow,
    /// Redis neither answers nor refuses.
    RedisBlackHole,
    /// Postgres is restarted in an orderly way.
    PostgresRestarted,
    /// Postgres is stopped in an orderly way and refuses connections until it is started.
    PostgresStopped,
    /// Postgres crashes, and recovers from its log when it is started.
    PostgresKilled,
    /// Every connection to Postgres is reset.
    PostgresCut,
    /// Postgres neither answers nor refuses, and what was sent to it meanwhile is lost.
    PostgresBlackHole,
    /// Postgres has no connections left, and ended those there were.
    OutOfConnections,
}

impl Trouble {
    /// Every one, in an order in which each comes to healthy stores.
    pub const ALL: [Self; 10] = [
        Self::RedisFlushed,
        Self::PostgresRestarted,
        Self::RedisStopped,
        Self::PostgresCut,
        Self::PostgresStopped,
        Self::RedisSlow,
        Self::OutOfConnections,
        Self::PostgresKilled,
        Self::RedisBlackHole,
        Self::PostgresBlackHole,
    ];

    /// Whether Postgres may answer nobody, so that a 503 is right. Redis excuses nothing.
    #[must_use]
    pub fn excuses_unavailable(self) -> bool {
        match self {
            Self::RedisFlushed | Self::RedisStopped | Self::RedisSlow | Self::RedisBlackHole => false,
            Self::PostgresRestarted
            | Self::PostgresStopped
            | Self::PostgresKilled
            | Self::PostgresCut
            | Self::PostgresBlackHole
            | Self::OutOfConnections => true,
        }
    }

    /// What readiness says while it lasts; `None` when it is over at once.
    #[must_use]
    pub fn readiness(self) -> Option<(u16, &'static str)> {
        match self {
            Self::RedisFlushed | Self::PostgresRestarted | Self::PostgresCut => None,
            Self::RedisStopped | Self::RedisSlow | Self::RedisBlackHole => Some((200, "degraded")),
            Self::PostgresStopped | Self::PostgresKilled | Self::PostgresBlackHole | Self::OutOfConnections => {
                Some((503, "unavailable"))
            }
        }
    }
}
