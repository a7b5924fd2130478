//! Checks a presented secret against the stored hashes.
//!
//! bcrypt at cost 10 takes 120 ms of a whole core and several times that on a small Lambda, so its verdict is cached, in
//! this process and in Redis, under `authn:<SHA-256(stored hash ‖ presented secret)>`. The entry says "this secret
//! matches this stored hash" and nothing about whether the key may be used: that is read from Postgres on every request. A
//! rotated hash makes old entries meaningless, so there is nothing to invalidate.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

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
    remembered: Arc<Mutex<HashMap<[u8; 32], DateTime<Utc>>>>,
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

    /// Whether the secret matches one of the hashes.
    pub async fn matches(&self, secret: &SecretString, hashes: &[String]) -> bool {
        let verdicts: Vec<[u8; 32]> = hashes.iter().map(|hash| verdict(hash, secret)).collect();
        if verdicts.iter().any(|verdict| self.remembers(verdict)) {
            return true;
        }
        for verdict in &verdicts {
            // Redis being down costs a bcrypt, nothing else.
            if self.cache.exists(&key(verdict)).await.unwrap_or(false) {
                self.remember(*verdict);
                return true;
            }
        }
        for (hash, verdict) in hashes.iter().zip(verdicts) {
            if bcrypt_matches(secret.clone(), hash.clone()).await {
                self.remember(verdict);
                if let Err(error) = self
                    .cache
                    .set(&key(&verdict), "1", Ttl::seconds(self.ttl_seconds))
                    .await
                {
                    tracing::debug!(%error, "a verdict was not cached");
                }
                return true;
            }
        }
        false
    }

    fn remembers(&self, verdict: &[u8; 32]) -> bool {
        let until = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(verdict)
            .copied();
        until.is_some_and(|until| until > self.clock.now())
    }

    fn remember(&self, verdict: [u8; 32]) {
        let now = self.clock.now();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, until| *until > now);
        }
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        let life = i64::try_from(self.ttl_seconds).unwrap_or(i64::MAX / 1_000);
        remembered.insert(verdict, now + Duration::seconds(life));
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
