//! Whether an event stands in a bundle twice, in memory that has an end.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

/// How many ids are remembered: about 50 MB at most.
const REMEMBERED: usize = 1 << 20;

/// The latest ids of a bundle.
#[derive(Debug, Default)]
pub(super) struct SeenIds {
    known: HashSet<Uuid>,
    order: VecDeque<Uuid>,
    forgotten: bool,
}

impl SeenIds {
    /// Whether the id is not among those remembered; it then is.
    pub(super) fn is_new(&mut self, id: Uuid) -> bool {
        self.is_new_among(id, REMEMBERED)
    }

    fn is_new_among(&mut self, id: Uuid, remembered: usize) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > remembered {
            self.forgotten = true;
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
        true
    }

    /// Whether each id was compared with all before it.
    pub(super) fn remembers_all(&self) -> bool {
        !self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_id_is_forgotten_and_that_is_known() {
        let mut seen = SeenIds::default();
        let mut is_new = |id| (seen.is_new_among(Uuid::from_u128(id), 2), seen.remembers_all());
        assert_eq!(is_new(1), (true, true));
        assert_eq!(is_new(1), (false, true));
        assert_eq!(is_new(2), (true, true));
        assert_eq!(is_new(1), (false, true));
        assert_eq!(is_new(3), (true, false));
        assert_eq!(is_new(2), (false, false));
        assert_eq!(is_new(1), (true, false));
    }
}
