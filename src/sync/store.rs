//! The objects that the engine knows: small while they are in sync, with their body only while they wait in the queue.
use std::collections::{BTreeSet, HashMap, HashSet, hash_map};
use std::hash::{DefaultHasher, Hash, Hasher};

use std::sync::Arc;

use kube::ResourceExt as _;

use super::memory::Memory;
use super::rivals::{Rivals, Stake, rivals};
use crate::kube::object::{Key, Object};

/// What is known of all objects.
#[derive(Debug, Default)]
pub struct Store {
    /// By name, which most objects have alone: so one table finds them by their key, and those that ask for the same.
    objects: HashMap<Arc<str>, Vec<Entry>>,
    /// Who refers to a Secret, by namespace and name.
    readers: HashMap<(String, String), BTreeSet<Key>>,
    /// Each once, shared by the keys of all its objects.
    namespaces: HashSet<Arc<str>>,
}

/// There is one for each object, so every byte counts.
#[derive(Debug)]
struct Entry {
    key: Key,
    uid: Box<str>,
    /// Kubernetes' resource version, where it is a number (it is, at every API server known); else 0.
    version: u64,
    /// Of everything that a pass looks at; the status is not part of it.
    fingerprint: u64,
    body: Option<Box<Object>>,
    stake: Stake,
    /// A pass let it go: what its watch still tells of it is of the past.
    gone: bool,
    memory: Memory,
}

/// What a watch's event is to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It was not known, or is another object of the same name.
    New,
    /// Something that a pass looks at has changed.
    Changed,
    /// Nothing of interest has.
    Same,
}

impl Store {
    /// Takes in an object that a watch gave, and how it asks for its resource.
    pub fn apply(&mut self, key: &Key, object: Object, mut stake: Stake) -> News {
        let fingerprint = fingerprint(&object);
        match self.entry_mut(key) {
            Some(entry) if *entry.uid == *object.uid() => {
                if entry.gone || is_older(version(&object), entry.version) {
                    return News::Same;
                }
                entry.version = version(&object);
                // The status of this event may be older than the last write.
                stake.recorded |= entry.memory.has_written();
                entry.stake = stake;
                let changed = entry.fingerprint != fingerprint;
                entry.fingerprint = fingerprint;
                if changed || entry.body.is_some() {
                    entry.body = Some(Box::new(object));
                }
                if changed { News::Changed } else { News::Same }
            }
            _ => {
                self.remove(key);
                let entry = Entry {
                    key: Key { namespace: self.shared(&key.namespace), ..key.clone() },
                    uid: object.uid().into(),
                    version: version(&object),
                    fingerprint,
                    body: Some(Box::new(object)),
                    stake,
                    gone: false,
                    memory: Memory::default(),
                };
                // A vector that grows by itself would begin with room for four.
                self.objects.entry(key.name.clone()).or_insert_with(|| Vec::with_capacity(1)).push(entry);
                News::New
            }
        }
    }

    /// Forgets an object.
    pub fn remove(&mut self, key: &Key) {
        let hash_map::Entry::Occupied(mut named) = self.objects.entry(key.name.clone()) else { return };
        let Some(index) = named.get().iter().position(|entry| entry.key == *key) else { return };
        let entry = named.get_mut().remove(index);
        if named.get().is_empty() {
            named.remove();
        }
        self.refer(key, &entry.memory.secrets, &[]);
    }

    fn entry(&self, key: &Key) -> Option<&Entry> {
        self.objects.get(&key.name)?.iter().find(|entry| entry.key == *key)
    }

