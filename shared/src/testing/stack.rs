//! The context of a function, on the test's own database and the tests' Redis.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::PgPool;

use super::{Snapshot, TestClient, TestClock, TestDatabase, TestTenant};
use crate::{
    config::Config,
    context::{AppContext, Duty},
    data::{Cache, Database},
    secrets::Secrets,
};

/// The operator's credential in every test.
pub(super) const OPERATOR: &str = "operator-credential-of-the-tests";

/// Everything one test needs.
pub struct TestStack {
    /// A context as the role `countersign_app`.
    pub ctx: AppContext,
    /// A context as the role `countersign_sweeper`.
    pub sweeper: AppContext,
    /// The clock of both.
    pub clock: TestClock,
    /// Dropped last, after the pools.
    pub database: TestDatabase,
}

impl TestStack {
    /// Starts a stack with the default settings, but a cheap bcrypt and a pool that races can use.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with some variables set as given.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create().await;
        Self::on(database, settings)
    }

    /// A stack on an existing database.
    #[must_use]
    pub fn on(database: TestDatabase, settings: &[(&str, &str)]) -> Self {
        let redis_url = redis_url();
        let clock = TestClock::default();
        let lookup = |role: &str| {
            let mut variables: Vec<(String, String)> = [
                ("AUTH_BCRYPT_COST", "4"),
                ("DATABASE_MAX_CONNECTIONS", "8"),
                // Out of the way of every test but those that are about it.
                ("RATE_LIMIT_PER_SECOND", "1000000"),
                ("RATE_LIMIT_BURST", "1000000"),
                ("REDIS_TIMEOUT_MS", "2000"),
                ("DATABASE_URL", &database.url("countersign_app")),
                ("SWEEPER_DATABASE_URL", &database.url("countersign_sweeper")),
                ("ADMIN_DATABASE_URL", &database.url("countersign_migrator")),
                ("REDIS_URL", &redis_url),
                ("ADMIN_API_KEY", OPERATOR),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
            for (name, value) in settings {
                variables.retain(|(known, _)| known != name);
                variables.push(((*name).to_owned(), (*value).to_owned()));
            }
            context(role, variables, &clock)
        };
        Self {
            ctx: lookup("DATABASE_URL"),
            sweeper: lookup("SWEEPER_DATABASE_URL"),
            clock,
            database,
        }
    }

    /// Another process on the same database and Redis: nothing remembered, connections of its own. It must not outlive
    /// the stack it was made from, which owns the database.
    #[must_use]
    pub fn on_same_servers(other: &Self) -> Self {
        Self::sharing(other, &[])
    }

    /// The same with some variables set as given.
    #[must_use]
    pub fn sharing(other: &Self, settings: &[(&str, &str)]) -> Self {
        Self::on(other.database.borrowed(), settings)
    }

    /// The operator's credential.
    #[must_use]
    pub fn operator(&self) -> &'static str {
        OPERATOR
    }

    /// A pool as the superuser on the test's database, to look behind the product's back.
    #[must_use]
    pub fn owner_pool(&self) -> PgPool {
        self.database.superuser()
    }

    /// Everything that the database holds.
    pub async fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.owner_pool()).await
    }

    /// A fresh tenant with one key of each kind and two approvers.
    pub async fn tenant(&self) -> TestTenant {
        self.tenant_with_agent("dev-agent").await
    }

    /// The same with an agent of this caller id.
    pub async fn tenant_with_agent(&self, caller_id: &str) -> TestTenant {
        TestTenant::create(self, caller_id).await
    }

    /// A fresh tenant's id, for tests that need no keys.
    pub async fn new_tenant(&self) -> uuid::Uuid {
        self.tenant().await.id
    }

    /// A client of a function's router.
    #[must_use]
    pub fn client(&self, router: axum::Router) -> TestClient {
        TestClient::new(router)
    }
}

/// The tests' Redis, which they share.
pub(super) fn redis_url() -> String {
    std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL is set: run the tests with `make test`")
}

/// One of its numbered databases, which a test may empty when no other uses that number.
#[must_use]
pub fn redis_database(number: u8) -> String {
    let shared = redis_url();
    let (scheme, rest) = shared.split_once("://").expect("a URL");
    let server = rest.split_once('/').map_or(rest, |(server, _)| server);
    format!("{scheme}://{server}/{number}")
}

/// A context whose Postgres and Redis are not there, for what must be answered without them.
#[must_use]
pub fn context_without_servers() -> AppContext {
    let variables = [
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "50"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("REDIS_TIMEOUT_MS", "50"),
        ("ADMIN_API_KEY", OPERATOR),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    context("DATABASE_URL", variables.into(), &TestClock::default())
}

fn context(database_variable: &str, variables: Vec<(String, String)>, clock: &TestClock) -> AppContext {
    let lookup = move |name: &str| {
        variables
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    };
    let config = Config::from_lookup(&lookup).expect("the test's settings are valid");
    let url = |name: &str| SecretString::from(lookup(name).expect("the URL is set"));
    let db = Database::connect_lazy(&url(database_variable), &config.database).expect("a Postgres URL");
    let cache = Cache::connect_lazy(&url("REDIS_URL"), &config.redis).expect("a Redis URL");
    let secrets = Secrets::from_lookup(lookup, Duration::from_mins(1));
    AppContext::new(config, secrets, db, cache, clock.clock(), Duty::TenantsAndOperator)
}
