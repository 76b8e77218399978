//! Durations, and which of them a part does not exceed.
use std::time::Duration;

/// How long something took, time after time.
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Of these, in any order.
    pub fn new(mut taken: Vec<Duration>) -> Self {
        assert!(!taken.is_empty(), "nothing was measured");
        taken.sort();
        Self(taken)
    }

    /// What this many in a hundred don't exceed (nearest rank).
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0[rank - 1]
    }
}
