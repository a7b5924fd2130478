//! The requests for approval that the clients of one tenant know of, so that they meet on the same ones.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use uuid::Uuid;

use super::Dice;

/// Clients look at the newest only, so that races happen.
const IN_VIEW: usize = 24;

/// A request for approval.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Its id.
    pub id: Uuid,
    /// Its token, unless it was lost with the answer that showed it.
    pub token: Option<String>,
    /// Which of the agents asked.
    pub agent: usize,
    /// The highest version that anybody was told of: nobody who asks later may be told of a lower one.
    floor: Arc<AtomicI64>,
}

impl Known {
    pub(super) fn new(id: Uuid, token: Option<String>, agent: usize) -> Self {
        Self {
            id,
            token,
            agent,
            floor: Arc::new(AtomicI64::new(1)),
        }
    }

    pub(super) fn floor(&self) -> i64 {
        self.floor.load(SeqCst)
    }

    pub(super) fn raise(&self, version: i64) {
        self.floor.fetch_max(version, SeqCst);
    }
}

/// What the clients of a tenant share.
#[derive(Default)]
pub struct Board(Mutex<Vec<Known>>);

impl Board {
    pub(super) fn pin(&self, known: Known) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(known);
    }

    pub(super) fn pick(&self, dice: &Dice) -> Option<Known> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        dice.pick(&all[all.len().saturating_sub(IN_VIEW)..]).cloned()
    }
}
