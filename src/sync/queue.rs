//! The queue: which object has its pass next. One pass at a time for an object, edits before background work, a bounded
//! number at once for each kind and in all, kinds in turn. A plain data structure: time is handed in.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::kube::object::Key;

/// Which work comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// What can wait: the objects found at the start, scans, retries.
    Background,
    /// What somebody waits for.
    Edit,
}

/// How many passes at once.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// In all.
    pub total: usize,
    /// Of one kind.
    pub kind: usize,
    /// Of background work, so that an edit never waits for a slot.
    pub background: usize,
    /// Of some kinds, in the place of `kind`.
    pub kinds: HashMap<Arc<str>, usize>,
}

/// The queue.
#[derive(Debug)]
pub struct Queue {
    bounds: Bounds,
    objects: HashMap<Key, State>,
    lanes: [Turns; 2],
    /// Objects to be queued later, by time.
    later: BTreeMap<(Instant, u64), Key>,
    counter: u64,
    running: usize,
    running_background: usize,
    running_kind: HashMap<Arc<str>, usize>,
}

#[derive(Debug, Default)]
struct State {
    queued: Option<Lane>,
    since: Option<Instant>,
    later: Option<(Instant, u64)>,
    running: Option<Lane>,
}

/// Objects in the order they came, kinds in turn.
#[derive(Debug, Default)]
struct Turns {
    kinds: VecDeque<Arc<str>>,
    objects: HashMap<Arc<str>, VecDeque<Key>>,
}

/// How many objects stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the lane of edits.
    pub edit: usize,
    /// In the background.
    pub background: usize,
    /// To be queued at a later time.
    pub later: usize,
    /// Their passes run.
    pub running: usize,
}

/// A pass to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The object.
    pub key: Key,
    /// Why.
    pub lane: Lane,
    /// How long it stood in the queue.
    pub waited: Duration,
}

