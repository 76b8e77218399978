//! The program's own `decide` in small worlds that are explored to their ends: every order of steps of operators, people,
//! caches and watches, with faults, crashes and lost Leases in every place. From every state, once all is calm, the world
//! must come to rest in step. Finds what the simulation's samples miss, as far as the model is the program.
//! `MODEL=large` explores worlds that take longer.
mod calm;
mod operator;
mod world;

use std::sync::Arc;
use std::time::Instant;

use stateright::{Checker as _, Model, Property};

use calm::{Calm, forget, is_due, is_quiet, lead, retire, round, scan, sees_foreign};
use operator::{How, deliver, is_behind, start, step, ways};
use world::{Budget, Role, World};

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    /// A person changes what an object asks for.
    Edit(usize),
    /// A person deletes an object.
    Delete(usize),
    /// A person makes an object where there is none.
    Make(usize),
    /// Somebody does something to a resource.
    Meddle(usize, Meddling),
    /// Reads show what is there.
    CatchUp(usize),
    /// An operator's own writes are long ago.
    Forget(usize),
    /// A watch tells an operator how an object is now.
    Deliver(usize, usize),
    /// An operator begins a pass.
    Start(usize, usize),
    /// An operator takes the next step of a pass.
    Step(usize, usize, How),
    /// An operator looks for drift.
    Scan(usize, usize),
    /// An operator dies, and another one starts in its place.
    Crash(usize),
    /// An operator takes the Lease.
    Lead(usize),
}

/// What somebody does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Meddling {
    /// Changes it, and leaves it ours.
    Change,
    /// Takes it over.
    Disown,
    /// Removes it.
    Remove,
    /// Makes one where there is none.
    Plant,
}

/// A world, and how large it is.
#[derive(Clone)]
struct Small {
    slots: usize,
    /// Resources; fewer than objects, where some ask for the same.
    places: usize,
    operators: usize,
    /// It also begins before anything is written, and not only when all is in step.
    fresh: bool,
    left: Budget,
    calm: Arc<Calm>,
}

