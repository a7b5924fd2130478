//! Chance from a seed, so that a run can be had again.

use shared::context::Random;

/// The dice of one client.
pub struct Dice(Random);

impl Dice {
    /// The same seed throws the same.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Random::from_seed(seed))
    }

    /// A number below `end`.
    #[must_use]
    pub fn below(&self, end: usize) -> usize {
        let drawn = u32::from_be_bytes(self.0.bytes());
        usize::try_from(drawn).unwrap_or_default() % end.max(1)
    }

    /// True in this many of a hundred cases.
    #[must_use]
    pub fn percent(&self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of them, if there are any.
    #[must_use]
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}