    fn entry_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        self.objects.get_mut(&key.name)?.iter_mut().find(|entry| entry.key == *key)
    }

    fn shared(&mut self, namespace: &Arc<str>) -> Arc<str> {
        match self.namespaces.get(namespace) {
            Some(shared) => shared.clone(),
            None => {
                self.namespaces.insert(namespace.clone());
                namespace.clone()
            }
        }
    }

    /// The uid, the body, if it is held, and what is remembered; none where the object is not known.
    pub fn take(&mut self, key: &Key) -> Option<(String, Option<Object>, Memory)> {
        let entry = self.entry_mut(key)?;
        Some((entry.uid.to_string(), entry.body.take().map(|body| *body), entry.memory.clone()))
    }

    /// Nothing is to be done for an object in this version, of which this is to be remembered; gives whether it was so
    /// that a watch gave it last.
    pub fn rest(&mut self, key: &Key, resource_version: &str, memory: Memory) -> bool {
        let given = |entry: &&mut Entry| !entry.gone && entry.version == number(resource_version);
        let Some(entry) = self.entry_mut(key).filter(given) else { return false };
        entry.memory = memory;
        entry.body = None;
        true
    }

    /// Whether an object waits with its body: while its pass runs, whether a watch gave it since the pass took it.
    pub fn has_body(&self, key: &Key) -> bool {
        self.entry(key).is_some_and(|entry| entry.body.is_some())
    }

    /// What a pass left: what is remembered, and the object as the pass acted on it. Nothing, where another object has
    /// taken the name while the pass ran: that one starts from nothing.
    pub fn put(&mut self, key: &Key, uid: &str, memory: Memory, object: Option<&Object>) {
        let Some(entry) = self.entry_mut(key).filter(|entry| *entry.uid == *uid) else { return };
        // What a watch gave meanwhile may be newer: sure is that it is not where both have numbers that say so.
        let is_newest = |object: &&Object| match version(object) {
            0 => entry.body.is_none(),
            version => version >= entry.version,
        };
        if let Some(object) = object.filter(is_newest) {
            entry.version = version(object);
            entry.fingerprint = fingerprint(object);
            entry.body = None;
        }
        entry.stake.recorded |= memory.has_written();
        let before = std::mem::replace(&mut entry.memory, memory).secrets;
        let after = entry.memory.secrets.clone();
        self.refer(key, &before, &after);
    }

    /// A pass let this very object go. It is forgotten when its watch says so too.
    pub fn bury(&mut self, key: &Key, uid: &str) {
        if let Some(entry) = self.entry_mut(key).filter(|entry| *entry.uid == *uid) {
            entry.gone = true;
            entry.body = None;
        }
    }

    /// Objects that refer to a Secret and have not seen this version of it.
    pub fn readers(&self, namespace: &str, name: &str, version: &str) -> Vec<Key> {
        let readers = self.readers.get(&(namespace.to_owned(), name.to_owned()));
        let unseen = |key: &&Key| {
            let entry = self.entry(key);
            entry.is_some_and(|e| {
                e.memory.secrets.iter().any(|(secret, seen)| secret == name && seen != version)
            })
        };
        readers.into_iter().flatten().filter(unseen).cloned().collect()
    }

    /// Namespace and name of the Secrets that objects refer to, in a namespace where one is given.
    pub fn secrets<'a>(&'a self, namespace: Option<&'a str>) -> impl Iterator<Item = &'a (String, String)> {
        self.readers.keys().filter(move |(of, _)| namespace.is_none_or(|namespace| of == namespace))
    }

    /// What is remembered of an object.
    pub fn memory(&self, key: &Key) -> Option<&Memory> {
        self.entry(key).map(|entry| &entry.memory)
    }

    /// What tells an object from others of its name.
    pub fn uid(&self, key: &Key) -> Option<&str> {
        self.entry(key).map(|entry| &*entry.uid)
    }

    /// Failed passes of an object in a row.
    pub fn failures(&self, key: &Key) -> u32 {
        self.memory(key).map_or(0, |memory| memory.failures)
    }

    /// How an object asks for its resource; none where it is not known, or was let go.
    pub fn stake(&self, key: &Key) -> Option<&Stake> {
        self.entry(key).filter(|entry| !entry.gone).map(|entry| &entry.stake)
    }

    /// Another stake of an object that is known.
    pub fn restake(&mut self, key: &Key, stake: Stake) {
        if let Some(entry) = self.entry_mut(key) {
            entry.stake = stake;
        }
    }

    /// Others of the same name, of one of these kinds.
    pub fn namesakes<'a>(&'a self, key: &'a Key, kinds: &'a [Arc<str>]) -> impl Iterator<Item = &'a Key> {
        self.namesaking(key, kinds).map(|entry| &entry.key)
    }

    fn namesaking<'a>(&'a self, key: &'a Key, kinds: &'a [Arc<str>]) -> impl Iterator<Item = &'a Entry> {
        let named = self.objects.get(&key.name).into_iter().flatten();
        named.filter(move |other| other.key != *key && kinds.contains(&other.key.kind))
    }

    /// The others that ask for an object's resource, which is of these kinds.
    pub fn rivals(&self, key: &Key, kinds: &[Arc<str>]) -> Rivals {
        let Some(entry) = self.entry(key) else { return Rivals::default() };
        let others = self.namesaking(key, kinds).filter(|other| !other.gone);
        rivals(&entry.uid, &entry.stake, others.map(|other| (&other.key, &*other.uid, &other.stake)))
    }

    /// Changes what is remembered of an object.
    pub fn remember(&mut self, key: &Key, change: impl FnOnce(&mut Memory)) {
        if let Some(entry) = self.entry_mut(key) {
            change(&mut entry.memory);
        }
    }

    /// Who is of this kind and name, in whatever namespace, and what is remembered of them.
    pub fn named<'a>(&'a self, kind: &'a str, name: &'a str) -> impl Iterator<Item = (&'a Key, &'a Memory)> {
        let named = self.objects.get(name).into_iter().flatten();
        let held = named.filter(move |entry| &*entry.key.kind == kind && !entry.gone);
        held.map(|entry| (&entry.key, &entry.memory))
    }

    /// Keys of all objects of a kind, in a namespace where one is given.
    pub fn keys<'a>(&'a self, kind: &'a str, namespace: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let here = move |key: &&Key| &*key.kind == kind && namespace.is_none_or(|ns| &*key.namespace == ns);
        self.objects.values().flatten().map(|entry| &entry.key).filter(here)
    }

    /// How many objects of each kind are in step, as far as was seen last and nothing speaks against it, and how many there
    /// are in all.
    pub fn counts(&self, stands_well: impl Fn(&Key) -> bool) -> HashMap<Arc<str>, (usize, usize)> {
        let mut counts: HashMap<Arc<str>, (usize, usize)> = HashMap::new();
        for entry in self.objects.values().flatten() {
            let key = &entry.key;
            let (ready, all) = counts.entry(key.kind.clone()).or_default();
            *ready += usize::from(entry.memory.is_in_step() && stands_well(key));
            *all += 1;
        }
        counts
    }

    fn refer(&mut self, key: &Key, before: &[(String, String)], after: &[(String, String)]) {
        let of = |name: &str| (key.namespace.to_string(), name.to_owned());
        for (name, _) in before {
            if let hash_map::Entry::Occupied(mut readers) = self.readers.entry(of(name)) {
                readers.get_mut().remove(key);
                if readers.get().is_empty() {
                    readers.remove();
                }
            }
        }
        for (name, _) in after {
            self.readers.entry(of(name)).or_default().insert(key.clone());
        }
    }
}

