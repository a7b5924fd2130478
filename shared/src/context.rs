//! What a function is built from once, in `main`, and passes down: configuration, connections, time and randomness.
//!
//! Nothing here is global, so a test owns all of it. The context of one request (tenant, principal) is not in here; it is
//! carried explicitly.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, SubsecRound, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::time::{error::Elapsed, timeout};
use uuid::Uuid;

use crate::{
    auth::{OperatorCredential, Verifier},
    config::{Config, Draft},
    data::{Cache, Database},
    secrets::{self, SecretError, Secrets},
    throttle::Limiter,
};

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

/// Why a function refuses to start: every setting and every secret that is missing or wrong, by name, none with its value.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct StartError(Vec<String>);

/// How long start-up waits for the answer of a dependency: Lambda gives all of it ten seconds.
const MOST_PINGING: Duration = Duration::from_secs(4);

impl AppContext {
    /// Builds the context of a function from settings that hold no mistake.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn connect(config: Config, duty: Duty) -> Result<Self, StartError> {
        Self::start(config.into(), duty).await
    }

    /// Builds the context of a function from its settings and secrets, and pings its dependencies side by side.
    ///
    /// # Errors
    /// Settings and secrets that are missing or wrong, all of them together. A dependency that is down is not an error:
    /// it is logged, and requests answer 503 until it heals.
    pub async fn start(draft: Draft, duty: Duty) -> Result<Self, StartError> {
        let secrets = match draft.for_finding_mistakes() {
            Some(config) => Secrets::from_config(config).await,
            None => Secrets::from_lookup(|_| None, Duration::ZERO),
        };
        Self::start_with(draft, secrets, duty).await
    }

    /// The same with these secrets.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(draft: Draft, secrets: Secrets, duty: Duty) -> Result<Self, StartError> {
        let mut mistakes: Vec<String> = draft.mistakes().iter().map(ToString::to_string).collect();
        let stores = match draft.for_finding_mistakes() {
            Some(config) => connect_lazy(config, &secrets, duty, &mut mistakes).await,
            None => None,
        };
        let (Ok(config), Some((db, cache)), true) = (draft.finish(), stores, mistakes.is_empty()) else {
            return Err(StartError(mistakes));
        };

        let clock = Clock::system();
        let random = Random::from_os();
        let context = Self {
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
        };
        let (postgres, redis) = tokio::join!(
            timeout(MOST_PINGING, context.db.ping()),
            timeout(MOST_PINGING, context.cache.ping())
        );
        if let Some(error) = complaint(postgres) {
            tracing::error!(%error, "Postgres does not answer; requests will be refused until it does");
        }
        if let Some(error) = complaint(redis) {
            tracing::error!(%error, "Redis does not answer; everything still works, more slowly");
        }
        Ok(context)
    }
}

/// The stores at the addresses in the secrets, not connected yet. Every mistake is noted; with any of them there may be
/// none.
async fn connect_lazy(
    config: &Config,
    secrets: &Secrets,
    duty: Duty,
    mistakes: &mut Vec<String>,
) -> Option<(Database, Cache)> {
    let database_field = if duty == Duty::Sweep { "sweeper_url" } else { "url" };
    let (database_url, redis_url, operator_key) = tokio::join!(
        secrets.get_secret("database", database_field),
        secrets.get_secret("redis", "url"),
        async {
            match duty {
                Duty::TenantsAndOperator => Some(secrets.get_secret("admin", "api_key").await),
                Duty::Tenants | Duty::Sweep => None,
            }
        },
    );
    let database = database_url
        .map_err(|error| error.to_string())
        .and_then(|url| Database::connect_lazy(&url, &config.database).map_err(|error| error.to_string()));
    let cache = redis_url
        .map_err(|error| error.to_string())
        .and_then(|url| Cache::connect_lazy(&url, &config.redis).map_err(|error| error.to_string()));
    let operator = operator_key.map(|key| {
        key.map_err(|error| error.to_string())
            .and_then(|key| OperatorCredential::new(&key).map_err(|error| error.to_string()))
    });
    let database = or_note(database, "database", database_field, mistakes);
    let cache = or_note(cache, "redis", "url", mistakes);
    operator.and_then(|operator| or_note(operator, "admin", "api_key", mistakes));
    database.zip(cache)
}

