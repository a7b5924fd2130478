//! A clock that runs as the machine's does, shifted by what the test says.
//!
//! It does not stand still, because the database's clock, which decides about expiry, does not either.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Duration, Utc};

use crate::context::Clock;

/// The clock of one test.
#[derive(Clone, Default)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// Moves the clock, backwards too.
    pub fn shift(&self, by: Duration) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    /// What the code under test reads.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock().now()
    }

    /// The clock for a context.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let (shift, system) = (Arc::clone(&self.0), Clock::system());
        Clock::from_fn(move || system.now() + Duration::milliseconds(shift.load(Ordering::SeqCst)))
    }
}
