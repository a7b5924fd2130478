//! The start of a function: everything that is wrong, said at once, and dependencies that are down, only said.

use std::{fmt::Display, time::Duration};

use tokio::time::{error::Elapsed, timeout};

use super::{AppContext, Clock, Duty};
use crate::{
    auth::OperatorCredential,
    config::{Config, Draft},
    data::{Cache, Database},
    secrets::{self, Secrets},
};

/// Why a function refuses to start: every setting and every secret that is missing or wrong, by name, none with its value.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct StartError(Vec<String>);

/// How long start-up waits for the answer of a dependency: Lambda gives all of it ten seconds.
const MOST_PINGING: Duration = Duration::from_secs(4);

impl AppContext {
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

        let context = Self::new(config, secrets, db, cache, Clock::system(), duty);
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