fn version(object: &Object) -> u64 {
    number(object.resource_version())
}

fn number(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}

fn is_older(version: u64, than: u64) -> bool {
    version != 0 && version < than
}

/// Of generation, labels, annotations, finalizers and whether it is being deleted: what the official operator's event
/// filter looks at too.
fn fingerprint(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.generation().hash(&mut hasher);
    object.is_deleting().hash(&mut hasher);
    object.finalizers().hash(&mut hasher);
    object.labels().hash(&mut hasher);
    object.annotations().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(version: &str, mark: &str) -> Object {
        let metadata = json!({"name": "a", "uid": "u", "resourceVersion": version, "labels": {"mark": mark}});
        serde_json::from_value(json!({"metadata": metadata})).expect("an object")
    }

    /// Whether the object waits with a body after a pass for its version 5 that left it in version `acted_on`, while a
    /// watch gave `given`.
    fn waits(given: Option<&str>, acted_on: Option<&str>) -> bool {
        let (mut store, key) = (Store::default(), Key::new("A", "ns", "a"));
        store.apply(&key, object("5", "old"), Stake::default());
        store.take(&key).expect("it is known");
        if let Some(version) = given {
            assert_eq!(store.apply(&key, object(version, "new"), Stake::default()), News::Changed);
        }
        let acted_on = acted_on.map(|version| object(version, "new"));
        store.put(&key, "u", Memory::default(), acted_on.as_ref());
        store.has_body(&key)
    }

    #[test]
    fn what_a_watch_gives_during_a_pass_waits_if_it_is_newer() {
        for (given, acted_on, expected) in [
            (None, Some("6"), false),
            (None, None, false),
            // The echo of what the pass wrote, and what was before it.
            (Some("6"), Some("6"), false),
            (Some("6"), Some("7"), false),
            (Some("7"), Some("6"), true),
            // The pass does not say what it acted on.
            (Some("6"), None, true),
            // Versions that can't be compared.
            (Some("x"), Some("x"), true),
            (None, Some("x"), false),
        ] {
            assert_eq!(waits(given, acted_on), expected, "{given:?} {acted_on:?}");
        }
    }

    #[test]
    fn only_the_version_that_a_watch_gave_last_can_be_at_rest() {
        let (mut store, key) = (Store::default(), Key::new("A", "ns", "a"));
        store.apply(&key, object("5", "old"), Stake::default());
        assert!(!store.rest(&key, "4", Memory::default()) && store.has_body(&key));
        assert!(store.rest(&key, "5", Memory::default()) && !store.has_body(&key));
        store.bury(&key, "u");
        assert!(!store.rest(&key, "5", Memory::default()), "a pass let it go");
    }
}
