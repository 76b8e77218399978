//! How all stands, as far as the engine knows: for metrics, and for people who look.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Engine;
use crate::kube::object::Key;
use crate::sync::ports::{Cluster, Remote};
use crate::sync::queue::Counts;
use crate::sync::state::Standing;

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

impl<C: Cluster, R: Remote> Engine<C, R> {
    /// Objects known, by kind.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let state = self.state();
        let count = |name: &Arc<str>| (name.to_string(), state.store.keys(name, None).count());
        self.kinds.keys().map(count).collect()
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
}
