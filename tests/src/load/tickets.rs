//! How many requests were sent, which is the clock by which faults come and go.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::sync::watch;

/// Counts requests up to a total.
pub struct Tickets {
    total: u64,
    taken: AtomicU64,
    told: watch::Sender<u64>,
}

impl Tickets {
    /// For this many requests. Retries may take more.
    #[must_use]
    pub fn new(total: u64) -> Self {
        Self {
            total,
            taken: AtomicU64::new(0),
            told: watch::Sender::new(0),
        }
    }

    /// How many there are to be.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(SeqCst)
    }

    /// Whether there are any left.
    #[must_use]
    pub fn are_left(&self) -> bool {
        self.taken() < self.total
    }

    /// Takes the next and says which it is.
    pub fn take(&self) -> u64 {
        let number = self.taken.fetch_add(1, SeqCst);
        self.told.send_replace(number + 1);
        number
    }

    /// Returns when this many were taken.
    pub async fn reach(&self, count: u64) {
        let mut told = self.told.subscribe();
        let _ = told.wait_for(|taken| *taken >= count).await;
    }
}
