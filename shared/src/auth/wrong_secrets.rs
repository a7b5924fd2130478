//! Slows down whoever presents wrong secrets, before bcrypt runs for them: each guess would cost a tenth of a second of a
//! whole core or more.
//!
//! Guesses are counted per key id and address together, and per address. Never per key id alone: then anybody who has seen
//! a key id could lock its holder out. Only failures count, so a key that many fresh processes verify at once is not
//! slowed; and a secret whose verdict is cached is not asked about here at all.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{
    context::Clock,
    data::Cache,
    throttle::{Limiter, Rate},
};

/// Far above what a person's mistakes or a forgotten deployment make, and six seconds of a core.
const PER_KEY_AND_ADDRESS: Rate = Rate::new(1, 50);
const PER_ADDRESS: Rate = Rate::new(4, 200);

/// Counts wrong secrets.
#[derive(Clone)]
pub(super) struct WrongSecrets {
    by_key_and_address: Limiter,
    by_address: Limiter,
}

/// Too many wrong secrets came from there; whole seconds until the next may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyWrongSecrets(pub u32);

impl WrongSecrets {
    pub(super) fn new(cache: &Cache, clock: &Clock) -> Self {
        let limiter = |kind, rate| Limiter::new(kind, rate, cache.clone(), clock.clone());
        Self {
            by_key_and_address: limiter("wrong-secrets-of-key", PER_KEY_AND_ADDRESS),
            by_address: limiter("wrong-secrets", PER_ADDRESS),
        }
    }

    /// Whether another guess may be looked at.
    pub(super) async fn check(&self, key_id: Uuid, address: &str) -> Result<(), TooManyWrongSecrets> {
        let network = network(address);
        for allowance in [
            self.by_key_and_address.peek(&format!("{key_id}:{network}")).await,
            self.by_address.peek(&network).await,
        ] {
            if !allowance.allowed {
                return Err(TooManyWrongSecrets(allowance.retry_after_seconds()));
            }
        }
        Ok(())
    }

    /// Counts a guess that was wrong.
    pub(super) async fn count(&self, key_id: Uuid, address: &str) {
        let network = network(address);
        self.by_key_and_address.take(&format!("{key_id}:{network}")).await;
        self.by_address.take(&network).await;
    }
}

/// What one party commands: an IPv4 address, or the /64 network that a line of IPv6 gets as a whole (RFC 6177).
fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_ipv6_network_are_one_party() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(
            (network("").as_str(), network("proxy").as_str()),
            ("unknown", "unknown")
        );
    }
}
