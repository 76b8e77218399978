//! Runs passes: whose turn it is has one, and what came of it says when the object has its next.
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Engine;
use crate::kube::object::Key;
use crate::sync::decide::{Outcome, Verb, Wake};
use crate::sync::execute::{self, Ended, Pass};
use crate::sync::memory::{LAG, Memory};
use crate::sync::ports::{Cluster, Remote};
use crate::sync::queue::Turn;
use crate::sync::retry;
use crate::sync::rivals::Stake;
use crate::sync::state::{Happened, Standing};

impl<C: Cluster, R: Remote> Engine<C, R> {
    /// Runs passes until told to stop, then waits for those that run.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut passes = JoinSet::new();
        self.state().began = Some(Instant::now());
        while !stop.is_cancelled() {
            let next_at = self.start(&mut passes);
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = sleep_until(next_at) => {}
                Some(_) = passes.join_next() => {}
            }
        }
        while passes.join_next().await.is_some() {}
    }

    /// Starts all passes that there is room for; gives when to look again at the latest.
    fn start(self: &Arc<Self>, passes: &mut JoinSet<()>) -> Instant {
        const NEVER: Duration = Duration::from_secs(3600);
        let now = Instant::now();
        self.state().flush_early(now);
        while let Some(turn) = { self.state().queue.pop(now) } {
            // Somebody else's has its turn here when its shard is ours.
            let is_ours = self.is_ours(&turn.key);
            let mut state = self.state();
            if !is_ours || state.holds(&turn.key) {
                state.queue.done(&turn.key);
                continue;
            }
            if state.is_contended(&turn.key) {
                state.queue.done(&turn.key);
                state.queue.push_at(turn.key, now + retry::reread(0));
                continue;
            }
            drop(state);
            let engine = Arc::clone(self);
            passes.spawn(async move { engine.turn(turn).await });
        }
        self.state().next_at().unwrap_or(now + NEVER)
    }

    async fn turn(&self, turn: Turn) {
        let began = Instant::now();
        // Whatever is said on the way says of which pass and object.
        let number = self.passes.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!("pass", pass = number, object = %turn.key);
        let pass = AssertUnwindSafe(self.pass(&turn.key).instrument(span)).catch_unwind();
        let outcome = pass.await.unwrap_or_else(|_| {
            tracing::error!(key = %turn.key, "a pass panicked: this is a bug, please report it");
            self.trouble(&turn.key);
            "panic"
        });
        self.state().over(&turn.key);
        self.observer.pass(&turn, outcome, began.elapsed());
        self.wake.notify_one();
    }

    /// Runs the pass of an object; gives a word for what came of it.
    async fn pass(&self, key: &Key) -> &'static str {
        let Some(kind) = self.kinds.get(&key.kind) else { return "skipped" };
        let (taken, before) = {
            let mut state = self.state();
            if self.secretive.contains(&key.kind) {
                state.reading.insert(key.clone());
            }
            (state.store.take(key), state.happened)
        };
        let Some((uid, body, mut memory)) = taken else { return "skipped" };
        let fresh = body.is_none();
        let object = match body {
            Some(object) => Ok(Some(object)),
            None => self.cluster.get(kind, key).await,
        };
        let object = match object {
            Ok(Some(object)) => object,
            // Its watch says so too, and knows whether another one has taken the name meanwhile.
            Ok(None) => return "skipped",
            Err(why) => {
                tracing::warn!(%key, %why, "can't read the object");
                self.trouble(key);
                return "error";
            }
        };
        if object.uid() != uid {
            memory = Memory::default();
        }
        let uid = object.uid().to_owned();
        let unsupported = self.unsupported(kind);
        let policy = self.policy(kind, &object);
        let stake = self.stake(kind, &object, &policy);
        let (rivals, conditions_only) = {
            let mut state = self.state();
            state.restake(key, Stake { recorded: stake.recorded || memory.has_written(), ..stake });
            (state.rivals(key), state.pruned.contains(&key.kind))
        };
        let kind_of = |heir: Key| Some((Arc::clone(self.kinds.get(&heir.kind)?), heir));
        let heirs = rivals.heirs.into_iter().filter_map(kind_of).collect();
        let rival = rivals.first.map(|first| first.to_string());
        let young = self.state().began.is_none_or(|began| began.elapsed() < LAG);
        let (target, cluster, remote) = (&*self.target, &self.cluster, &self.remote);
        let pass = Pass {
            target,
            kind,
            key,
            cluster,
            remote,
            unsupported,
            policy,
            conditions_only,
            young,
            fresh,
            rival,
            heirs,
        };
        let run = execute::run(&pass, object, &mut memory);
        let ended = match self.shards.get() {
            Some(shards) => shards.within(&uid, run).await,
            None => run.await,
        };
        self.ended(key, &uid, ended, memory, before)
    }

    /// Takes in what came of a pass. `before` is what had happened when it began.
    fn ended(
        &self,
        key: &Key,
        uid: &str,
        ended: Ended,
        mut memory: Memory,
        before: Happened,
    ) -> &'static str {
        let (finish, object) = match ended {
            Ended::Finished(finish, object) => (finish, Some(object)),
            Ended::Pruned(finish, object) => {
                if self.state().pruned.insert(key.kind.clone()) {
                    let kind = &key.kind;
                    tracing::info!(%kind, "its CRD keeps only conditions: after a start its resources are compared");
                }
                (finish, Some(object))
            }
            Ended::Gone(finish) => (finish, None),
            Ended::Stale => {
                let mut state = self.state();
                state.passed(key, uid, memory, None);
                state.queue.push_at(key.clone(), Instant::now() + retry::reread(0));
                return "stale";
            }
            Ended::Trouble(why) => {
                tracing::warn!(%key, %why, "Kubernetes refused");
                self.state().passed(key, uid, memory, None);
                self.trouble(key);
                return "error";
            }
        };
        if let Outcome::Failed(why) = &finish.outcome {
            tracing::warn!(%key, %why, "not in sync");
        }
        let now = Instant::now();
        let mut state = self.state();
        memory.failures = match finish.wake {
            Wake::Never => 0,
            _ => memory.failures.saturating_add(1),
        };
        match finish.wake {
            Wake::Never => {}
            // It came back while the pass ran: nobody will say so again.
            Wake::Reachable if state.happened.reached != before.reached => {
                state.queue.push_at(key.clone(), now + retry::returned(memory.failures));
            }
            // What stood in the way may have gone while the pass ran.
            Wake::Early if state.happened.written != before.written => {
                state.queue.push_at(key.clone(), now + retry::early(memory.failures));
            }
            Wake::Slow => state.queue.push_at(key.clone(), now + retry::SLOW),
            // A call may fail on its own while the target answers all others: nobody says then that it is back.
            Wake::Backoff | Wake::Early | Wake::Reachable => {
                state.queue.push_at(key.clone(), now + retry::backoff(memory.failures, luck(key)));
            }
        }
        if finish.wake != Wake::Slow {
            state.slow.remove(key);
        }
        match finish.wake {
            Wake::Early => drop(state.early.insert(key.clone())),
            Wake::Reachable => drop(state.unreachable.insert(key.clone())),
            Wake::Slow => drop(state.slow.insert(key.clone())),
            Wake::Never | Wake::Backoff => {}
        }
        if matches!(finish.outcome, Outcome::Wrote(..) | Outcome::Reverted(_) | Outcome::Adopted(_)) {
            state.wrote(now);
        }
        state.stands(key, Standing::of(&finish));
        state.passed(key, uid, memory, object.as_deref());
        if object.is_none() {
            state.buried(key, uid);
        }
        word(&finish.outcome)
    }

    fn trouble(&self, key: &Key) {
        let mut state = self.state();
        let mut failures = 1;
        state.store.remember(key, |memory| {
            memory.failures = memory.failures.saturating_add(1);
            failures = memory.failures;
        });
        let at = Instant::now() + retry::backoff(failures, luck(key));
        state.queue.push_at(key.clone(), at);
    }
}

/// A number between 0 and 1 that differs between objects, so that what fails together is not tried together.
fn luck(key: &Key) -> f64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
    f64::from(u32::try_from(hash >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::InSync => "noop",
        Outcome::Ignored => "ignored",
        Outcome::Paused => "paused",
        Outcome::Adopted(_) => "adopted",
        Outcome::Drifted => "drifted",
        Outcome::Wrote(Verb::Create, _) => "created",
        Outcome::Wrote(Verb::Update, _) => "updated",
        Outcome::Wrote(Verb::Delete, _) => "deleted",
        Outcome::Reverted(_) => "reverted",
        Outcome::Released => "released",
        Outcome::Waiting => "waiting",
        Outcome::Failed(_) => "failed",
    }
}
