//! When credentials are renewed, and how long what failed is left alone. Plain arithmetic; waits for nothing.
use std::time::Duration;

use time::OffsetDateTime;

use super::errors::Nature;

/// No two attempts to join are closer together.
pub const APART: Duration = Duration::from_secs(1);
/// How often a file with an identity is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How far something has come, where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nobody was found who could have been asked for anything.
    Finding,
    /// Something was asked for.
    Asking,
}

/// When a certificate that came at `obtained` and ends at `until` is to be replaced: after the interval, but with a third
/// of its life left; up to a tenth sooner by `luck` (between 0 and 1), so that replicas do not do it together.
pub fn due(obtained: OffsetDateTime, until: OffsetDateTime, interval: Duration, luck: f64) -> OffsetDateTime {
    let life = Duration::try_from(until - obtained).unwrap_or_default();
    let pause = interval.min(life * 2 / 3);
    obtained + pause.mul_f64(1.0 - luck.clamp(0.0, 1.0) / 10.0)
}

/// How long to wait after so many failures in a row. `luck` is between 0 and 1.
pub fn pause(nature: Nature, stage: Stage, failures: u32, luck: f64) -> Duration {
    // The first and the longest.
    let (first, longest) = match (nature, stage) {
        // Nothing is asked of anybody: it is to be noticed at once when somebody is there again.
        (Nature::Away, Stage::Finding) => (1.0, 1.3),
        (Nature::Away, Stage::Asking) => (1.4, 15.0),
        (Nature::Credentials, _) => (1.4, 60.0),
        (Nature::Locked, _) => (2.0, 15.0),
        (Nature::Refused, _) => (1.4, 60.0),
        (Nature::Limited, _) => (10.0, 120.0),
    };
    let doubled = first * f64::from(1 << failures.saturating_sub(1).min(10));
    let pause = doubled.min(longest) * (1.0 - luck.clamp(0.0, 1.0) / 4.0);
    Duration::from_secs_f64(pause).max(if stage == Stage::Asking { APART } else { Duration::ZERO })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn renewal_comes_well_before_the_end() {
        let start = datetime!(2026-11-25 22:00 UTC);
        let minutes = |minutes: i64| start + time::Duration::minutes(minutes);
        let half_hour = Duration::from_secs(1800);
        assert_eq!(due(start, minutes(60), half_hour, 0.0), minutes(30));
        assert_eq!(due(start, minutes(60), half_hour, 1.0), minutes(27));
        // The server gave less than was asked for.
        assert_eq!(due(start, minutes(30), half_hour, 0.0), minutes(20));
        assert_eq!(due(start, start - time::Duration::HOUR, half_hour, 0.5), start);
    }

    #[test]
    fn what_fails_is_left_alone_ever_longer() {
        let seconds = |nature, failures| pause(nature, Stage::Asking, failures, 0.0).as_secs_f64();
        assert_eq!(
            [1, 2, 3, 6, 7, u32::MAX].map(|n| seconds(Nature::Refused, n)),
            [1.4, 2.8, 5.6, 44.8, 60.0, 60.0]
        );
        assert_eq!([1, 5].map(|n| seconds(Nature::Locked, n)), [2.0, 15.0]);
        for failures in 0..20 {
            for nature in
                [Nature::Away, Nature::Credentials, Nature::Locked, Nature::Limited, Nature::Refused]
            {
                assert!(pause(nature, Stage::Asking, failures, 1.0) >= APART);
            }
            // Whoever comes back is found within a second or so.
            assert!(pause(Nature::Away, Stage::Finding, failures, 0.0).as_secs_f64() <= 1.3);
        }
    }
}
