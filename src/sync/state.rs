//! All that the engine shares between its passes, and what events do to it. Stands behind one lock; waits for nothing.
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::decide::{Finish, Outcome, Wake};
use super::memory::Memory;
use super::policy::Said;
use super::queue::{Lane, Queue};
use super::retry;
use super::rivals::{Rivals, Stake};
use super::sight::{Sight, Verdict};
use super::store::{News, Store};
use crate::kube::object::{Key, Object};
use crate::kube::secrets::Version;
use crate::kube::watch::Event;

/// Writes within this time are one occasion for those that wait for something in the way to go.
const TOGETHER: Duration = Duration::from_millis(20);

/// How often something happened that objects wait for: a pass for which it happened while it ran will not be told again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Happened {
    /// The target was said to be reachable.
    pub reached: u64,
    /// A write went through.
    pub written: u64,
}

/// How an object stands that waits for something other than us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Its resource is not as it asks, and is left so.
    Drifted,
    /// Nothing is done until further notice.
    Paused,
    /// Only a person or a change elsewhere helps.
    Stalled,
}

impl Standing {
    /// What follows from the end of a pass.
    pub fn of(finish: &Finish) -> Option<Self> {
        match (&finish.outcome, finish.wake) {
            (Outcome::Drifted, _) => Some(Self::Drifted),
            (Outcome::Paused, _) => Some(Self::Paused),
            (Outcome::Failed(_), Wake::Never | Wake::Slow) => Some(Self::Stalled),
            _ => None,
        }
    }
}

/// What is shared.
pub(super) struct State {
    pub queue: Queue,
    pub store: Store,
    /// Objects that have one early try when any write goes through.
    pub early: BTreeSet<Key>,
    /// When they have it, where one has.
    early_at: Option<Instant>,
    /// Objects that wait for a person, or for us to be allowed more.
    pub slow: BTreeSet<Key>,
    /// Objects that wait for the target.
    pub unreachable: BTreeSet<Key>,
    /// What happened so far that passes wait for.
    pub happened: Happened,
    /// Objects whose pass runs and may read Secrets: which, is known when it is over.
    pub reading: BTreeSet<Key>,
    /// Lists of Secrets under way, with what they have given so far, by namespace.
    pub secrets: HashMap<Option<String>, HashSet<(String, String)>>,
    /// What was seen of resources while the passes of their objects ran: held against what these leave.
    pub seen: HashMap<Key, Sight>,
    /// Lists under way, with what they have given so far, by kind and namespace.
    pub lists: HashMap<(Arc<str>, Option<String>), HashSet<Key>>,
    /// Watches that have given all objects once.
    pub synced: HashSet<(Arc<str>, Option<String>)>,
    /// Watches of kinds that are not installed.
    pub missing: HashSet<(Arc<str>, Option<String>)>,
    /// The kinds that stand for the same resource as a kind, itself among them.
    siblings: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// Objects that wait until all are known: theirs may be another's resource. None: all are.
    pub held: Option<BTreeSet<Key>>,
    /// Since when passes run.
    pub began: Option<Instant>,
    /// Features that the server has; none while that is not known.
    pub features: Option<BTreeSet<String>>,
    /// What the annotations of namespaces say, where they say anything.
    pub namespaces: HashMap<Arc<str>, Said>,
    /// Kinds whose CRD is not ours, and keeps only conditions of a status.
    pub pruned: HashSet<Arc<str>>,
    /// Objects that do not stand well, and wait for something other than us.
    pub standing: HashMap<Key, Standing>,
}

impl State {
    /// Nothing has happened yet.
    pub fn new(queue: Queue, siblings: HashMap<Arc<str>, Vec<Arc<str>>>) -> Self {
        Self {
            queue,
            siblings,
            held: None,
            store: Store::default(),
            early: BTreeSet::new(),
            early_at: None,
            slow: BTreeSet::new(),
            unreachable: BTreeSet::new(),
            happened: Happened::default(),
            reading: BTreeSet::new(),
            secrets: HashMap::new(),
            seen: HashMap::new(),
            lists: HashMap::new(),
            synced: HashSet::new(),
            missing: HashSet::new(),
            began: None,
            features: None,
            namespaces: HashMap::new(),
            pruned: HashSet::new(),
            standing: HashMap::new(),
        }
    }

