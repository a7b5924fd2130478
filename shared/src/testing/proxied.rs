//! A stack whose servers can be made to fail.

use super::{FaultProxy, TestDatabase, TestStack};

/// A stack that reaches Postgres and Redis through proxies of its own.
pub struct ProxiedStack {
    /// The stack. Its `owner_pool` goes past the proxies.
    pub stack: TestStack,
    /// Before Postgres.
    pub postgres: FaultProxy,
    /// Before Redis.
    pub redis: FaultProxy,
}

impl ProxiedStack {
    /// Starts a stack with some variables set as given; `REDIS_URL` among them names the Redis behind the proxy.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create().await;
        let (app, sweeper) = (database.url("countersign_app"), database.url("countersign_sweeper"));
        let given = settings.iter().find(|(name, _)| *name == "REDIS_URL");
        let redis_url = given.map_or_else(super::stack::redis_url, |(_, url)| (*url).to_owned());
        let (postgres, redis) = (FaultProxy::before(&app), FaultProxy::before(&redis_url));
        let proxied = [
            ("DATABASE_URL", &*postgres.url(&app)),
            ("SWEEPER_DATABASE_URL", &*postgres.url(&sweeper)),
            ("REDIS_URL", &*redis.url(&redis_url)),
        ];
        Self {
            stack: TestStack::on(database, &[settings, &proxied].concat()),
            postgres,
            redis,
        }
    }
}
