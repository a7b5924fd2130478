//! What a function is built from once, in `main`, and passes down: configuration, connections, time and randomness.
//!
//! Nothing here is global, so a test owns all of it. The context of one request (tenant, principal) is not in here; it is
//! carried explicitly.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::Uuid;

use crate::{
    auth::{OperatorCredential, Verifier},
    config::Config,
    data::{Cache, Database},
    secrets::{SecretError, Secrets},
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

/// Why a function refuses to start: every secret that is missing or wrong, none with its value.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct StartError(Vec<String>);

impl AppContext {
    /// Builds the context of a function from its settings and secrets, and pings its dependencies side by side.
    ///
    /// # Errors
    /// Secrets that are missing or wrong, all of them. A dependency that is down is not an error: it is logged, and
    /// requests answer 503 until it heals.
    pub async fn connect(config: Config, duty: Duty) -> Result<Self, StartError> {
        let secrets = Secrets::from_config(&config).await;
        let field = if duty == Duty::Sweep { "sweeper_url" } else { "url" };
        let (database_url, redis_url, operator_key) = tokio::join!(
            secrets.get_secret("database", field),
            secrets.get_secret("redis", "url"),
            async {
                match duty {
                    Duty::TenantsAndOperator => Some(secrets.get_secret("admin", "api_key").await),
                    Duty::Tenants | Duty::Sweep => None,
                }
            },
        );

        let mut mistakes = Vec::new();
        let database = or_note(database_url, &mut mistakes)
            .and_then(|url| or_note(Database::connect_lazy(&url, &config.database), &mut mistakes));
        let cache = or_note(redis_url, &mut mistakes)
            .and_then(|url| or_note(Cache::connect_lazy(&url, &config.redis), &mut mistakes));
        if let Some(key) = operator_key.and_then(|key| or_note(key, &mut mistakes)) {
            or_note(OperatorCredential::new(&key), &mut mistakes);
        }
        let (Some(db), Some(cache), true) = (database, cache, mistakes.is_empty()) else {
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
        let (postgres, redis) = tokio::join!(context.db.ping(), context.cache.ping());
        if let Err(error) = postgres {
            tracing::error!(%error, "Postgres does not answer; requests will be refused until it does");
        }
        if let Err(error) = redis {
            tracing::error!(%error, "Redis does not answer; everything still works, more slowly");
        }
        Ok(context)
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

fn or_note<T, E: std::fmt::Display>(result: Result<T, E>, mistakes: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| mistakes.push(error.to_string())).ok()
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
