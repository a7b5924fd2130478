//! What a function is built from once, in `main`, and passes down: configuration, connections, time and randomness.
//!
//! Nothing here is global, so a test owns all of it. The context of one request (tenant, principal) is not in here; it is
//! carried explicitly.

mod sources;
mod start;

use std::sync::Arc;

use crate::{
    auth::{OperatorCredential, Verifier},
    config::Config,
    data::{Cache, Database},
    secrets::{SecretError, Secrets},
    throttle::Limiter,
};

pub use sources::{Clock, Ids, Random};
pub use start::StartError;

/// What a function is there for, and so which secrets it needs and may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Serves tenants, as the database role `countersign_app`.
    Tenants,
    /// Serves tenants and the operator, and so needs the operator's credential too.
    TenantsAndOperator,
    /// Sweeps across tenants, as the database role `countersign_sweeper`.
    Sweep,
}

/// Everything a handler may need that outlives a request.
#[derive(Clone)]
pub struct AppContext {
    /// The typed settings.
    pub config: Arc<Config>,
    /// The only source of the time of day.
    pub clock: Clock,
    /// The only source of randomness.
    pub random: Random,
    /// Mints ids.
    pub ids: Ids,
    /// Postgres, the truth.
    pub db: Database,
    /// Redis, which is never the truth.
    pub cache: Cache,
    /// The secret store.
    pub secrets: Secrets,
    /// Checks the secrets of API keys.
    pub verifier: Verifier,
    /// How many requests each credential may make.
    pub requests: Limiter,
    /// Whether this function serves the operator, and so may read its credential.
    pub serves_operator: bool,
}

impl AppContext {
    /// Puts a context together from what its function reads and connects to. Whatever tells the time tells it by `clock`.
    #[must_use]
    pub fn new(config: Config, secrets: Secrets, db: Database, cache: Cache, clock: Clock, duty: Duty) -> Self {
        let random = Random::from_os();
        Self {
            ids: Ids::new(clock.clone(), random.clone()),
            verifier: Verifier::new(&config.auth, cache.clone(), clock.clone()),
            requests: Limiter::new("requests", config.rate_limit.rate(), cache.clone(), clock.clone()),
            config: Arc::new(config),
            clock,
            random,
            db,
            cache,
            secrets,
            serves_operator: duty == Duty::TenantsAndOperator,
        }
    }

    /// The operator's credential, as the secret store has it now (within `SECRETS_CACHE_TTL_SECONDS`); `None` in a
    /// function that does not serve the operator.
    ///
    /// # Errors
    /// The secret store does not answer.
    pub async fn operator(&self) -> Result<Option<OperatorCredential>, SecretError> {
        if !self.serves_operator {
            return Ok(None);
        }
        let credential = self.secrets.get_secret("admin", "api_key").await?;
        // One that became too short to be a credential matches nobody.
        Ok(OperatorCredential::new(&credential).ok())
    }
}
