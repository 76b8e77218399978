//! Puts the parts together: events come in, the queue says whose turn it is, passes run, and what came of each says when
//! the object has its next. Everything shared stands behind one lock that is never held across a wait.
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::decide::{Outcome, Verb, Wake};
use super::execute::{self, Ended, Pass};
use super::memory::{LAG, Memory};
use super::policy::{Policy, Said};
use super::ports::{Cluster, Remote};
use super::queue::{Bounds, Counts, Lane, Queue, Turn};
use super::retry;
use super::rivals::Stake;
use super::settings::Settings;
use super::shards::Shards;
use super::sight::Sight;
use super::state::{Happened, Standing, State};
use super::store::Store;
use crate::kube::object::{Key, Object};
use crate::kube::secrets::Version;
use crate::kube::watch::Event;
use crate::mapping::plan::{Kind, Resource, Target};
use crate::mapping::policy::Management;

/// Over how long the objects that waited for the target are spread when it is back.
const SPREAD: Duration = Duration::from_secs(1);

/// Somebody who counts. Calls never wait.
pub trait Observer: Send + Sync + 'static {
    /// A pass is over, or could not be run to its end for a reason on the Kubernetes side.
    fn pass(&self, turn: &Turn, outcome: &'static str, took: Duration);

    /// A write to Kubernetes was tried, for an object of this kind.
    fn wrote(&self, kind: &str, verb: &'static str);

    /// All resources of this kind were looked through for drift.
    fn scanned(&self, kind: &str) {
        let _ = kind;
    }
}

/// How a kind stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Objects known.
    pub objects: usize,
    /// Those of them that were in step when they were last looked at.
    pub ready: usize,
    /// Those whose resource is not as they ask, and is left so.
    pub drifted: usize,
    /// Those for which nothing is done until further notice.
    pub paused: usize,
    /// Those for which only a person or a change elsewhere helps.
    pub stalled: usize,
    /// What waits and runs.
    pub queue: Counts,
    /// Watches that have given all objects.
    pub synced: usize,
    /// Watches that wait for the kind to be installed.
    pub missing: usize,
    /// Watches that give all objects just now.
    pub listing: usize,
}

/// The engine.
pub struct Engine<C, R> {
    target: Arc<Target>,
    kinds: HashMap<Arc<str>, Arc<Kind>>,
    /// Kinds whose objects may refer to Secrets.
    secretive: HashSet<Arc<str>>,
    cluster: C,
    remote: R,
    observer: Arc<dyn Observer>,
    settings: Settings,
    state: Mutex<State>,
    wake: Notify,
    /// Passes begun.
    passes: AtomicU64,
    /// Whose objects are whose; all are ours where nothing was said of it.
    shards: OnceLock<Shards>,
}

impl<C: Cluster, R: Remote> Engine<C, R> {
    /// An engine that nothing has happened to yet, set up as its target says.
    pub fn new(target: Arc<Target>, cluster: C, remote: R, observer: Arc<dyn Observer>) -> Arc<Self> {
        Self::with_settings(target, cluster, remote, observer, Settings::default())
    }

    /// An engine that nothing has happened to yet.
    pub fn with_settings(
        target: Arc<Target>,
        cluster: C,
        remote: R,
        observer: Arc<dyn Observer>,
        settings: Settings,
    ) -> Arc<Self> {
        let total = settings.concurrent.unwrap_or(target.limits.concurrent);
        let bounds = Bounds {
            total,
            kind: target.limits.concurrent_kind,
            background: (total * 3 / 4).max(1),
            kinds: target.kinds.iter().filter_map(|kind| settings.concurrent_of(kind)).collect(),
        };
        let name = |kind: &Kind| Arc::from(kind.kubernetes.kind.as_str());
        let kinds = target.kinds.iter().map(|kind| (name(kind), Arc::clone(kind))).collect();
        let secretive = target.kinds.iter().filter(|kind| has_secrets(kind)).map(|kind| name(kind)).collect();
        let of = |kind: &Kind| {
            let same = |other: &&Arc<Kind>| Arc::ptr_eq(&other.resource, &kind.resource);
            target.kinds.iter().filter(same).map(|kind| name(kind)).collect()
        };
        let siblings = target.kinds.iter().map(|kind| (name(kind), of(kind))).collect();
        let state = State::new(Queue::new(bounds), siblings);
        Arc::new(Self {
            target,
            kinds,
            secretive,
            cluster,
            remote,
            observer,
            settings,
            state: Mutex::new(state),
            wake: Notify::new(),
            passes: AtomicU64::new(1),
            shards: OnceLock::new(),
        })
    }

