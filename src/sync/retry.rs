//! When a failed object has its next try.
use std::time::Duration;

/// The first pause of a backoff.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause of a backoff.
const LONGEST: Duration = Duration::from_secs(300);
/// The pause where only a person or a change elsewhere helps.
pub const SLOW: Duration = Duration::from_secs(600);

/// The pause before the next try after `failures` in a row: doubled each time up to five minutes, then varied by up to a
/// quarter, so that what failed together is not tried together. `luck` is between 0 and 1.
pub fn backoff(failures: u32, luck: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST).mul_f64(0.75 + 0.25 * luck.clamp(0.0, 1.0))
}

/// The pause before an early try, when something in the way may just have gone: under a second for as long as others are
/// on their way that were applied with it. What still fails then is tried ever more seldom, down to once a minute: others'
/// writes must not make an object that nobody mends call without end.
pub fn early(failures: u32) -> Duration {
    const PATIENCE: u32 = 20;
    const SELDOM: Duration = Duration::from_secs(60);
    let doublings = failures.min(5) + failures.saturating_sub(PATIENCE).min(16);
    Duration::from_millis(20).saturating_mul(1 << doublings).min(SELDOM)
}

/// The pause before the next try when the target is said to be there again: short, but up to half a minute where that has
/// come to nothing time and again.
pub fn returned(failures: u32) -> Duration {
    Duration::from_millis(50).saturating_mul(1 << failures.min(9))
}

/// The pause before live is read again when somebody wrote in between, or a cache lags: short, and longer each time.
pub fn reread(times: u32) -> Duration {
    Duration::from_millis(50).saturating_mul(1 << times.min(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let seconds = |failures| backoff(failures, 1.0).as_secs();
        assert_eq!([1, 2, 3, 9, 10, u32::MAX].map(seconds), [1, 2, 4, 256, 300, 300]);
        assert_eq!(backoff(1, 0.0), Duration::from_millis(750));
    }

    #[test]
    fn early_tries_are_soon_and_in_the_end_seldom() {
        let millis = |failures| early(failures).as_millis();
        assert_eq!([1, 5, 20, 21, u32::MAX].map(millis), [40, 640, 640, 1280, 60_000]);
    }

    #[test]
    fn rereads_wait_for_a_cache_of_a_second() {
        let total: Duration = (0..5).map(reread).sum();
        assert!(total > Duration::from_secs(1), "{total:?}");
    }
}