impl Queue {
    /// An empty queue.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            objects: HashMap::new(),
            lanes: Default::default(),
            later: BTreeMap::new(),
            counter: 0,
            running: 0,
            running_background: 0,
            running_kind: HashMap::new(),
        }
    }

    /// Queues an object now. An earlier wish to do so later is forgotten; a lower lane gives way to a higher one. While
    /// its pass runs, it is queued again for after it.
    pub fn push(&mut self, key: Key, lane: Lane, now: Instant) {
        let state = self.objects.entry(key.clone()).or_default();
        if let Some(later) = state.later.take() {
            self.later.remove(&later);
        }
        if state.queued.is_some_and(|queued| queued >= lane) {
            return;
        }
        // Where it stood in the lower lane it is passed over, because its state names the higher one.
        state.queued = Some(lane);
        state.since.get_or_insert(now);
        if state.running.is_none() {
            self.lanes[lane as usize].push(key);
        }
    }

    /// Queues an object at a time, unless it is queued already or is to be sooner.
    pub fn push_at(&mut self, key: Key, at: Instant) {
        let state = self.objects.entry(key.clone()).or_default();
        if state.queued.is_some() || state.later.is_some_and(|(sooner, _)| sooner <= at) {
            return;
        }
        if let Some(later) = state.later.take() {
            self.later.remove(&later);
        }
        self.counter += 1;
        state.later = Some((at, self.counter));
        self.later.insert((at, self.counter), key);
    }

    /// The next pass to run, if there is one and there is room for it.
    pub fn pop(&mut self, now: Instant) -> Option<Turn> {
        self.wake(now);
        if self.running >= self.bounds.total {
            return None;
        }
        let lanes = match self.running_background < self.bounds.background {
            true => &[Lane::Edit, Lane::Background][..],
            false => &[Lane::Edit],
        };
        lanes.iter().find_map(|lane| self.pop_lane(*lane, now))
    }

    fn pop_lane(&mut self, lane: Lane, now: Instant) -> Option<Turn> {
        let (objects, running, bounds) = (&mut self.objects, &self.running_kind, &self.bounds);
        let bound = |kind: &Arc<str>| bounds.kinds.get(kind).copied().unwrap_or(bounds.kind);
        let key = self.lanes[lane as usize].pop(
            |kind| running.get(kind).is_none_or(|running| *running < bound(kind)),
            |key| objects.get(key).is_some_and(|s| s.queued == Some(lane) && s.running.is_none()),
        )?;
        let state = objects.get_mut(&key)?;
        state.queued = None;
        state.running = Some(lane);
        let waited = state.since.take().map(|since| now.saturating_duration_since(since)).unwrap_or_default();
        self.running += 1;
        self.running_background += usize::from(lane == Lane::Background);
        *self.running_kind.entry(key.kind.clone()).or_default() += 1;
        Some(Turn { key, lane, waited })
    }

    /// The pass of an object is over; it has its turn again if it was queued meanwhile.
    pub fn done(&mut self, key: &Key) {
        let Some(state) = self.objects.get_mut(key) else { return };
        let Some(lane) = state.running.take() else { return };
        self.running -= 1;
        self.running_background -= usize::from(lane == Lane::Background);
        if let Some(running) = self.running_kind.get_mut(&key.kind) {
            *running -= 1;
        }
        match (state.queued, state.later) {
            (Some(lane), _) => self.lanes[lane as usize].push(key.clone()),
            (None, None) => self.drop(key),
            (None, Some(_)) => {}
        }
    }

    /// An object has no business here any more. After a start, when all objects waited, the table of many goes, too.
    fn drop(&mut self, key: &Key) {
        const MANY: usize = 1000;
        self.objects.remove(key);
        if self.objects.is_empty() && self.objects.capacity() > MANY {
            self.objects = HashMap::new();
        }
    }

    /// Forgets a wish to queue an object later.
    pub fn forget(&mut self, key: &Key) {
        let Some(state) = self.objects.get_mut(key) else { return };
        if let Some(later) = state.later.take() {
            self.later.remove(&later);
        }
        if state.queued.is_none() && state.running.is_none() {
            self.drop(key);
        }
    }

    /// When the next object is to be queued.
    pub fn next_at(&self) -> Option<Instant> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    /// Objects that wait in a lane.
    pub fn depth(&self, lane: Lane) -> usize {
        self.objects.values().filter(|state| state.queued == Some(lane)).count()
    }

    /// How it stands, by kind.
    pub fn counts(&self) -> HashMap<Arc<str>, Counts> {
        let mut counts: HashMap<Arc<str>, Counts> = HashMap::new();
        for (key, state) in &self.objects {
            let of = counts.entry(key.kind.clone()).or_default();
            of.edit += usize::from(state.queued == Some(Lane::Edit));
            of.background += usize::from(state.queued == Some(Lane::Background));
            of.later += usize::from(state.later.is_some());
            of.running += usize::from(state.running.is_some());
        }
        counts
    }

    /// Passes that run.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Whether the object's pass runs.
    pub fn is_running(&self, key: &Key) -> bool {
        self.objects.get(key).is_some_and(|state| state.running.is_some())
    }

    /// Whether an object is queued, now or for later, or its pass runs.
    pub fn knows(&self, key: &Key) -> bool {
        self.objects.contains_key(key)
    }

    /// Whether nothing is queued or runs; objects to be queued later don't count.
    pub fn is_idle(&self) -> bool {
        self.objects.values().all(|state| state.queued.is_none() && state.running.is_none())
    }

    fn wake(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now
        {
            let key = entry.remove();
            if let Some(state) = self.objects.get_mut(&key) {
                state.later = None;
            }
            self.push(key, Lane::Background, now);
        }
    }
}

impl Turns {
    fn push(&mut self, key: Key) {
        let kind = key.kind.clone();
        let objects = self.objects.entry(kind.clone()).or_default();
        if objects.is_empty() {
            self.kinds.push_back(kind);
        }
        objects.push_back(key);
    }

