//! Whether the target answers: one state that all can wait on, and one prober that finds out, so that an outage is not
//! tried out by every object on its own. Makes no calls itself.
use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// With its jitter at most a second: work is to go on within a second or two of the target's return.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Whether the target answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nobody has tried yet.
    Unknown,
    /// It did when last asked.
    Up,
    /// It does not; the text says why.
    Down(String),
}

/// The state, shared.
#[derive(Debug)]
pub struct Reach {
    state: watch::Sender<State>,
    doubt: Notify,
}

impl Default for Reach {
    fn default() -> Self {
        Self { state: watch::Sender::new(State::Unknown), doubt: Notify::new() }
    }
}

impl Reach {
    /// To follow the state, or to wait for one.
    pub fn subscribe(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Why the target can't be reached, if so.
    pub fn down(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Down(why) => Some(why.clone()),
            State::Unknown | State::Up => None,
        }
    }

    /// Waits until there is reason to believe that the target answers.
    pub async fn up(&self) {
        let mut state = self.subscribe();
        // It can't close: the sender is ours.
        let _ = state.wait_for(|state| *state == State::Up).await;
    }

    /// Asks the prober to look: a call failed as if the target were gone.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Probes now, then at every doubt, and while the target is down with growing pauses; for ever. Followers hear of
    /// every answer, also where the state was up before: whoever had reason to doubt waits for it.
    pub async fn keep<F, Fut>(&self, probe: F)
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), String>>,
    {
        loop {
            let mut pauses = pauses();
            while let Err(why) = probe().await {
                self.set(State::Down(why));
                sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
            }
            self.set(State::Up);
            self.doubt.notified().await;
        }
    }

    fn set(&self, state: State) {
        self.state.send_if_modified(|old| {
            let changed = *old != state;
            match (&*old, &state) {
                (_, _) if !changed => return state == State::Up,
                (State::Down(_), State::Down(why)) => tracing::debug!(%why, "target still unreachable"),
                (_, State::Down(why)) => tracing::warn!(%why, "target unreachable"),
                (_, _) => tracing::info!("target reached"),
            }
            *old = state;
            changed
        });
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    let builder = ExponentialBuilder::new().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
    builder.with_jitter().without_max_times().build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_prober_finds_out_and_goes_quiet() {
        let reach = Arc::new(Reach::default());
        let (probes, failing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(3)));
        let (counted, left, kept) = (Arc::clone(&probes), Arc::clone(&failing), Arc::clone(&reach));
        let prober = tokio::spawn(async move {
            kept.keep(|| async {
                counted.fetch_add(1, Ordering::Relaxed);
                match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
                    Ok(_) => Err("gone".to_owned()),
                    Err(_) => Ok(()),
                }
            })
            .await;
        });
        let mut state = reach.subscribe();
        state.wait_for(|state| *state == State::Down("gone".into())).await.expect("open");
        assert_eq!(reach.down().as_deref(), Some("gone"));
        reach.up().await;
        state.mark_unchanged();
        assert_eq!(probes.load(Ordering::Relaxed), 4);
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(probes.load(Ordering::Relaxed), 4, "no probe without doubt");
        for _ in 0..100 {
            reach.doubt();
        }
        sleep(Duration::from_secs(1)).await;
        assert!(probes.load(Ordering::Relaxed) <= 6, "doubts run together");
        assert!(state.has_changed().expect("open"), "who doubted hears that it is there");
        assert_eq!(reach.down(), None);
        prober.abort();
    }
}