    /// Whether it is to be found out if an object that a watch gives is at rest: it is new, or waits for nobody here.
    pub fn may_rest(&self, key: &Key, uid: &str) -> bool {
        self.store.uid(key) != Some(uid) || (self.store.has_body(key) && !self.queue.knows(key))
    }

    /// A watch gave an object. Where it is at rest, `rest` is what to remember of it.
    pub fn applied(
        &mut self,
        key: Key,
        object: Object,
        stake: Stake,
        rest: Option<Memory>,
        watch: &(Arc<str>, Option<String>),
    ) {
        if let Some(list) = self.lists.get_mut(watch) {
            list.insert(key.clone());
        }
        let lane = if self.synced.contains(watch) { Lane::Edit } else { Lane::Background };
        let before = self.store.stake(&key).cloned();
        let rest = rest.map(|memory| (memory, object.resource_version().to_owned()));
        let news = self.store.apply(&key, object, stake);
        self.contested(&key, before.as_ref());
        if let Some((memory, version)) = rest
            && !self.queue.knows(&key)
            && self.rivals(&key).first.is_none()
            && self.store.rest(&key, &version, memory)
        {
            return self.stands(&key, None);
        }
        if news == News::Same {
            return;
        }
        self.store.remember(&key, |memory| {
            memory.failures = 0;
            memory.forget_repeated();
        });
        self.early.remove(&key);
        self.unreachable.remove(&key);
        self.slow.remove(&key);
        // While its pass runs this may be what the pass itself wrote: see [`State::over`].
        if !self.queue.is_running(&key) {
            self.queue.push(key, lane, Instant::now());
        }
    }

    /// A pass is over. An object that a watch gave meanwhile, and that is newer than what the pass acted on, has its turn.
    pub fn over(&mut self, key: &Key) {
        self.reading.remove(key);
        self.queue.done(key);
        if self.store.has_body(key) {
            self.queue.push(key.clone(), Lane::Edit, Instant::now());
        }
        if let Some(sight) = self.seen.remove(key) {
            self.sighted(key.clone(), &sight);
        }
    }

    /// Where an object does not ask for its resource as before, others may that ask for the same: they have their turn.
    /// What was written for it they may not see yet, as if it had been written for them.
    pub fn contested(&mut self, key: &Key, before: Option<&Stake>) {
        if self.store.stake(key) == before {
            return;
        }
        let kinds = self.siblings.get(&key.kind).map(Vec::as_slice).unwrap_or_default();
        for other in self.store.namesakes(key, kinds).cloned().collect::<Vec<_>>() {
            self.store.remember(&other, |memory| memory.wrote(None));
            self.queue.push(other, Lane::Edit, Instant::now());
        }
    }

    /// What a pass left, as [`Store::put`] takes it.
    pub fn passed(&mut self, key: &Key, uid: &str, memory: Memory, object: Option<&Object>) {
        let before = self.store.stake(key).cloned();
        self.store.put(key, uid, memory, object);
        self.contested(key, before.as_ref());
    }

    /// A pass let an object go.
    pub fn buried(&mut self, key: &Key, uid: &str) {
        let before = self.store.stake(key).cloned();
        self.store.bury(key, uid);
        self.contested(key, before.as_ref());
    }

    /// An object asks for its resource like this.
    pub fn restake(&mut self, key: &Key, stake: Stake) {
        let before = self.store.stake(key).cloned();
        self.store.restake(key, stake);
        self.contested(key, before.as_ref());
    }

    /// The others that ask for an object's resource.
    pub fn rivals(&self, key: &Key) -> Rivals {
        let kinds = self.siblings.get(&key.kind).map(Vec::as_slice).unwrap_or_default();
        self.store.rivals(key, kinds)
    }

    /// Whether an object has to wait until all are known. One whose write is on record has its resource already.
    pub fn holds(&mut self, key: &Key) -> bool {
        let may_take = self.store.stake(key).is_some_and(|stake| !stake.recorded || stake.deleting);
        match &mut self.held {
            Some(held) if may_take => {
                held.insert(key.clone());
                true
            }
            _ => false,
        }
    }

    /// Whether a pass runs of another object that asks for the same resource.
    pub fn is_contended(&self, key: &Key) -> bool {
        let kinds = self.siblings.get(&key.kind).map(Vec::as_slice).unwrap_or_default();
        self.store.namesakes(key, kinds).any(|other| self.queue.is_running(other))
    }