fn or_note<T>(result: Result<T, String>, path: &str, field: &str, mistakes: &mut Vec<String>) -> Option<T> {
    result
        .map_err(|error| mistakes.push(format!("{}: {error}", secrets::name(path, field))))
        .ok()
}

/// What a dependency said instead of answering.
fn complaint<E: Display>(answer: Result<Result<(), E>, Elapsed>) -> Option<String> {
    match answer {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("no answer in time".to_owned()),
    }
}

impl AppContext {
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

/// The time of day, from the system or from a test.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that answers whatever `source` does.
    pub fn from_fn(source: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// Now, to the millisecond: what the contract shows is what is stored.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)().trunc_subsecs(3)
    }
}

/// Cryptographically secure random bytes, from the operating system's seed or from a test's.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    /// Seeded by the operating system.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the operating system for randomness"
    )]
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// Seeded by a test; the same seed gives the same bytes.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// The next `N` bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        // A panic elsewhere leaves the generator in a valid state.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut bytes);
        bytes
    }
}

/// Mints `UUIDv7` ids (RFC 9562 §5.7), strictly increasing within this process.
///
/// Ids are the keyset of every list, so two of the same millisecond must not be shuffled: `rand_a` is a counter that
/// starts at a random low value each millisecond (RFC 9562 §6.2, method 1).
#[derive(Clone)]
pub struct Ids {
    clock: Clock,
    random: Random,
    last: Arc<Mutex<(u64, u16)>>,
}

impl Ids {
    /// Ids of this clock and this randomness.
    #[must_use]
    pub fn new(clock: Clock, random: Random) -> Self {
        Self {
            clock,
            random,
            last: Arc::new(Mutex::new((0, 0))),
        }
    }

    /// The next id.
    #[must_use]
    pub fn next(&self) -> Uuid {
        const COUNTER_END: u16 = 1 << 12;
        let [seed_high, seed_low, tail @ ..] = self.random.bytes::<10>();
        let now = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or_default();
        let (millis, counter) = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = if now > last.0 {
                (now, u16::from_be_bytes([seed_high, seed_low]) % (COUNTER_END / 2))
            } else if last.1 + 1 < COUNTER_END {
                (last.0, last.1 + 1)
            } else {
                (last.0 + 1, 0)
            };
            *last
        };
        let [high, low] = counter.to_be_bytes();
        let mut rest = [0; 10];
        rest[..2].copy_from_slice(&[high, low]);
        rest[2..].copy_from_slice(&tail);
        uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_also_within_one_millisecond_and_when_the_clock_goes_back() {
        let start = DateTime::from_timestamp_millis(1_800_000_000_000).expect("a valid time");
        let readings = Arc::new(Mutex::new(0_i64));
        let clock = Clock::from_fn(move || {
            let mut count = readings.lock().expect("not poisoned");
            *count += 1;
            // 6,000 readings of one millisecond (more than the counter holds), then a second earlier.
            if *count <= 6_000 {
                start
            } else {
                start - chrono::Duration::seconds(1)
            }
        });
        let ids = Ids::new(clock, Random::from_seed(7));
        let minted: Vec<Uuid> = (0..12_000).map(|_| ids.next()).collect();
        assert!(minted.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(minted.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(Random::from_seed(1).bytes::<16>(), Random::from_seed(1).bytes::<16>());
        assert_ne!(Random::from_seed(1).bytes::<16>(), Random::from_seed(2).bytes::<16>());
    }
}
