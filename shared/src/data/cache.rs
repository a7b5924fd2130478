//! Redis: fast answers that may vanish at any moment.
//!
//! Every wait is bounded by one short timeout, and no write without a time to live can be expressed: what nobody deletes
//! goes by itself. Nothing here is the truth.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use redis::{
    AsyncCommands as _, Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig, PubSub},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};

use tokio::time::Instant;

use crate::config::RedisConfig;

/// A connection to Redis that comes back by itself.
#[derive(Clone)]
pub struct Cache {
    client: Client,
    settings: ConnectionManagerConfig,
    /// Replaced after a time-out: the manager notices a connection that ended, not one that was lost without a word.
    connection: Arc<Mutex<ConnectionManager>>,
    timeout: Duration,
    /// After a time-out or a refused connection nobody asks until then: a Redis that hangs or is down costs one request its
    /// patience, not every command of every request.
    resting_until: Arc<Mutex<Option<Instant>>>,
}

/// How long a Redis that hangs or is down is left alone.
const REST: Duration = Duration::from_secs(1);

/// Why the cache did not answer.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The URL in the secret store is none; it is not shown, it may hold a password.
    #[error("the Redis URL in the secret store is not a Redis URL")]
    Url,
    /// Redis is down, slow, or refused the command.
    #[error("Redis did not answer: {0}")]
    Redis(#[from] RedisError),
    /// Redis did not answer within the configured time.
    #[error("Redis did not answer in time")]
    Timeout,
    /// What is stored under the key is not the JSON that was asked for.
    #[error("the cached value is not valid JSON of the expected shape")]
    Json(#[from] serde_json::Error),
}

impl CacheError {
    /// Whether the next command would fare no better. A connection that broke is not that: the next one opens another.
    fn is_outage(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Redis(error) => error.is_connection_refusal(),
            Self::Url | Self::Json(_) => false,
        }
    }
}

/// A time to live: at least one second, so that nothing is stored for ever by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(u64);

impl Ttl {
    /// Whole seconds; zero becomes one.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(if seconds == 0 { 1 } else { seconds })
    }
}

impl Cache {
    /// A cache that connects when it is first used.
    ///
    /// # Errors
    /// The URL does not parse.
    pub fn connect_lazy(url: &SecretString, config: &RedisConfig) -> Result<Self, CacheError> {
        let client = Client::open(url.expose_secret()).map_err(|_| CacheError::Url)?;
        let timeout = Duration::from_millis(config.timeout_ms);
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(1);
        let connection =
            ConnectionManager::new_lazy_with_config(client.clone(), settings.clone()).map_err(|_| CacheError::Url)?;
        Ok(Self {
            client,
            settings,
            connection: Arc::new(Mutex::new(connection)),
            timeout,
            resting_until: Arc::default(),
        })
    }