impl Model for Small {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let fresh = World::new(self.slots, self.places, self.operators, self.left);
        let mut settled = fresh.clone();
        (0..10).for_each(|_| round(&mut settled));
        match self.fresh {
            true => vec![fresh, settled],
            false => vec![settled],
        }
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let left = world.left;
        for slot in 0..self.slots {
            let object = &world.objects[slot];
            let stays = object.as_ref().is_some_and(|object| !object.deleting);
            let place = world.place(slot);
            let mut may = |may: bool, action| {
                if may {
                    actions.push(action)
                }
            };
            may(left.edits > 0 && stays, Action::Edit(slot));
            may(left.deletes > 0 && stays, Action::Delete(slot));
            may(left.makes > 0 && object.is_none(), Action::Make(slot));
            if slot >= self.places {
                continue;
            }
            let ours = place.live.is_some_and(|live| live.ours);
            for meddling in [Meddling::Change, Meddling::Disown] {
                may(left.meddlings > 0 && ours, Action::Meddle(slot, meddling));
            }
            may(left.meddlings > 0 && place.live.is_some(), Action::Meddle(slot, Meddling::Remove));
            may(left.meddlings > 0 && place.live.is_none(), Action::Meddle(slot, Meddling::Plant));
            may(place.live != place.cached, Action::CatchUp(slot));
        }
        for operator in 0..self.operators {
            let actor = &world.operators[operator];
            for slot in 0..self.slots {
                if is_behind(world, operator, slot) && actor.role != Role::Ends {
                    actions.push(Action::Deliver(operator, slot));
                }
                if is_due(world, operator, slot) {
                    actions.push(Action::Start(operator, slot));
                }
                let ways = ways(world, operator, slot).into_iter();
                actions.extend(ways.map(|how| Action::Step(operator, slot, how)));
                if actor.role == Role::Leads && scan(&mut world.clone(), operator, slot) {
                    actions.push(Action::Scan(operator, slot));
                }
            }
            if left.crashes > 0 && *actor != world.started() {
                actions.push(Action::Crash(operator));
            }
            let free = world.leader().is_none() || left.takeovers > 0;
            if free && actor.role == Role::Standby {
                actions.push(Action::Lead(operator));
            }
            // Caches catch up before anybody takes them to have.
            let fresh = world.places.iter().all(|place| place.live == place.cached);
            let mut older = world.clone();
            forget(&mut older, operator);
            if fresh && older != *world {
                actions.push(Action::Forget(operator));
            }
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::Edit(slot) => {
                world.left.edits -= 1;
                let object = world.objects[slot].as_mut()?;
                object.asks ^= 1;
                object.generation += 1;
                object.version += 1;
            }
            Action::Delete(slot) => {
                world.left.deletes -= 1;
                let object = world.objects[slot].as_mut()?;
                object.deleting = true;
                object.version += 1;
                if !object.finalized {
                    world.objects[slot] = None;
                }
            }
            Action::Make(slot) => {
                world.left.makes -= 1;
                world.make(slot);
            }
            Action::Meddle(slot, meddling) => {
                world.left.meddlings -= 1;
                let value = world.place(slot).live.map_or(99, |live| live.value);
                world.put(
                    slot,
                    match meddling {
                        Meddling::Change => Some((true, 99)),
                        Meddling::Disown => Some((false, value)),
                        Meddling::Remove => None,
                        Meddling::Plant => Some((false, 99)),
                    },
                );
            }
            Action::CatchUp(slot) => world.places[slot].cached = world.places[slot].live,
            Action::Forget(operator) => forget(&mut world, operator),
            Action::Deliver(operator, slot) => deliver(&mut world, operator, slot),
            Action::Start(operator, slot) => start(&mut world, operator, slot),
            Action::Step(operator, slot, how) => {
                step(&mut world, operator, slot, how);
                retire(&mut world, operator);
            }
            Action::Scan(operator, slot) => drop(scan(&mut world, operator, slot)),
            Action::Crash(operator) => {
                world.left.crashes -= 1;
                world.operators[operator] = world.started();
            }
            Action::Lead(operator) => {
                if world.leader().is_some() {
                    world.left.takeovers -= 1;
                }
                lead(&mut world, operator);
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("nothing is done that must not be", |_, world: &World| world.wrong.is_none()),
            Property::always("from everywhere it comes to rest in step", |model: &Self, world: &World| {
                model.calm.wrong(world).is_none()
            }),
            // Worlds that never get anywhere would be easy to keep in order.
            Property::sometimes("all is written and quiet", |_, world: &World| {
                is_quiet(world) && world.places.iter().all(|place| place.live.is_some_and(|live| live.ours))
            }),
        ];
        if self.left.deletes > 0 {
            properties.push(Property::sometimes("an object is gone", |_, world: &World| {
                is_quiet(world) && world.objects.iter().any(Option::is_none)
            }));
        }
        if self.left.meddlings > 0 {
            properties.push(Property::sometimes("a pass meets what is not ours", |_, world: &World| {
                sees_foreign(world)
            }));
        }
        properties
    }
}

/// Explores a world to its end, and says how large it was.
fn explore(name: &str, objects: usize, operators: usize, fresh: bool, left: Budget) {
    let began = Instant::now();
    let model = Small { slots: objects, places: 1, operators, fresh, left, calm: Arc::default() };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = model
        .clone()
        .checker()
        .threads(threads)
        .timeout(std::time::Duration::from_secs(60))
        .spawn_bfs()
        .join();
    println!(
        "{name}: {} states, {} of them different, {} steps deep, {:.1?}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    for (property, path) in checker.discoveries() {
        let states = path.clone().into_states();
        let last = states.last().expect("a path has states");
        let wrong = last.wrong.map(str::to_owned).or_else(|| model.calm.wrong(last));
        let found = checker.discovery_classification(property).to_string();
        if found == "counterexample" {
            let actions: Vec<_> = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
            panic!("{name}: not so: {property}\n{wrong:?}\n{}\n{last:#?}", actions.join("\n"));
        }
    }
    checker.assert_properties();
}