    /// The target whose objects these are.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The target's calls.
    pub fn remote(&self) -> &R {
        &self.remote
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a watch says about a kind (all of it, or one namespace).
    pub fn event(&self, kind: &Arc<str>, namespace: Option<&str>, event: Event<Object>) {
        let watch = (kind.clone(), namespace.map(str::to_owned));
        let stake = match (&event, self.kinds.get(kind)) {
            (Event::Applied(object), Some(kind)) => self.stake(kind, object, &self.policy(kind, object)),
            _ => Stake::default(),
        };
        let mut state = self.state();
        match event {
            Event::Restarted => {
                state.missing.remove(&watch);
                state.lists.insert(watch, HashSet::new());
            }
            Event::Applied(object) => state.applied(object.key(kind), object, stake, &watch),
            Event::Deleted(object) => state.gone(&object.key(kind)),
            Event::Synced => state.synced(watch, namespace),
            Event::Missing => {
                state.missing.insert(watch);
            }
            Event::Failed(_) => {}
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Has objects wait that may ask for what is another's, until [`Engine::release`]. To be called before any event.
    pub fn hold(&self) {
        self.state().held = Some(BTreeSet::new());
    }

    /// All objects are known, as far as they ever will be: none need wait for that any longer.
    pub fn release(&self) {
        let mut state = self.state();
        for key in state.held.take().unwrap_or_default() {
            state.queue.push(key, Lane::Background, Instant::now());
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Takes in what the watch of Secrets says (of all, or of one namespace): who refers to one that is not as it was
    /// read has its turn.
    pub fn secret(&self, namespace: Option<&str>, event: Event<Version>) {
        self.state().secret(namespace, event);
        self.wake.notify_one();
    }

    /// The target can be reached (again): who waited for it has its turn, spread over a second, and later the more often
    /// it has come to nothing.
    pub fn reachable(&self) {
        let mut state = self.state();
        state.happened.reached += 1;
        let (waiting, now) = (std::mem::take(&mut state.unreachable), Instant::now());
        let count = u32::try_from(waiting.len()).unwrap_or(u32::MAX).max(1);
        for (index, key) in (0u32..).zip(waiting) {
            let pause = retry::returned(state.store.failures(&key));
            state.queue.push_at(key, now + pause + SPREAD * index / count);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// We may be allowed other things than before: who was refused has its turn, spread over a second.
    pub fn allowed(&self) {
        let mut state = self.state();
        let (waiting, now) = (std::mem::take(&mut state.slow), Instant::now());
        let count = u32::try_from(waiting.len()).unwrap_or(u32::MAX).max(1);
        for (index, key) in (0u32..).zip(waiting) {
            state.queue.push_at(key, now + SPREAD * index / count);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// What the server can do, as far as kinds depend on it; their objects have their turn when it changes.
    pub fn features(&self, features: BTreeSet<String>) {
        let mut state = self.state();
        if state.features.as_ref() == Some(&features) {
            return;
        }
        state.features = Some(features);
        let depends = self.kinds.iter().filter(|(_, kind)| !kind.resource.requires.is_empty());
        let keys: BTreeSet<_> =
            depends.flat_map(|(name, _)| state.store.keys(name, None).cloned().collect::<Vec<_>>()).collect();
        for key in keys {
            state.queue.push(key, Lane::Background, Instant::now());
        }
        drop(state);
        self.wake.notify_one();
    }

    /// What the annotations of a namespace are, each found by name; a namespace that is gone has none. Its objects have
    /// their turn when they say something else than before.
    pub fn namespace<'a>(&self, name: &str, annotation: impl Fn(&str) -> Option<&'a str>) {
        let said = Said::read(&self.target.words, annotation);
        let mut state = self.state();
        let before = state.namespaces.get(name).cloned().unwrap_or_default();
        if before == said {
            return;
        }
        state.namespaces.insert(name.into(), said);
        let keys: Vec<_> =
            self.kinds.keys().flat_map(|kind| state.store.keys(kind, Some(name))).cloned().collect();
        for key in keys {
            state.queue.push(key, Lane::Edit, Instant::now());
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Live may not be as an object's record has it: its next pass reads it.
    pub(super) fn suspect(&self, key: Key, at: Instant) {
        let mut state = self.state();
        if state.queue.is_running(&key) {
            state.seen.insert(key, Sight::Other);
            return;
        }
        state.store.remember(&key, |memory| memory.suspect = true);
        state.queue.push_at(key, at);
        drop(state);
        self.wake.notify_one();
    }

    /// Words of the target's event stream for the kinds that have objects.
    pub fn watched(&self) -> BTreeSet<String> {
        let state = self.state();
        let watched =
            self.kinds.iter().filter_map(|(name, kind)| Some((name, kind.resource.watched.as_ref()?)));
        let watched = watched.filter(|(name, _)| state.store.keys(name, None).next().is_some());
        watched.map(|(_, watched)| watched.word.clone()).collect()
    }

    /// Somebody saw a resource: those of its objects have a pass for which that is news. While an object's pass runs it
    /// waits for what the pass leaves: it may be what the pass itself just wrote.
    pub fn sighted(&self, resource: &Arc<Resource>, name: &str, sight: &dyn Fn() -> Sight) {
        let mut state = self.state();
        let mut keys = Vec::new();
        for (kind, _) in self.kinds.iter().filter(|(_, kind)| Arc::ptr_eq(&kind.resource, resource)) {
            keys.extend(state.store.named(kind, name).map(|(key, _)| key.clone()));
        }
        if keys.is_empty() {
            return;
        }
        let sight = sight();
        for key in keys {
            state.sighted(key, &sight);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// All resources of these kinds were looked through for drift.
    pub(super) fn scanned(&self, kinds: &[&Kind]) {
        kinds.iter().for_each(|kind| self.observer.scanned(&kind.kubernetes.kind));
    }

    /// Looks into the store, under the lock.
    pub(super) fn with_store<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.state().store)
    }

    /// Whether this watch has given all its objects, or its kind is not installed.
    pub fn is_settled(&self, kind: &Arc<str>, namespace: Option<&str>) -> bool {
        let watch = (kind.clone(), namespace.map(str::to_owned));
        let state = self.state();
        state.synced.contains(&watch) || state.missing.contains(&watch)
    }

    /// Objects known, by kind.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let state = self.state();
        let count = |name: &Arc<str>| (name.to_string(), state.store.keys(name, None).count());
        self.kinds.keys().map(count).collect()
    }

    /// Shares the objects with other replicas. To be called once, before anything runs.
    pub fn share(&self, shards: Shards) {
        // A second call changes nothing.
        let _ = self.shards.set(shards);
    }

    /// A shard is ours from now on: its objects have their turn.
    pub fn gained(&self, shard: usize) {
        let Some(shards) = self.shards.get() else { return };
        let (mut state, now) = (self.state(), Instant::now());
        let keys = self.kinds.keys().flat_map(|kind| state.store.keys(kind, None));
        let is_in = |key: &&Key| state.store.uid(key).is_some_and(|uid| shards.of(uid) == shard);
        let keys: Vec<_> = keys.filter(is_in).cloned().collect();
        // Whoever had it before may have written just now, and reads may not show it yet.
        state.began = Some(now);
        for key in keys {
            state.queue.push(key, Lane::Background, now);
        }
        drop(state);
        self.wake.notify_one();
    }

    fn is_ours(&self, key: &Key) -> bool {
        let Some(shards) = self.shards.get() else { return true };
        // Of what is not known any more the pass says so.
        self.state().store.uid(key).is_none_or(|uid| shards.has(uid))
    }

    /// Whether nothing is queued or runs; objects that wait for a later time don't count.
    pub fn is_idle(&self) -> bool {
        self.state().queue.is_idle()
    }

    /// How all stands, by kind.
    pub fn view(&self) -> BTreeMap<Arc<str>, View> {
        let state = self.state();
        let well = |key: &Key| !state.standing.contains_key(key);
        let (queue, store) = (state.queue.counts(), state.store.counts(well));
        let mut standing: HashMap<(&str, Standing), usize> = HashMap::new();
        for (key, found) in &state.standing {
            *standing.entry((&*key.kind, *found)).or_default() += 1;
        }
        let stands = |kind: &str, found| standing.get(&(kind, found)).copied().unwrap_or_default();
        let of = |kind: &Arc<str>| {
            let (ready, objects) = store.get(kind).copied().unwrap_or_default();
            let watches = |watches: &HashSet<(Arc<str>, Option<String>)>| {
                watches.iter().filter(|(watched, _)| watched == kind).count()
            };
            View {
                objects,
                ready,
                drifted: stands(kind, Standing::Drifted),
                paused: stands(kind, Standing::Paused),
                stalled: stands(kind, Standing::Stalled),
                queue: queue.get(kind).copied().unwrap_or_default(),
                synced: watches(&state.synced),
                missing: watches(&state.missing),
                listing: state.lists.keys().filter(|(listed, _)| listed == kind).count(),
            }
        };
        self.kinds.keys().map(|kind| (kind.clone(), of(kind))).collect()
    }

    /// Features that the server said it has; none while that is not known.
    pub fn known_features(&self) -> Option<BTreeSet<String>> {
        self.state().features.clone()
    }

    /// Objects that wait in a lane.
    pub fn depth(&self, lane: Lane) -> usize {
        self.state().queue.depth(lane)
    }

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
        {
            let mut state = self.state();
            state.reading.remove(&turn.key);
            state.queue.done(&turn.key);
            if let Some(sight) = state.seen.remove(&turn.key) {
                state.sighted(turn.key.clone(), &sight);
            }
        }
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

    fn policy(&self, kind: &Kind, object: &Object) -> Policy {
        let said = self.state().namespaces.get(object.namespace()).cloned().unwrap_or_default();
        let set = self.settings.policies_of(kind);
        Policy::of(&self.target.words, |name| object.annotation(name), &said, set, self.settings.paused)
    }

    /// How an object asks for its resource.
    fn stake(&self, kind: &Kind, object: &Object, policy: &Policy) -> Stake {
        let aside = policy.ignore || policy.management == Management::Observe;
        let parts = execute::parts(&self.target, kind, object);
        Stake::of(object, aside, parts)
    }

    fn unsupported(&self, kind: &Kind) -> Option<String> {
        let requires = &kind.resource.requires;
        let state = self.state();
        let features = state.features.as_ref()?;
        let lacks = !requires.is_empty() && !requires.iter().any(|feature| features.contains(feature));
        lacks.then(|| {
            format!("the cluster does not have the feature that this kind needs: {}", requires.join(" or "))
        })
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

/// Whether objects of a kind may refer to Secrets.
fn has_secrets(kind: &Kind) -> bool {
    kind.resource.shapes.0.iter().flat_map(|shape| &shape.members).any(|member| member.rules.secret)
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
