//! How many requests may wait at once: each holds a Lambda environment, so a tenant has only so many seats.
//!
//! A seat is a key in Redis with a time to live, so that one whose holder died comes free by itself, and no counter can
//! drift. Without Redis the seats of this process are counted instead.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use shared::{
    context::AppContext,
    data::{Cache, Ttl},
};
use uuid::Uuid;

/// How many seats are tried, side by side from a random one on. With more seats than this a nearly full house may turn
/// somebody away, who then asks again after `poll_after_ms`.
const MOST_TRIED: u32 = 32;
/// A seat outlives its holder's wait by this much, for the last reading.
const GRACE_SECONDS: u64 = 5;

/// The seats of this process, by tenant. Only counted while Redis is down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiters(Arc<Mutex<HashMap<Uuid, u32>>>);

/// A seat, given back when it is released or dropped.
pub(crate) struct Seat(Option<Kind>);

enum Kind {
    /// One among all processes.
    Shared { cache: Box<Cache>, key: String },
    /// One of this process.
    Own { waiters: Waiters, tenant_id: Uuid },
}

impl Waiters {
    /// A seat for a wait of at most `wait`, or `None` when all are taken.
    pub(crate) async fn take_seat(&self, ctx: &AppContext, tenant_id: Uuid, wait: Duration) -> Option<Seat> {
        let seats = ctx.config.approvals.max_waiters;
        if seats == 0 {
            return None;
        }
        let ttl = Ttl::seconds(wait.as_secs() + GRACE_SECONDS);
        let first = u32::from_be_bytes(ctx.random.bytes()) % seats;
        for tried in 0..seats.min(MOST_TRIED) {
            let key = format!("waiters:{tenant_id}:{}", (first + tried) % seats);
            match ctx.cache.incr(&key, ttl).await {
                // The first to count up has the seat; the time to live of a taken one is not extended by those who try.
                Ok(1) => {
                    return Some(Seat(Some(Kind::Shared {
                        cache: Box::new(ctx.cache.clone()),
                        key,
                    })));
                }
                Ok(_) => {}
                Err(_) => return self.take_own_seat(tenant_id, seats),
            }
        }
        None
    }

    fn take_own_seat(&self, tenant_id: Uuid, seats: u32) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(tenant_id).or_default();
        if *count >= seats {
            return None;
        }
        *count += 1;
        Some(Seat(Some(Kind::Own {
            waiters: self.clone(),
            tenant_id,
        })))
    }

    fn give_back(&self, tenant_id: Uuid) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&tenant_id) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&tenant_id);
            }
        }
    }
}

impl Seat {
    /// Gives the seat back before the answer goes out: what is left to a task may not run before the environment is
    /// frozen.
    pub(crate) async fn release(mut self) {
        if let Some(Kind::Shared { cache, key }) = &self.0
            && cache.delete(key).await.is_ok()
        {
            self.0 = None;
        }
    }
}

impl Drop for Seat {
    /// The way out of a cancelled request. If this fails too, the time to live remains.
    fn drop(&mut self) {
        match self.0.take() {
            None => {}
            Some(Kind::Own { waiters, tenant_id }) => waiters.give_back(tenant_id),
            Some(Kind::Shared { cache, key }) => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(async move { cache.delete(&key).await });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_seats_are_per_tenant_and_come_back() {
        let waiters = Waiters::default();
        let (ours, theirs) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = waiters.take_own_seat(ours, 2);
        let second = waiters.take_own_seat(ours, 2);
        assert!(first.is_some() && second.is_some());
        assert!(waiters.take_own_seat(ours, 2).is_none());
        assert!(waiters.take_own_seat(theirs, 2).is_some());
        drop(first);
        let third = waiters.take_own_seat(ours, 2);
        assert!(third.is_some() && waiters.take_own_seat(ours, 2).is_none());
        drop((second, third));
        assert!(waiters.0.lock().expect("not poisoned").is_empty());
    }
}