fn large() -> bool {
    std::env::var("MODEL").is_ok_and(|size| size == "large")
}

const NOTHING: Budget =
    Budget { edits: 0, deletes: 0, makes: 0, meddlings: 0, faults: 0, crashes: 0, takeovers: 0 };

/// What may go wrong in the worlds of one object and one operator.
const ALONE: [(&str, Budget); 8] = [
    ("edited twice", Budget { edits: 2, ..NOTHING }),
    ("deleted and made anew", Budget { deletes: 1, makes: 1, ..NOTHING }),
    ("edited, with a fault", Budget { edits: 1, faults: 1, ..NOTHING }),
    ("deleted, with a fault", Budget { deletes: 1, faults: 1, ..NOTHING }),
    ("edited, and a second writer", Budget { edits: 1, meddlings: 1, ..NOTHING }),
    ("deleted, and a second writer", Budget { deletes: 1, meddlings: 1, ..NOTHING }),
    ("edited and deleted, with a crash", Budget { edits: 1, deletes: 1, crashes: 1, ..NOTHING }),
    ("a second writer, and a crash", Budget { meddlings: 1, crashes: 1, ..NOTHING }),
];

/// The same, with more at once.
const ALONE_LARGE: [(&str, Budget); 3] = [
    (
        "edited, deleted and made anew, with a fault",
        Budget { edits: 1, deletes: 1, makes: 1, faults: 1, ..NOTHING },
    ),
    (
        "edited and deleted, a second writer, a fault",
        Budget { edits: 1, deletes: 1, meddlings: 1, faults: 1, ..NOTHING },
    ),
    (
        "edited and deleted, a crash and two faults",
        Budget { edits: 1, deletes: 1, crashes: 1, faults: 2, ..NOTHING },
    ),
];

#[test]
fn one_object_and_one_operator() {
    for (name, left) in ALONE.iter().chain(ALONE_LARGE.iter().filter(|_| large())) {
        explore(name, 1, 1, true, *left);
    }
}

/// What may go wrong in the worlds of one object and two operators.
const TWO: [(&str, Budget); 4] = [
    ("a takeover, edited", Budget { edits: 1, takeovers: 1, ..NOTHING }),
    ("a takeover, deleted", Budget { deletes: 1, takeovers: 1, ..NOTHING }),
    ("a takeover, a second writer", Budget { meddlings: 1, takeovers: 1, ..NOTHING }),
    ("a crash, deleted", Budget { deletes: 1, crashes: 1, ..NOTHING }),
];

const TWO_LARGE: [(&str, Budget); 1] = [(
    "a takeover, a crash, a fault, a second writer",
    Budget { meddlings: 1, faults: 1, crashes: 1, takeovers: 1, ..NOTHING },
)];

#[test]
fn one_object_and_two_operators() {
    for (name, left) in TWO.iter().chain(TWO_LARGE.iter().filter(|_| large())) {
        // Who makes an object first is told by its deletion, too, in a smaller world.
        explore(name, 1, 2, left.edits == 0, *left);
    }
}

/// What may go wrong in the worlds of two objects that ask for one resource.
const RIVALS: [(&str, Budget); 5] = [
    ("rivals, edited", Budget { edits: 1, ..NOTHING }),
    ("rivals, both deleted", Budget { deletes: 2, ..NOTHING }),
    ("rivals, deleted and made anew", Budget { deletes: 1, makes: 1, ..NOTHING }),
    ("rivals, deleted, with a fault", Budget { deletes: 1, faults: 1, ..NOTHING }),
    ("rivals, deleted, with a crash", Budget { deletes: 1, crashes: 1, ..NOTHING }),
];

#[test]
fn two_objects_and_one_resource() {
    for (name, left) in RIVALS {
        // Who is first to make it is told by the smallest.
        explore(name, 2, 1, left.deletes == 0, left);
    }
}
