//! Checks a presented secret against the stored hashes.
//!
//! bcrypt at cost 10 takes 120 ms of a whole core and several times that on a small Lambda, so its verdict is cached, in
//! this process and in Redis, under `authn:<SHA-256(stored hash ‖ presented secret)>`. The entry says "this secret
//! matches this stored hash" and nothing about whether the key may be used: that is read from Postgres on every request. A
//! rotated hash makes old entries meaningless, so there is nothing to invalidate. A verdict that is used is renewed, so a
//! key in use never needs bcrypt again, and whoever presents wrong secrets for it cannot slow it down.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{
    ApiKey,
    wrong_secrets::{TooManyWrongSecrets, WrongSecrets},
};
use crate::{
    config::AuthConfig,
    context::Clock,
    data::{Cache, Ttl},
};

/// Verdicts remembered per process. A small tenant fits; a large one falls back on Redis.
const REMEMBERED: usize = 1_024;

/// Hashes secrets and checks them.
#[derive(Clone)]
pub struct Verifier {
    cost: u32,
    ttl_seconds: u64,
    cache: Cache,
    clock: Clock,
    remembered: Arc<Mutex<HashMap<[u8; 32], Life>>>,
    wrong: WrongSecrets,
}

/// How long a verdict is remembered here, and from when on it is worth renewing.
#[derive(Debug, Clone, Copy)]
struct Life {
    renew_at: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// bcrypt refused: only possible for a cost or a length that we never use.
#[derive(Debug, thiserror::Error)]
#[error("the secret could not be hashed")]
pub struct HashError;

impl Verifier {
    /// A verifier with the configured cost and life of a verdict.
    #[must_use]
    pub fn new(config: &AuthConfig, cache: Cache, clock: Clock) -> Self {
        Self {
            cost: config.bcrypt_cost,
            ttl_seconds: config.verdict_ttl_seconds,
            wrong: WrongSecrets::new(&cache, &clock),
            cache,
            clock,
            remembered: Arc::default(),
        }
    }

    /// Hashes a fresh secret for storage.
    ///
    /// # Errors
    /// bcrypt refused it.
    pub async fn hash(&self, secret: &SecretString) -> Result<String, HashError> {
        let (secret, cost) = (secret.clone(), self.cost);
        // The non-truncating form: plain bcrypt silently ignores bytes past 72.
        tokio::task::spawn_blocking(move || bcrypt::non_truncating_hash(secret.expose_secret(), cost))
            .await
            .map_err(|_| HashError)?
            .map_err(|_| HashError)
    }

    /// Whether the key's secret matches one of the hashes. `address` is where the request came from.
    ///
    /// # Errors
    /// Too many wrong secrets came from there, and this one, right or wrong, is not looked at.
    pub async fn matches(&self, key: &ApiKey, hashes: &[String], address: &str) -> Result<bool, TooManyWrongSecrets> {
        let verdicts: Vec<[u8; 32]> = hashes.iter().map(|hash| verdict(hash, &key.secret)).collect();
        for verdict in &verdicts {
            if self.is_known(verdict).await {
                return Ok(true);
            }
        }
        self.wrong.check(key.id, address).await?;
        for (hash, verdict) in hashes.iter().zip(verdicts) {
            if bcrypt_matches(key.secret.clone(), hash.clone()).await {
                self.keep(verdict).await;
                return Ok(true);
            }
        }
        self.wrong.count(key.id, address, hashes.len()).await;
        Ok(false)
    }

    async fn is_known(&self, verdict: &[u8; 32]) -> bool {
        let now = self.clock.now();
        let life = self.lock().get(verdict).copied().filter(|life| life.until > now);
        match life {
            Some(life) if life.renew_at > now => true,
            Some(_) => {
                self.keep(*verdict).await;
                true
            }
            None => {
                // Redis being down costs a bcrypt, nothing else.
                let renewed = self.cache.renew(&key(verdict), Ttl::seconds(self.ttl_seconds)).await;
                let known = renewed.unwrap_or(false);
                if known {
                    self.remember(*verdict);
                }
                known
            }
        }
    }

    /// Remembers a verdict here and in Redis.
    async fn keep(&self, verdict: [u8; 32]) {
        self.remember(verdict);
        let kept = self
            .cache
            .set(&key(&verdict), "1", Ttl::seconds(self.ttl_seconds))
            .await;
        if let Err(error) = kept {
            tracing::debug!(%error, "a verdict was not cached");
        }
    }

    fn remember(&self, verdict: [u8; 32]) {
        let now = self.clock.now();
        let ttl = Duration::seconds(i64::try_from(self.ttl_seconds).unwrap_or(i64::MAX / 1_000));
        let mut remembered = self.lock();
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, life| life.until > now);
        }
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(
            verdict,
            Life {
                renew_at: now + ttl / 2,
                until: now + ttl,
            },
        );
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Life>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn bcrypt_matches(secret: SecretString, hash: String) -> bool {
    tokio::task::spawn_blocking(move || bcrypt::non_truncating_verify(secret.expose_secret(), &hash))
        .await
        .is_ok_and(|verdict| verdict.unwrap_or(false))
}

fn verdict(hash: &str, secret: &SecretString) -> [u8; 32] {
    Sha256::new()
        .chain_update(hash)
        .chain_update(secret.expose_secret())
        .finalize()
        .into()
}

fn key(verdict: &[u8; 32]) -> String {
    format!("authn:{}", hex::encode(verdict))
}
