//! All that the engine shares between its passes, and what events do to it. Stands behind one lock; waits for nothing.
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::policy::Said;
use super::queue::{Lane, Queue};
use super::retry;
use super::sight::{Sight, Verdict};
use super::store::{News, Store};
use crate::kube::object::{Key, Object};
use crate::kube::secrets::Version;
use crate::kube::watch::Event;

/// What is shared.
pub(super) struct State {
    pub queue: Queue,
    pub store: Store,
    /// Objects that have one early try when any write goes through.
    pub early: BTreeSet<Key>,
    /// Objects that wait for a person, or for us to be allowed more.
    pub slow: BTreeSet<Key>,
    /// Objects that wait for the target.
    pub unreachable: BTreeSet<Key>,
    /// How often the target was said to be reachable.
    pub reached: u64,
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
    /// Since when passes run.
    pub began: Option<Instant>,
    /// Features that the server has; none while that is not known.
    pub features: Option<BTreeSet<String>>,
    /// What the annotations of namespaces say, where they say anything.
    pub namespaces: HashMap<Arc<str>, Said>,
    /// Kinds whose CRD is not ours, and keeps only conditions of a status.
    pub pruned: HashSet<Arc<str>>,
    /// Objects whose resource is not as they ask, and is left so.
    pub drifted: HashMap<Arc<str>, BTreeSet<Key>>,
}

impl State {
    /// Nothing has happened yet.
    pub fn new(queue: Queue) -> Self {
        Self {
            queue,
            store: Store::default(),
            early: BTreeSet::new(),
            slow: BTreeSet::new(),
            unreachable: BTreeSet::new(),
            reached: 0,
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
            drifted: HashMap::new(),
        }
    }

    pub fn applied(&mut self, key: Key, object: Object, watch: &(Arc<str>, Option<String>)) {
        if let Some(list) = self.lists.get_mut(watch) {
            list.insert(key.clone());
        }
        let lane = if self.synced.contains(watch) { Lane::Edit } else { Lane::Background };
        let news = self.store.apply(&key, object);
        if news == News::Same {
            return;
        }
        self.store.remember(&key, |memory| {
            memory.failures = 0;
            memory.repeated = None;
        });
        self.early.remove(&key);
        self.unreachable.remove(&key);
        self.slow.remove(&key);
        self.queue.push(key, lane, Instant::now());
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
        self.drift(key, false);
        self.store.remove(key);
        self.queue.forget(key);
        self.early.remove(key);
        self.unreachable.remove(key);
        self.slow.remove(key);
    }

    /// Whether an object's resource is left otherwise than it asks; gives how many there are of its kind now, where that
    /// has changed.
    pub fn drift(&mut self, key: &Key, drifted: bool) -> Option<usize> {
        let changed = match drifted {
            true => self.drifted.entry(key.kind.clone()).or_default().insert(key.clone()),
            false => self.drifted.get_mut(&key.kind).is_some_and(|keys| keys.remove(key)),
        };
        changed.then(|| self.drifted.get(&key.kind).map_or(0, BTreeSet::len))
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

    /// A write went through: whoever waits for something in the way to go has one try, sooner the fewer it has had.
    pub fn flush_early(&mut self, now: Instant) {
        for key in std::mem::take(&mut self.early) {
            let failures = self.store.failures(&key);
            self.queue.push_at(key, now + retry::early(failures));
        }
    }
}
