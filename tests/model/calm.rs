//! What becomes of a world in which nothing more goes wrong: caches catch up, everybody hears of everything, whoever may
//! have a pass has it, and drift is looked for, time and again. It must come to rest, in step, and then write nothing.
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;

use super::operator::{How, deliver, is_behind, stake, start, step};
use super::world::{Entry, Live, Role, Says, Seen, World};

/// More rounds than any world needs.
const ROUNDS: usize = 20;
/// More steps than a pass has.
const STEPS: usize = 40;

/// Worlds that are known to come to rest: what leads to one of them needs no more looking.
#[derive(Default)]
pub struct Calm {
    known: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl Calm {
    /// What is wrong with what becomes of a world; none: nothing is.
    pub fn wrong(&self, world: &World) -> Option<String> {
        let mut world = world.clone();
        let mut seen = Vec::new();
        for _ in 0..ROUNDS {
            let mark = self.hasher.hash_one(&world);
            if self.known.lock().expect("nobody panics here").contains(&mark) {
                self.known.lock().expect("nobody panics here").extend(seen);
                return None;
            }
            seen.push(mark);
            let before = world.clone();
            round(&mut world);
            if let Some(wrong) = world.wrong {
                return Some(wrong.to_owned());
            }
            if world == before {
                let wrong = out_of_step(&world);
                if wrong.is_none() {
                    self.known.lock().expect("nobody panics here").extend(seen);
                }
                return wrong;
            }
        }
        Some(format!("it never comes to rest: {world:?}"))
    }
}

/// Everything that is to happen, happens.
pub fn round(world: &mut World) {
    settle(world);
    if world.leader().is_none() {
        lead(world, 0);
    }
    for operator in 0..world.operators.len() {
        for slot in 0..world.objects.len() {
            run(world, operator, slot);
        }
    }
    for operator in 0..world.operators.len() {
        retire(world, operator);
        for slot in 0..world.objects.len() {
            deliver(world, operator, slot);
        }
    }
    let Some(leader) = world.leader() else { return };
    for slot in 0..world.objects.len() {
        settle(world);
        scan(world, leader, slot);
        if is_due(world, leader, slot) {
            start(world, leader, slot);
            run(world, leader, slot);
        }
        deliver(world, leader, slot);
    }
    settle(world);
}

/// Time passes: caches have caught up, and everybody knows that they have.
pub fn settle(world: &mut World) {
    for place in &mut world.places {
        place.cached = place.live;
    }
    for operator in 0..world.operators.len() {
        forget(world, operator);
    }
}

/// An operator's own writes are long ago.
pub fn forget(world: &mut World, operator: usize) {
    let operator = &mut world.operators[operator];
    operator.young = false;
    operator.entries.iter_mut().flatten().for_each(|entry| entry.memory.lately = None);
    operator.passes.iter_mut().flatten().for_each(|pass| pass.memory.lately = None);
}

fn run(world: &mut World, operator: usize, slot: usize) {
    for _ in 0..STEPS {
        if world.operators[operator].passes[slot].is_none() {
            return;
        }
        step(world, operator, slot, How::Well);
    }
    world.forbid("a pass does not end");
}

/// An operator takes the Lease; the one that had it ends when its passes do.
pub fn lead(world: &mut World, operator: usize) {
    if let Some(before) = world.leader() {
        world.operators[before].role = Role::Ends;
        retire(world, before);
    }
    (world.operators[operator].role, world.operators[operator].young) = (Role::Leads, true);
}

/// An operator that has lost the Lease begins anew when its passes are over.
pub fn retire(world: &mut World, operator: usize) {
    let started = world.started();
    let ending = &mut world.operators[operator];
    if ending.role == Role::Ends && ending.passes.iter().all(Option::is_none) {
        *ending = started;
    }
}

/// Whether an object is to have a pass.
pub fn is_due(world: &World, operator: usize, slot: usize) -> bool {
    let actor = &world.operators[operator];
    // Until all objects are known, one that may ask for another's resource waits.
    let may_take = |entry: &Entry| !stake(entry).recorded || entry.seen.deleting;
    let known = actor.told.iter().all(|told| *told);
    let due = actor.entries[slot].as_ref().is_some_and(|entry| entry.due && (known || !may_take(entry)));
    // One pass at a time for a resource.
    let runs = (0..actor.passes.len())
        .any(|other| world.at(other) == world.at(slot) && actor.passes[other].is_some());
    due && actor.role == Role::Leads && !runs
}

/// Holds a list, which may be of the past, against the record; whether that says anything new.
pub fn scan(world: &mut World, operator: usize, slot: usize) -> bool {
    let shown = world.place(slot).cached;
    let actor = &mut world.operators[operator];
    let Some(entry) = actor.entries[slot].as_mut().filter(|entry| !entry.gone) else { return false };
    let Some(record) = entry.memory.record.filter(|_| entry.memory.lately.is_none()) else { return false };
    let as_recorded = shown.is_some_and(|shown| {
        let same = |live: Seen| shown.ours && live.value == shown.value;
        record.live.is_some_and(|live| live.revision == shown.revision || same(live))
    });
    let known = entry.memory.suspect && entry.due;
    let news = !as_recorded && !known;
    if !as_recorded {
        entry.memory.suspect = true;
        entry.due = true;
    }
    news
}

/// What is not as it should be in a world at rest.
fn out_of_step(world: &World) -> Option<String> {
    let says =
        |slot: usize, says: Says| world.objects[slot].as_ref().is_some_and(|o| o.status.says == Some(says));
    (0..world.objects.len()).find_map(|slot| {
        let live = world.place(slot).live;
        let others =
            || (0..world.objects.len()).filter(|other| *other != slot && world.at(*other) == world.at(slot));
        let wrong = match (&world.objects[slot], live) {
            (None, Some(live)) if live.ours && others().all(|other| world.objects[other].is_none()) => {
                "its resource is left behind"
            }
            (Some(object), _) if object.status.says == Some(Says::Taken) && !object.deleting => {
                match others().any(|other| says(other, Says::Well) || says(other, Says::NotOurs)) {
                    true => return None,
                    false => "nobody has the resource that is said to be taken",
                }
            }
            (Some(_), _)
                if others().any(|other| world.objects[other].is_some() && !says(other, Says::Taken)) =>
            {
                "two have one resource"
            }
            (None, _) => return None,
            (Some(object), _) if object.deleting => "it does not go",
            (Some(_), None) => "there is no resource",
            (Some(object), Some(live)) => {
                let says = if live.ours { Says::Well } else { Says::NotOurs };
                let recorded = object.status.record.and_then(|record| record.live);
                match () {
                    () if live.ours && live.value != object.asks => "the resource is not as asked",
                    () if object.status.says != Some(says) => "the status lies",
                    () if object.status.observed != Some(object.generation) => "the status is of the past",
                    () if live.ours && recorded.is_none_or(|seen| seen.value != live.value) => {
                        "the record is not of the resource"
                    }
                    () => return None,
                }
            }
        };
        Some(format!("slot {slot}: {wrong}"))
    })
}

/// Whether anything is still to happen by itself.
pub fn is_quiet(world: &World) -> bool {
    let at_rest = |operator: usize, slot: usize| {
        let actor = &world.operators[operator];
        actor.passes[slot].is_none() && !is_behind(world, operator, slot)
    };
    let slots = || 0..world.objects.len();
    world.places.iter().all(|place| place.live == place.cached)
        && (0..world.operators.len()).all(|operator| slots().all(|slot| at_rest(operator, slot)))
}

/// Whether a pass knows of a resource that is not ours.
pub fn sees_foreign(world: &World) -> bool {
    let passes = world.operators.iter().flat_map(|operator| operator.passes.iter().flatten());
    passes.into_iter().any(|pass| matches!(pass.live, Live::Found { resource, .. } if !resource.ours))
}
