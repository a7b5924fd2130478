//! Counts in Redis, and in this process while Redis does not answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Allowance, Rate};
use crate::{context::Clock, data::Cache};

/// Parties remembered in this process; more than ever come while Redis is away, and little memory.
const REMEMBERED: usize = 10_000;
pub(super) const SCRIPT: &str = include_str!("gcra.lua");

/// A limit on one kind of thing, for any number of parties.
#[derive(Clone)]
pub struct Limiter {
    kind: &'static str,
    rate: Rate,
    cache: Cache,
    clock: Clock,
    here: Arc<Mutex<HashMap<String, i64>>>,
}

impl Limiter {
    /// A limit named `kind`, which is the prefix of its keys in Redis.
    #[must_use]
    pub fn new(kind: &'static str, rate: Rate, cache: Cache, clock: Clock) -> Self {
        Self {
            kind,
            rate,
            cache,
            clock,
            here: Arc::default(),
        }
    }

    /// The rate that it enforces.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one for the party, if it may.
    pub async fn take(&self, party: &str) -> Allowance {
        self.ask(party, Act::Take).await
    }

    /// Whether the party may take one, without taking it.
    pub async fn peek(&self, party: &str) -> Allowance {
        self.ask(party, Act::Look).await
    }

    /// Counts what the party has done already, allowed or not.
    pub async fn charge(&self, party: &str, times: u32) {
        self.ask(party, Act::Charge(times)).await;
    }

    async fn ask(&self, party: &str, act: Act) -> Allowance {
        let key = format!("{}:{party}", self.kind);
        match self.cache.run_script(SCRIPT, &key, &arguments(self.rate, act)).await {
            Ok([wait, used]) => self.rate.allowance(wait, used),
            Err(error) => {
                tracing::debug!(%error, kind = self.kind, "counting in this process alone");
                self.ask_here(key, act)
            }
        }
    }

    fn ask_here(&self, key: String, act: Act) -> Allowance {
        let now = self.clock.now().timestamp_micros();
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let used_until = here.get(&key).copied().unwrap_or_default();
        let (allowance, taken) = self.rate.take(used_until, now);
        let after = match act {
            // One that is refused is written down too: its reading may come from a clock that has been set back since.
            Act::Look if allowance.allowed => return allowance,
            Act::Look | Act::Take => taken,
            Act::Charge(times) => self.rate.charge(used_until, now, times),
        };
        if here.len() >= REMEMBERED {
            here.retain(|_, used_until| *used_until > now);
        }
        if here.len() >= REMEMBERED {
            here.clear();
        }
        here.insert(key, after);
        allowance
    }
}

/// What is done to a party's reading.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Look,
    Take,
    Charge(u32),
}

/// What the script is told.
pub(super) fn arguments(rate: Rate, act: Act) -> [String; 4] {
    [
        rate.interval().to_string(),
        rate.capacity().to_string(),
        rate.ceiling().to_string(),
        match act {
            Act::Look => "look".to_owned(),
            Act::Take => "take".to_owned(),
            Act::Charge(times) => times.to_string(),
        },
    ]
}
