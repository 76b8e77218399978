//! Puts the parts together: events come in, the queue says whose turn it is, passes run, and what came of each says when
//! the object has its next. Everything shared stands behind one lock that is never held across a wait.
mod turns;
mod view;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::execute;
use super::memory::Memory;
use super::policy::{Policy, Said};
use super::ports::{Cluster, Remote};
use super::queue::{Bounds, Lane, Queue, Turn};
use super::rest::at_rest;
use super::retry;
use super::rivals::Stake;
use super::settings::Settings;
use super::shards::Shards;
use super::sight::Sight;
use super::state::State;
use super::store::Store;
use crate::kube::object::{Key, Object};
use crate::kube::secrets::Version;
use crate::kube::watch::Event;
use crate::mapping::plan::{Kind, Resource, Target};
use crate::mapping::policy::Management;

pub use view::View;

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
        let (stake, rest) = match (&event, self.kinds.get(kind)) {
            (Event::Applied(object), Some(of)) => self.look_at(of, &object.key(kind), object),
            _ => (Stake::default(), None),
        };
        let mut state = self.state();
        match event {
            Event::Restarted => {
                state.missing.remove(&watch);
                state.lists.insert(watch, HashSet::new());
            }
            Event::Applied(object) => state.applied(object.key(kind), object, stake, rest, &watch),
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

    /// Shares the objects with other replicas. To be called once, before anything runs.
    pub fn share(&self, shards: Shards) {
        // A second call changes nothing.
        let _ = self.shards.set(shards);
    }

    /// A shard is ours from now on: those of its objects have their turn that are not at rest.
    pub fn gained(&self, shard: usize) {
        let Some(shards) = self.shards.get() else { return };
        let (mut state, now) = (self.state(), Instant::now());
        let keys = self.kinds.keys().flat_map(|kind| state.store.keys(kind, None));
        let is_in = |key: &&Key| state.store.uid(key).is_some_and(|uid| shards.of(uid) == shard);
        let rests =
            |key: &Key| state.store.memory(key).is_some_and(Memory::is_in_step) && !state.store.has_body(key);
        let keys: Vec<_> = keys.filter(is_in).filter(|key| !rests(key)).cloned().collect();
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

    /// Features that the server said it has; none while that is not known.
    pub fn known_features(&self) -> Option<BTreeSet<String>> {
        self.state().features.clone()
    }

    /// Objects that wait in a lane.
    pub fn depth(&self, lane: Lane) -> usize {
        self.state().queue.depth(lane)
    }

    fn policy(&self, kind: &Kind, object: &Object) -> Policy {
        let said = self.state().namespaces.get(object.namespace()).cloned().unwrap_or_default();
        let set = self.settings.policies_of(kind);
        Policy::of(&self.target.words, |name| object.annotation(name), &said, set, self.settings.paused)
    }

    /// How an object that a watch gave asks for its resource, and what to remember of it where it is at rest.
    fn look_at(&self, kind: &Kind, key: &Key, object: &Object) -> (Stake, Option<Memory>) {
        let policy = self.policy(kind, object);
        let stake = self.stake(kind, object, &policy);
        let may_rest = self.state().may_rest(key, object.uid());
        let rests = || at_rest(&self.target, (kind, key), policy, self.unsupported(kind), object);
        (stake, may_rest.then(rests).flatten())
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
}

/// Whether objects of a kind may refer to Secrets.
fn has_secrets(kind: &Kind) -> bool {
    kind.resource.shapes.0.iter().flat_map(|shape| &shape.members).any(|member| member.rules.secret)
}
