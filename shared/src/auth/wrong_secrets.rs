//! Slows down whoever presents wrong secrets, before bcrypt runs for them: each guess would cost a tenth of a second of a
//! whole core or more.
//!
//! Guesses are counted per key id and address together. Never per key id alone: then anybody who has seen a key id could
//! lock its holder out. Nor per address alone: then one broken client could lock out its neighbours behind the same
//! address. Only failures count, so a key that many fresh processes verify at once is not slowed; and a secret whose
//! verdict is cached is not asked about here at all.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{
    context::Clock,
    data::Cache,
    throttle::{Limiter, Rate},
};

/// Far above what a person's mistakes or a forgotten deployment make. What many guess at once is looked at before any of it
/// is counted, and is owed afterwards.
const RATE: Rate = Rate::new(1, 50).owing(10);

/// Counts wrong secrets.
#[derive(Clone)]
pub(super) struct WrongSecrets(Limiter);

/// Too many wrong secrets came from there; whole seconds until the next may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyWrongSecrets(pub u32);

impl WrongSecrets {
    pub(super) fn new(cache: &Cache, clock: &Clock) -> Self {
        Self(Limiter::new("wrong-secrets", RATE, cache.clone(), clock.clone()))
    }

    /// Whether another guess at the key's secret may be looked at.
    pub(super) async fn check(&self, key_id: Uuid, address: &str) -> Result<(), TooManyWrongSecrets> {
        let allowance = self.0.peek(&party(key_id, address)).await;
        if allowance.allowed {
            Ok(())
        } else {
            Err(TooManyWrongSecrets(allowance.retry_after_seconds()))
        }
    }

    /// Counts a guess that was wrong, as many times as it cost a look.
    pub(super) async fn count(&self, key_id: Uuid, address: &str, looks: usize) {
        let looks = u32::try_from(looks).unwrap_or(u32::MAX);
        self.0.charge(&party(key_id, address), looks).await;
    }
}

fn party(key_id: Uuid, address: &str) -> String {
    format!("{key_id}:{}", network(address))
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