    /// The value, or `None` when there is none.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn get(&self, key: &str) -> Result<Option<String>, CacheError> {
        self.bounded(self.connection().get(key)).await
    }

    /// Stores a value for a while.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn set(&self, key: &str, value: &str, ttl: Ttl) -> Result<(), CacheError> {
        self.bounded(self.connection().set_ex(key, value, ttl.0)).await
    }

    /// Removes a value and says whether it was there.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn delete(&self, key: &str) -> Result<bool, CacheError> {
        let removed: u64 = self.ask(self.connection().del(key)).await?;
        Ok(removed > 0)
    }

    /// Gives a value a new time to live, and says whether there was one.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn renew(&self, key: &str, ttl: Ttl) -> Result<bool, CacheError> {
        let seconds = i64::try_from(ttl.0).unwrap_or(i64::MAX);
        self.bounded(self.connection().expire(key, seconds)).await
    }

    /// Whether there is a value; the product never asks, since there may be none the moment after.
    ///
    /// # Errors
    /// Redis does not answer.
    #[cfg(feature = "testing")]
    pub async fn exists(&self, key: &str) -> Result<bool, CacheError> {
        self.bounded(self.connection().exists(key)).await
    }

    /// Seconds to live; −2 when there is no such key, −1 when it would live for ever.
    ///
    /// # Errors
    /// Redis does not answer.
    #[cfg(feature = "testing")]
    pub async fn ttl(&self, key: &str) -> Result<i64, CacheError> {
        // The integer as Redis gives it, not the crate's enum: the numbers are the documented interface.
        let mut connection = self.connection();
        let mut command = redis::cmd("TTL");
        command.arg(key);
        self.bounded(command.query_async(&mut connection)).await
    }

    /// Counts up by one and returns the count. The time to live starts with the first count and is not extended.
    ///
    /// # Errors
    /// Redis does not answer, or the key holds no number.
    pub async fn incr(&self, key: &str, ttl: Ttl) -> Result<i64, CacheError> {
        let mut connection = self.connection();
        let mut pipeline = redis::pipe();
        // One transaction, so that no crash in between leaves a counter without a time to live.
        pipeline
            .atomic()
            .cmd("SET")
            .arg(key)
            .arg(0)
            .arg("EX")
            .arg(ttl.0)
            .arg("NX")
            .ignore()
            .incr(key, 1);
        let (count,): (i64,) = self.bounded(pipeline.query_async(&mut connection)).await?;
        Ok(count)
    }

    /// Runs a Lua script on one key, atomically, and returns its integers.
    ///
    /// # Errors
    /// Redis does not answer, or the script returns something else.
    pub async fn run_script<const N: usize>(
        &self,
        script: &'static str,
        key: &str,
        arguments: &[String],
    ) -> Result<[i64; N], CacheError> {
        let mut connection = self.connection();
        // Whole, since Redis keeps what it has compiled; its hash instead would need the text once after every restart.
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(1).arg(key).arg(arguments);
        self.bounded(command.query_async(&mut connection)).await
    }

    /// Stores a value as JSON for a while.
    ///
    /// # Errors
    /// Redis does not answer, or the value has no JSON form.
    pub async fn set_json(&self, key: &str, value: &impl Serialize, ttl: Ttl) -> Result<(), CacheError> {
        self.set(key, &serde_json::to_string(value)?, ttl).await
    }

    /// The value from its JSON, or `None` when there is none.
    ///
    /// # Errors
    /// Redis does not answer, or what is stored is not JSON of this shape.
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, CacheError> {
        match self.get(key).await? {
            None => Ok(None),
            Some(text) => Ok(Some(serde_json::from_str(&text)?)),
        }
    }

    /// One round trip.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn ping(&self) -> Result<(), CacheError> {
        let mut connection = self.connection();
        self.ask(async move { redis::cmd("PING").query_async::<String>(&mut connection).await })
            .await?;
        Ok(())
    }

    /// Wakes whoever is subscribed to the channel. Nothing is kept for those who are not.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn publish(&self, channel: &str) -> Result<(), CacheError> {
        self.bounded(self.connection().publish(channel, "")).await
    }

    /// Listens on a channel over a connection of its own.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn subscribe(&self, channel: &str) -> Result<Subscription, CacheError> {
        self.in_time(async {
            let mut messages = self.client.get_async_pubsub().await?;
            messages.subscribe(channel).await?;
            Ok(Subscription { messages })
        })
        .await
    }

    /// Runs a command, unless Redis is being left alone; a time-out or a refused connection leaves it alone.
    async fn bounded<T>(&self, command: impl Future<Output = Result<T, RedisError>>) -> Result<T, CacheError> {
        let resting_until = *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        if resting_until.is_some_and(|until| Instant::now() < until) {
            return Err(CacheError::Timeout);
        }
        let answer = self.ask(command).await;
        if answer.as_ref().err().is_some_and(CacheError::is_outage) {
            *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        }
        answer
    }

    /// Runs a command, whether Redis is being left alone or not. After a time-out the next one gets a fresh connection.
    async fn ask<T>(&self, command: impl Future<Output = Result<T, RedisError>>) -> Result<T, CacheError> {
        let answer = self.in_time(command).await;
        if matches!(answer, Err(CacheError::Timeout))
            && let Ok(fresh) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.settings.clone())
        {
            *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        answer
    }

    fn connection(&self) -> ConnectionManager {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for an answer, but not for long.
    async fn in_time<T>(&self, command: impl Future<Output = Result<T, RedisError>>) -> Result<T, CacheError> {
        // The connection's own time-outs do not cover the wait for a reconnection; this one covers everything.
        match tokio::time::timeout(self.timeout, command).await {
            Ok(Err(error)) if error.is_timeout() => Err(CacheError::Timeout),
            Ok(answer) => Ok(answer?),
            Err(_) => Err(CacheError::Timeout),
        }
    }
}

/// A channel being listened on.
pub struct Subscription {
    messages: PubSub,
}

impl Subscription {
    /// Returns when a message came, the subscription broke, or the time is over; which of them does not matter, since the
    /// caller reads the truth again in any case. `false` means that it broke and waiting on it again is pointless.
    pub async fn wait(&mut self, at_most: Duration) -> bool {
        match tokio::time::timeout(at_most, self.messages.on_message().next()).await {
            Ok(message) => message.is_some(),
            Err(_) => true,
        }
    }
}
