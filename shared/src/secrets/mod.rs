//! Secrets behind one interface, whatever keeps them.
//!
//! A secret has a path (`database`) and fields (`url`); every path stands under the prefix `countersign/`. Values are
//! [`SecretString`]s: they print as `[REDACTED]`, are wiped when dropped, and stand in no error of this room.

mod aws;
mod env;
mod path;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::config::{Config, Environment, SecretsSource};

pub use env::{name, variables};

use aws::AwsSource;
use env::EnvSource;
use path::SecretPath;

/// Why a secret could not be had. No variant holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The path is not one a secret can have.
    #[error("this is not the path of a secret: {0}")]
    InvalidPath(&'static str),
    /// The source knows no secret at this path.
    #[error("there is no secret `countersign/{0}`")]
    NoSuchPath(String),
    /// The secret is there, but not this field of it.
    #[error("the secret `countersign/{path}` has no field `{field}`{}", env::hint(.path, .field))]
    NoSuchField {
        /// The path, without the prefix.
        path: String,
        /// The field that is missing.
        field: String,
    },
    /// The secret is there, but is no JSON object of strings.
    #[error("the secret `countersign/{0}` is not a JSON object of strings")]
    Malformed(String),
    /// The source does not answer, or refuses to.
    #[error("the secret `countersign/{path}` cannot be read: {reason}")]
    Unavailable {
        /// The path, without the prefix.
        path: String,
        /// What went wrong, in the source's error code.
        reason: String,
    },
}

/// The fields of one secret.
type Fields = HashMap<String, SecretString>;
/// Reading one secret; everyone who wants it at the same time waits for the same read.
type Reading = Shared<BoxFuture<'static, Result<Arc<Fields>, SecretError>>>;
/// Reads the monotonic clock.
type Ticks = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Where secrets come from.
enum Source {
    Env(EnvSource),
    Aws(AwsSource),
    #[cfg(test)]
    Scripted(tests::Script),
}

impl Source {
    async fn read(&self, path: &SecretPath) -> Result<Fields, SecretError> {
        match self {
            Self::Env(source) => source.read(path),
            Self::Aws(source) => source.read(path).await,
            #[cfg(test)]
            Self::Scripted(script) => script.read(path).await,
        }
    }
}

/// The secrets of this deployment, remembered for the configured time.
#[derive(Clone)]
pub struct Secrets {
    source: Arc<Source>,
    ttl: Duration,
    ticks: Ticks,
    remembered: Arc<Mutex<HashMap<SecretPath, Remembered>>>,
}

struct Remembered {
    since: Instant,
    reading: Reading,
}

impl Remembered {
    /// A failure is shared by those who were waiting for it and tried again by the next.
    fn is_usable(&self, now: Instant, ttl: Duration) -> bool {
        now.duration_since(self.since) < ttl && !matches!(self.reading.peek(), Some(Err(_)))
    }
}

impl Secrets {
    /// The secrets of the configured source. Nothing is read yet.
    pub async fn from_config(config: &Config) -> Self {
        let source = match config.secrets.source {
            SecretsSource::Env => {
                let environment = Environment::load();
                Source::Env(EnvSource::new(move |variable| environment.get(variable)))
            }
            SecretsSource::Aws => {
                let loader = aws_config::defaults(aws::behavior());
                Source::Aws(AwsSource::connect(loader, config.secrets.aws_endpoint_url.as_deref()).await)
            }
        };
        Self::new(
            source,
            Duration::from_secs(config.secrets.cache_ttl_seconds),
            Instant::now,
        )
    }

    /// The secrets that `lookup` answers under the variables of the `env` source, such as `DATABASE_URL`.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static, cache_ttl: Duration) -> Self {
        Self::new(Source::Env(EnvSource::new(lookup)), cache_ttl, Instant::now)
    }

    fn new(source: Source, ttl: Duration, ticks: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self {
            source: Arc::new(source),
            ttl,
            ticks: Arc::new(ticks),
            remembered: Arc::default(),
        }
    }

    /// The field `field` of the secret at `path`, which is given without the prefix: `get_secret("database", "url")`.
    ///
    /// # Errors
    /// The path is malformed or unknown, the secret has no such field, or the source does not answer in time.
    pub async fn get_secret(&self, path: &str, field: &str) -> Result<SecretString, SecretError> {
        let path = SecretPath::parse(path)?;
        let fields = self.reading(&path).await?;
        let missing = || SecretError::NoSuchField {
            path: path.as_str().to_owned(),
            field: field.to_owned(),
        };
        fields.get(field).cloned().ok_or_else(missing)
    }

    /// Whether secrets can be had: the address of the database is remembered or can be read now.
    ///
    /// # Errors
    /// As [`get_secret`](Self::get_secret).
    pub async fn health(&self) -> Result<(), SecretError> {
        self.get_secret("database", "url").await.map(drop)
    }

    fn reading(&self, path: &SecretPath) -> Reading {
        let now = (self.ticks)();
        // A panic while the lock is held leaves a map whose entries are all whole.
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.get(path).filter(|known| known.is_usable(now, self.ttl)) {
            return known.reading.clone();
        }
        let (source, wanted) = (Arc::clone(&self.source), path.clone());
        let reading = async move { source.read(&wanted).await.map(Arc::new) }.boxed().shared();
        remembered.insert(
            path.clone(),
            Remembered {
                since: now,
                reading: reading.clone(),
            },
        );
        reading
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secrets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
