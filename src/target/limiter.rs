//! How many calls are under way at once: as many as allowed, fewer after the target asked for less, and slowly more
//! again. Knows nothing of what is called.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for calls: halved when the target is limited, one more for each round of calls that went well.
#[derive(Debug)]
pub struct Limiter {
    permits: Arc<Semaphore>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits that are still out, but will not come back.
    owed: usize,
    /// How often the limit was lowered: a call that began before does not lower it again.
    round: u64,
    /// Calls that went well since the limit last changed.
    good: usize,
}

impl Limiter {
    /// A limiter of at most this many calls at once; none at all would be no use, so it is one at least.
    pub fn new(most: usize) -> Arc<Self> {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let state = State { limit: most, owed: 0, round: 0, good: 0 };
        Arc::new(Self { permits: Arc::new(Semaphore::new(most)), most, state: Mutex::new(state) })
    }

    /// Waits for its turn, first come, first served.
    pub async fn acquire(self: &Arc<Self>) -> Permit {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let round = self.state().round;
        Permit { limiter: Arc::clone(self), permit, round }
    }

    /// Leave that is not counted: for the call that finds out whether the others hang.
    pub fn uncounted(self: &Arc<Self>) -> Permit {
        Permit { limiter: Arc::clone(self), permit: None, round: self.state().round }
    }

    /// How many calls at once at present.
    pub fn limit(&self) -> usize {
        self.state().limit
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to make one call; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<Limiter>,
    permit: Option<OwnedSemaphorePermit>,
    round: u64,
}

impl Permit {
    /// The target asked for less.
    pub fn limited(&self) {
        let mut state = self.limiter.state();
        if state.round == self.round {
            let lower = (state.limit / 2).max(1);
            state.owed += state.limit - lower;
            state.limit = lower;
            state.round += 1;
            state.good = 0;
        }
    }

    /// The target answered, be it with a refusal.
    pub fn good(&self) {
        let mut state = self.limiter.state();
        state.good += 1;
        if state.limit < self.limiter.most && state.good >= state.limit {
            state.good = 0;
            state.limit += 1;
            match state.owed {
                0 => self.limiter.permits.add_permits(1),
                _ => state.owed -= 1,
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        if state.owed > 0
            && let Some(permit) = self.permit.take()
        {
            state.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn halves_once_a_round_and_grows_back() {
        let limiter = Limiter::new(8);
        let mut all = Vec::new();
        for _ in 0..8 {
            all.push(limiter.acquire().await);
        }
        all.iter().for_each(Permit::limited);
        assert_eq!(limiter.limit(), 4, "eight refusals of one round halve it once");
        drop(all);
        let mut four = Vec::new();
        for _ in 0..4 {
            four.push(limiter.acquire().await);
        }
        assert!(limiter.acquire().now_or_never().is_none(), "a fifth waits");
        four.iter().for_each(Permit::good);
        assert_eq!(limiter.limit(), 5);
        assert!(limiter.acquire().now_or_never().is_some());
        drop(four);
        for _ in 0..100 {
            limiter.acquire().await.good();
        }
        assert_eq!(limiter.limit(), 8, "never more than allowed");
        assert_eq!(limiter.permits.available_permits(), 8);
    }

    #[tokio::test]
    async fn never_falls_below_one() {
        let limiter = Limiter::new(2);
        for _ in 0..5 {
            limiter.acquire().await.limited();
        }
        assert_eq!(limiter.limit(), 1);
        assert!(limiter.acquire().now_or_never().is_some());
    }
}