    /// The first object, of the kinds in turn that have room, that is still meant; others are dropped on the way.
    fn pop(&mut self, has_room: impl Fn(&Arc<str>) -> bool, is_meant: impl Fn(&Key) -> bool) -> Option<Key> {
        for _ in 0..self.kinds.len() {
            let kind = self.kinds.pop_front()?;
            let mut found = None;
            if let Some(objects) = self.objects.get_mut(&kind).filter(|_| has_room(&kind)) {
                while found.is_none()
                    && let Some(key) = objects.pop_front()
                {
                    found = Some(key).filter(&is_meant);
                }
            }
            if self.objects.get(&kind).is_some_and(|objects| !objects.is_empty()) {
                self.kinds.push_back(kind);
            } else {
                self.objects.remove(&kind);
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        Bounds { total: 3, kind: 2, background: 1, kinds: HashMap::new() }
    }

    fn key(kind: &str, name: &str) -> Key {
        Key::new(kind, "ns", name)
    }

    fn names(queue: &mut Queue, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| queue.pop(now)).map(|turn| turn.key.name.to_string()).collect()
    }

    #[test]
    fn edits_go_before_background_work_and_kinds_take_turns() {
        let (mut queue, now) = (Queue::new(bounds()), Instant::now());
        queue.push(key("A", "later"), Lane::Background, now);
        for name in ["a1", "a2", "a3"] {
            queue.push(key("A", name), Lane::Edit, now);
        }
        queue.push(key("B", "b1"), Lane::Edit, now);
        assert_eq!(names(&mut queue, now), ["a1", "b1", "a2"]);
        queue.done(&key("B", "b1"));
        assert_eq!(names(&mut queue, now), [""; 0], "kind A has no room");
        queue.done(&key("A", "a1"));
        assert_eq!(names(&mut queue, now), ["a3"]);
        queue.done(&key("A", "a2"));
        assert_eq!(names(&mut queue, now), ["later"]);
    }

    #[test]
    fn a_kind_may_have_a_bound_of_its_own() {
        let kinds = HashMap::from([(Arc::from("A"), 1)]);
        let (mut queue, now) = (Queue::new(Bounds { total: 9, kinds, ..bounds() }), Instant::now());
        for (kind, name) in [("A", "a1"), ("A", "a2"), ("B", "b1"), ("B", "b2")] {
            queue.push(key(kind, name), Lane::Edit, now);
        }
        assert_eq!(names(&mut queue, now), ["a1", "b1", "b2"]);
    }

    #[test]
    fn an_object_has_one_pass_at_a_time_and_one_more_after_it() {
        let (mut queue, now) = (Queue::new(bounds()), Instant::now());
        queue.push(key("A", "a"), Lane::Edit, now);
        assert_eq!(names(&mut queue, now), ["a"]);
        queue.push(key("A", "a"), Lane::Edit, now);
        queue.push(key("A", "a"), Lane::Edit, now);
        assert_eq!(names(&mut queue, now), [""; 0]);
        queue.done(&key("A", "a"));
        assert_eq!(names(&mut queue, now), ["a"]);
        queue.done(&key("A", "a"));
        assert!(queue.is_idle());
        assert_eq!(names(&mut queue, now), [""; 0]);
    }

    #[test]
    fn a_higher_lane_wins_and_nothing_runs_twice_for_it() {
        let (mut queue, now) = (Queue::new(bounds()), Instant::now());
        queue.push(key("A", "a"), Lane::Background, now);
        queue.push(key("A", "a"), Lane::Edit, now);
        let turn = queue.pop(now).unwrap();
        assert_eq!(turn.lane, Lane::Edit);
        queue.done(&turn.key);
        assert_eq!(queue.pop(now), None);
    }

    #[test]
    fn the_sooner_time_wins_and_now_beats_later() {
        let (mut queue, now) = (Queue::new(bounds()), Instant::now());
        let soon = now + Duration::from_secs(1);
        queue.push_at(key("A", "a"), now + Duration::from_secs(9));
        queue.push_at(key("A", "a"), soon);
        queue.push_at(key("A", "a"), now + Duration::from_secs(5));
        assert_eq!(queue.next_at(), Some(soon));
        assert_eq!(queue.pop(now), None);
        assert_eq!(names(&mut queue, soon), ["a"]);
        queue.done(&key("A", "a"));
        queue.push_at(key("A", "a"), soon);
        queue.push(key("A", "a"), Lane::Edit, now);
        assert_eq!(queue.next_at(), None);
        assert_eq!(names(&mut queue, now), ["a"]);
    }

    #[test]
    fn background_work_leaves_slots_free() {
        let (mut queue, now) = (Queue::new(bounds()), Instant::now());
        for name in ["x", "y"] {
            queue.push(key("A", name), Lane::Background, now);
        }
        assert_eq!(names(&mut queue, now), ["x"]);
        queue.push(key("A", "edit"), Lane::Edit, now);
        assert_eq!(names(&mut queue, now), ["edit"]);
    }
}