    /// Somebody saw an object's resource. While its pass runs that waits for what the pass leaves.
    pub fn sighted(&mut self, key: Key, sight: &Sight) {
        if self.queue.is_running(&key) {
            self.seen.insert(key, sight.clone());
            return;
        }
        let Some(memory) = self.store.memory(&key) else { return };
        let verdict = sight.judge(memory);
        if verdict == Verdict::Known {
            return;
        }
        self.store.remember(&key, |memory| memory.suspect = true);
        match verdict {
            Verdict::LookAt(at) => self.queue.push_at(key, at),
            _ => self.queue.push(key, Lane::Edit, Instant::now()),
        }
    }

    pub fn gone(&mut self, key: &Key) {
        self.stands(key, None);
        let before = self.store.stake(key).cloned();
        self.store.remove(key);
        self.contested(key, before.as_ref());
        self.queue.forget(key);
        self.early.remove(key);
        self.unreachable.remove(key);
        self.slow.remove(key);
    }

    /// How an object stands after a pass, where it does not stand well and waits for something other than us.
    pub fn stands(&mut self, key: &Key, standing: Option<Standing>) {
        match standing {
            Some(standing) => drop(self.standing.insert(key.clone(), standing)),
            None => drop(self.standing.remove(key)),
        }
    }

    /// A list is complete: what it did not give is gone.
    pub fn synced(&mut self, watch: (Arc<str>, Option<String>), namespace: Option<&str>) {
        if let Some(given) = self.lists.remove(&watch) {
            let known = self.store.keys(&watch.0, namespace);
            let gone: Vec<_> = known.filter(|key| !given.contains(*key)).cloned().collect();
            for key in gone {
                self.gone(&key);
            }
        }
        self.synced.insert(watch);
    }

    /// What a watch of Secrets says.
    pub fn secret(&mut self, watched: Option<&str>, event: Event<Version>) {
        let watch = watched.map(str::to_owned);
        match event {
            Event::Restarted => {
                self.secrets.insert(watch, HashSet::new());
            }
            Event::Applied(Version { namespace, name, resource_version }) => {
                self.secret_is(&namespace, &name, &resource_version);
                if let Some(list) = self.secrets.get_mut(&watch) {
                    list.insert((namespace, name));
                }
            }
            Event::Deleted(Version { namespace, name, .. }) => self.secret_is(&namespace, &name, ""),
            Event::Synced => {
                let Some(given) = self.secrets.remove(&watch) else { return };
                let gone = self.store.secrets(watched).filter(|secret| !given.contains(*secret));
                for (namespace, name) in gone.cloned().collect::<Vec<_>>() {
                    self.secret_is(&namespace, &name, "");
                }
                // They may have read one before it went.
                self.reread(watched);
            }
            Event::Missing | Event::Failed(_) => {}
        }
    }

    /// A Secret is as this version says (empty: gone): who refers to it has not seen it.
    fn secret_is(&mut self, namespace: &str, name: &str, version: &str) {
        for key in self.store.readers(namespace, name, version) {
            self.queue.push(key, Lane::Edit, Instant::now());
        }
        self.reread(Some(namespace));
    }

    /// Passes that run, and may read Secrets that have changed meanwhile, are run once more.
    fn reread(&mut self, namespace: Option<&str>) {
        let reading = self.reading.iter().filter(|key| namespace.is_none_or(|ns| &*key.namespace == ns));
        for key in reading.cloned().collect::<Vec<_>>() {
            self.queue.push(key, Lane::Edit, Instant::now());
        }
    }

    /// A write went through: whoever waits for something in the way to go has one try soon.
    pub fn wrote(&mut self, now: Instant) {
        self.happened.written += 1;
        if !self.early.is_empty() {
            self.early_at.get_or_insert(now + TOGETHER);
        }
    }

    /// Those that wait for something in the way to go have their try, if it is time; sooner, the fewer each has had. Many
    /// writes are one occasion: else each would cost as much as there are objects that wait.
    pub fn flush_early(&mut self, now: Instant) {
        if self.early_at.is_none_or(|at| at > now) {
            return;
        }
        self.early_at = None;
        for key in std::mem::take(&mut self.early) {
            let failures = self.store.failures(&key);
            self.queue.push_at(key, now + retry::early(failures));
        }
    }

    /// When something is to be done by itself.
    pub fn next_at(&self) -> Option<Instant> {
        self.queue.next_at().into_iter().chain(self.early_at).min()
    }
}
