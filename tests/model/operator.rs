//! What an operator does in the model: the store, and passes whose every step is the one that the program's own `decide`
//! gives. Mirrors `execute`, `engine` and `store`, a step at a time, with each way in which a step can go.
use teleport_operator::kube::object::Key;
use teleport_operator::mapping::errors::Class;
use teleport_operator::sync::decide::{
    self, About, Desired, Facts, Failure, Finish, Known, Outcome, Secrets, Step, Wake, Which, decide,
};
use teleport_operator::sync::rivals::{Stake, rivals};

use super::world::{
    Changed, Entry, Failed, Heir, Live, Memory, Object, Pass, Record, Role, Says, Seen, Verb, Why, World,
    Written,
};

/// How a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// As it should.
    Well,
    /// A read is answered from a cache that lags.
    Stale,
    /// A call fails, and nothing is done.
    Lost,
    /// A call fails, and all is done.
    Unanswered,
}

/// A step that an operator is about to take.
pub fn next(pass: &Pass) -> Step {
    decide(&known(pass))
}

fn known(pass: &Pass) -> Known {
    let object = Facts {
        deleting: pass.object.deleting,
        finalized: pass.object.finalized,
        record: pass.memory.record.map(record),
        suspect: pass.memory.suspect,
        exclusive_create: true,
        lags: pass.lags,
        rival: pass.taken.then(|| "another".to_owned()),
        heir: match pass.heir {
            Heir::None => decide::Heir::None,
            Heir::Told => decide::Heir::Told,
            Heir::Confirmed => decide::Heir::Confirmed,
        },
        ..Facts::default()
    };
    Known {
        object,
        unsupported: None,
        desired: if pass.translated { Desired::Hash(text(pass.object.asks)) } else { Desired::Unknown },
        secrets: Secrets::Ready,
        live: live(pass),
        failed: pass.failed.map(|failed| decide::Failed {
            verb: verb(failed.verb),
            failure: failure(failed.why),
            reread: failed.reread,
        }),
        written: pass.written.map(|written| decide::Written {
            verb: verb(written.verb),
            changed: Vec::new(),
            why: decide::Why::Asked,
            dropped: Vec::new(),
            record: record(written.record),
        }),
        rereads: u32::from(pass.rereads),
    }
}

fn text(value: u8) -> String {
    value.to_string()
}

/// The mark that a resource is ours is part of it.
fn hash(value: u8, ours: bool) -> String {
    format!("{value}{}", if ours { " of ours" } else { "" })
}

fn record(record: Record) -> decide::Record {
    decide::Record {
        desired: text(record.asked).into(),
        live: record.live.map(|live| hash(live.value, true).into()).unwrap_or_default(),
        revision: record.live.map(|live| text(live.revision).into()).unwrap_or_default(),
    }
}

fn live(pass: &Pass) -> decide::Live {
    match pass.live {
        Live::Unread => decide::Live::Unread,
        Live::Absent => decide::Live::Absent,
        Live::Unreadable => decide::Live::Unreadable(failure(Why::Unavailable)),
        Live::Found { resource, stale } => decide::Live::Found(decide::Found {
            owned: resource.ours,
            theirs: None,
            other_kind: None,
            stale,
            revision: text(resource.revision),
            hash: hash(resource.value, resource.ours),
            changed: changed(resource.ours && resource.value == pass.object.asks),
            changed_if_ours: changed(resource.value == pass.object.asks),
            lacking: Vec::new(),
            same: resource.ours && resource.value == pass.object.asks,
            blind: false,
        }),
    }
}

/// Where a resource differs, which is a whole here.
fn changed(is_same: bool) -> Vec<String> {
    if is_same { Vec::new() } else { vec!["value".to_owned()] }
}

fn verb(verb: Verb) -> decide::Verb {
    match verb {
        Verb::Create => decide::Verb::Create,
        Verb::Update => decide::Verb::Update,
        Verb::Delete => decide::Verb::Delete,
    }
}

fn failure(why: Why) -> Failure {
    let class = match why {
        Why::Exists => Class::Exists,
        Why::Absent => Class::Absent,
        Why::Conflict => Class::Conflict,
        Why::Unavailable => Class::Unavailable,
    };
    Failure { class, message: String::new() }
}

/// How an object asks for its resource, as far as the store knows.
pub fn stake(entry: &Entry) -> Stake {
    Stake {
        recorded: entry.seen.status.record.is_some() || entry.memory.record.is_some(),
        deleting: entry.seen.deleting,
        ..Stake::default()
    }
}

/// Where an object does not ask for its resource as before, the others that do have a pass.
fn contested(world: &mut World, operator: usize, change: impl FnOnce(&mut World)) {
    let stakes = |world: &World| {
        let held = |entry: &Entry| (!entry.gone).then(|| stake(entry));
        world.operators[operator]
            .entries
            .iter()
            .map(|entry| entry.as_ref().and_then(held))
            .collect::<Vec<_>>()
    };
    let before = stakes(world);
    change(world);
    for (slot, after) in stakes(world).iter().enumerate() {
        let shares = |other: &usize| *other != slot && world.at(*other) == world.at(slot);
        let others: Vec<_> = (0..before.len()).filter(shares).filter(|_| *after != before[slot]).collect();
        for other in others {
            if let Some(entry) = &mut world.operators[operator].entries[other] {
                entry.due = true;
                wrote(&mut entry.memory, None);
            }
        }
    }
}

/// What an operator hears of an object, as it is now.
pub fn deliver(world: &mut World, operator: usize, slot: usize) {
    contested(world, operator, |world| hear(world, operator, slot));
}

fn hear(world: &mut World, operator: usize, slot: usize) {
    let truth = world.objects[slot].clone();
    world.operators[operator].told[slot] = true;
    let entry = &mut world.operators[operator].entries[slot];
    let Some(truth) = truth else {
        *entry = None;
        return;
    };
    match entry {
        Some(entry) if entry.seen.uid == truth.uid => {
            if entry.gone || truth.version < entry.seen.version {
                return;
            }
            let changed = entry.seen.fingerprint() != truth.fingerprint();
            entry.body |= changed;
            entry.due |= changed;
            entry.seen = truth;
        }
        _ => {
            let memory = Memory::default();
            *entry = Some(Entry { seen: truth, body: true, gone: false, due: true, memory });
        }
    }
}

/// Whether an operator has yet to hear something of an object.
pub fn is_behind(world: &World, operator: usize, slot: usize) -> bool {
    let entry = &world.operators[operator].entries[slot];
    match (entry, &world.objects[slot]) {
        (None, None) => false,
        (Some(entry), Some(object)) => !entry.gone && entry.seen != *object || entry.seen.uid != object.uid,
        _ => true,
    }
}

/// Begins a pass: with the body that is held, else with the object read afresh.
pub fn start(world: &mut World, operator: usize, slot: usize) {
    contested(world, operator, |world| begin(world, operator, slot));
}

/// Whether another object has the resource of one, and the slots of those that take it over when that one goes.
fn others(world: &World, operator: usize, slot: usize, object: &Object) -> (bool, Vec<usize>) {
    let entries = &world.operators[operator].entries;
    let named = |slot: usize| Key::new("Kind", "ns", slot.to_string());
    let shares = |other: &usize| *other != slot && world.at(*other) == world.at(slot);
    let held = (0..entries.len()).filter(shares).filter_map(|other| {
        let entry = entries[other].as_ref().filter(|entry| !entry.gone)?;
        Some((named(other), entry.seen.uid.to_string(), stake(entry)))
    });
    let held: Vec<_> = held.collect();
    let mine = entries[slot].as_ref().map(stake).unwrap_or_default();
    let mine = Stake { recorded: mine.recorded || object.status.record.is_some(), ..mine };
    let found =
        rivals(&object.uid.to_string(), &mine, held.iter().map(|(key, uid, stake)| (key, &**uid, stake)));
    let slot_of = |key: &Key| key.name.parse().ok();
    (found.first.is_some(), found.heirs.iter().filter_map(slot_of).collect())
}

fn begin(world: &mut World, operator: usize, slot: usize) {
    let truth = world.objects[slot].clone();
    let number = operator;
    let operator = &mut world.operators[operator];
    let Some(entry) = &mut operator.entries[slot] else { return };
    entry.due = false;
    let body = std::mem::take(&mut entry.body).then(|| entry.seen.clone());
    let held = body.is_none();
    let Some(object) = body.or(truth) else { return };
    let mut memory = match object.uid == entry.seen.uid {
        true => entry.memory.clone(),
        false => Memory::default(),
    };
    if memory.record.is_none() {
        memory.record = object.status.record;
        let current =
            object.status.says == Some(Says::Well) && object.status.observed == Some(object.generation);
        memory.suspect |= !current;
    }
    let (taken, heirs) = others(world, number, slot, &object);
    let operator = &mut world.operators[number];
    operator.passes[slot] = Some(Pass {
        taken,
        heir: if heirs.is_empty() { Heir::None } else { Heir::Told },
        heirs,
        lags: memory.lately.is_some() || operator.young,
        object,
        held,
        memory,
        translated: false,
        live: Live::Unread,
        failed: None,
        written: None,
        rereads: 0,
    });
}

/// How the next step of a pass can go; a fault is possible where a call is made.
pub fn ways(world: &World, operator: usize, slot: usize) -> Vec<How> {
    let actor = &world.operators[operator];
    let Some(pass) = &actor.passes[slot] else { return Vec::new() };
    let place = world.place(slot);
    let mut ways = vec![How::Well];
    match next(pass) {
        Step::Translate | Step::ReadSecrets => return ways,
        Step::Observe => {
            let again = u8::from(pass.live != Live::Unread || pass.failed.is_some());
            if place.cached != place.live && pass.rereads + again < world.caught_up {
                ways.push(How::Stale);
            }
            if world.left.faults > 0 {
                ways.push(How::Lost);
            }
        }
        Step::Finish(finish) if patch(&pass.object, &finish, pass.memory.record).is_none() => return ways,
        _ if world.left.faults > 0 => ways.extend([How::Lost, How::Unanswered]),
        _ => {}
    }
    ways
}

/// Takes the next step of a pass.
pub fn step(world: &mut World, operator: usize, slot: usize, how: How) {
    contested(world, operator, |world| take(world, operator, slot, how));
}

fn take(world: &mut World, operator: usize, slot: usize, how: How) {
    let Some(mut pass) = world.operators[operator].passes[slot].take() else { return };
    if matches!(how, How::Lost | How::Unanswered) {
        world.left.faults -= 1;
    }
    let mut actor = Actor { world, operator, slot, how };
    let goes_on = match next(&pass) {
        Step::AddFinalizer => actor.add_finalizer(&mut pass),
        Step::Translate => {
            pass.translated = true;
            true
        }
        Step::ReadSecrets => true,
        Step::Observe => actor.observe(&mut pass),
        Step::Create => actor.create(&mut pass),
        Step::Update(_) => actor.update(&mut pass),
        Step::Delete => actor.delete(&mut pass),
        Step::ConfirmHeir => actor.confirm_heir(&mut pass),
        Step::RemoveFinalizer => actor.remove_finalizer(&pass),
        Step::Finish(finish) => actor.finish(&mut pass, &finish),
    };
    if goes_on {
        world.operators[operator].passes[slot] = Some(pass);
    }
}

/// An operator in the middle of a step.
struct Actor<'a> {
    world: &'a mut World,
    operator: usize,
    slot: usize,
    how: How,
}

impl Actor<'_> {
    fn leads(&self) -> bool {
        self.world.operators[self.operator].role == Role::Leads
    }

    /// Makes a write to Kubernetes, with what can come of it; none: there is no answer.
    fn change(&mut self, uid: u8, change: impl FnOnce(&mut Object) -> bool) -> Option<Changed> {
        if !self.leads() || self.how == How::Lost {
            return None;
        }
        let changed = self.world.change(self.slot, uid, change);
        (self.how != How::Unanswered).then_some(changed)
    }

    /// The pass ends: what is remembered goes back to the store.
    fn end(&mut self, pass: &Pass, due: bool, seen: Option<&Object>) {
        let Some(entry) = &mut self.world.operators[self.operator].entries[self.slot] else { return };
        if entry.seen.uid != pass.object.uid {
            return;
        }
        if let Some(object) = seen.filter(|object| object.version >= entry.seen.version) {
            entry.seen = object.clone();
            entry.body = false;
        }
        entry.memory = pass.memory.clone();
        entry.due |= due;
    }

    /// The object is gone.
    fn bury(&mut self, pass: &Pass) {
        self.end(pass, false, None);
        let entry = &mut self.world.operators[self.operator].entries[self.slot];
        if let Some(entry) = entry.as_mut().filter(|entry| entry.seen.uid == pass.object.uid) {
            (entry.gone, entry.body) = (true, false);
        }
    }

    /// A patch did not lead on: the pass is over.
    fn ended(&mut self, pass: &Pass, changed: Option<Changed>) -> bool {
        match changed {
            Some(Changed::Gone) => self.bury(pass),
            _ => self.end(pass, true, None),
        }
        false
    }

    fn add_finalizer(&mut self, pass: &mut Pass) -> bool {
        let changed = self.change(pass.object.uid, |object| {
            let fits = !object.deleting && !object.finalized;
            object.finalized = true;
            fits
        });
        match changed {
            Some(Changed::Done(object)) => {
                pass.object = object;
                pass.held = true;
                true
            }
            other => self.ended(pass, other),
        }
    }

    fn confirm_heir(&mut self, pass: &mut Pass) -> bool {
        if self.how != How::Well {
            return self.ended(pass, None);
        }
        let stays = |slot: &usize| self.stays(*slot);
        pass.heir = if pass.heirs.iter().any(stays) { Heir::Confirmed } else { Heir::None };
        true
    }

    /// Whether an object will be there after another one has gone.
    fn stays(&self, slot: usize) -> bool {
        self.world.objects[slot].as_ref().is_some_and(|object| !object.deleting && object.finalized)
    }

    /// Others that ask for the same resource.
    fn others(&self) -> impl Iterator<Item = usize> {
        let (slot, at) = (self.slot, self.world.at(self.slot));
        let places: Vec<_> = (0..self.world.objects.len()).map(|slot| self.world.at(slot)).collect();
        (0..places.len()).filter(move |other| *other != slot && places[*other] == at)
    }

    fn remove_finalizer(&mut self, pass: &Pass) -> bool {
        let live = self.world.place(self.slot).live;
        // What another one holds, that one sees to.
        let held = |slot: usize| self.world.objects[slot].as_ref().is_some_and(|object| object.finalized);
        let ours = live.is_some_and(|resource| resource.ours) && !self.others().any(held);
        let mut taken = false;
        let changed = self.change(pass.object.uid, |object| {
            taken = std::mem::take(&mut object.finalized);
            taken
        });
        if taken && ours {
            self.world.forbid("a finalizer went before its resource");
        }
        match changed {
            Some(Changed::Done(_) | Changed::Gone) => {
                self.bury(pass);
                false
            }
            other => self.ended(pass, other),
        }
    }

    fn observe(&mut self, pass: &mut Pass) -> bool {
        if pass.live != Live::Unread || pass.failed.is_some() {
            pass.rereads += 1;
        }
        if pass.rereads >= self.world.caught_up {
            let at = self.world.at(self.slot);
            self.world.places[at].cached = self.world.places[at].live;
        }
        let place = self.world.place(self.slot);
        let shown = if self.how == How::Stale { place.cached } else { place.live };
        pass.live = match (self.how, shown) {
            (How::Lost, _) => Live::Unreadable,
            (_, None) => Live::Absent,
            (_, Some(resource)) => {
                let replaced = pass.memory.lately.as_ref();
                let stale = replaced.is_some_and(|replaced| replaced.contains(&resource.revision));
                Live::Found { resource, stale }
            }
        };
        if let Some(failed) = &mut pass.failed {
            failed.reread = true;
        }
        true
    }

    fn create(&mut self, pass: &mut Pass) -> bool {
        let (slot, value) = (self.slot, pass.object.asks);
        if !pass.held {
            let now = self.world.objects[slot].as_ref();
            let same = now.filter(|now| now.uid == pass.object.uid && !now.deleting && now.finalized);
            pass.held = same.is_some();
            if !pass.held {
                let gone = now.is_none().then_some(Changed::Gone);
                return self.ended(pass, gone);
            }
        }
        self.write(pass, Verb::Create, |world| match world.place(slot).live {
            Some(_) => Err(Why::Exists),
            None => Ok(world.put(slot, Some((true, value)))),
        })
    }

    fn update(&mut self, pass: &mut Pass) -> bool {
        let (slot, value) = (self.slot, pass.object.asks);
        let Live::Found { resource: read, .. } = pass.live else { return self.unproven() };
        self.write(pass, Verb::Update, |world| match world.place(slot).live {
            None => Err(Why::Absent),
            Some(live) if live.revision != read.revision => Err(Why::Conflict),
            Some(live) => {
                if !live.ours {
                    world.forbid("what is not ours was updated");
                }
                Ok(world.put(slot, Some((true, value))))
            }
        })
    }

    /// By name alone, as the API has it: what came after the read may be hit, which nobody can help.
    fn delete(&mut self, pass: &mut Pass) -> bool {
        let slot = self.slot;
        let Live::Found { resource: read, .. } = pass.live else { return self.unproven() };
        let another = pass.heirs.iter().any(|other| self.stays(*other));
        self.write(pass, Verb::Delete, |world| match world.place(slot).live {
            None => Err(Why::Absent),
            Some(_) => {
                if !read.ours {
                    world.forbid("what is not ours was deleted");
                }
                if another {
                    world.forbid("another object's resource was deleted");
                }
                Ok(world.put(slot, None))
            }
        })
    }

    fn unproven(&mut self) -> bool {
        self.world.forbid("a write without a read");
        false
    }

    fn write(
        &mut self,
        pass: &mut Pass,
        verb: Verb,
        happen: impl FnOnce(&mut World) -> Result<Option<super::world::Resource>, Why>,
    ) -> bool {
        if !pass.object.finalized {
            self.world.forbid("a write without the finalizer");
        }
        let answer = match (self.leads(), self.how) {
            (false, _) | (_, How::Lost) => Err(Why::Unavailable),
            (true, How::Unanswered) => happen(self.world).and(Err(Why::Unavailable)),
            (true, _) => happen(self.world),
        };
        match answer {
            Ok(written) => {
                let live = written.map(|live| Seen { value: live.value, revision: live.revision });
                let read = match pass.live {
                    Live::Found { resource, .. } => Some(resource.revision),
                    _ => None,
                };
                wrote(&mut pass.memory, read.filter(|read| live.is_none_or(|live| live.revision != *read)));
                pass.memory.suspect = false;
                pass.failed = None;
                pass.written = Some(Written { verb, record: Record { asked: pass.object.asks, live } });
            }
            Err(why) => {
                if why == Why::Unavailable {
                    pass.memory.suspect = true;
                    wrote(&mut pass.memory, None);
                }
                pass.failed = Some(Failed { verb, why, reread: false });
            }
        }
        true
    }

    fn finish(&mut self, pass: &mut Pass, finish: &Finish) -> bool {
        if finish.outcome == Outcome::InSync && matches!(pass.live, Live::Found { .. }) {
            pass.memory.suspect = false;
        }
        pass.memory.suspect |= matches!(finish.outcome, Outcome::Failed(_));
        if let Some(record) = &finish.record {
            pass.memory.record = Some(read_record(record));
        }
        let due = finish.wake != Wake::Never;
        let Some(status) = patch(&pass.object, finish, pass.memory.record) else {
            self.end(pass, due, Some(&pass.object.clone()));
            return false;
        };
        let before = pass.object.status.clone();
        let changed = self.change(pass.object.uid, |object| {
            let old = &object.status;
            let as_read = (status.says == before.says || old.says == before.says)
                && (status.observed == before.observed || old.observed == before.observed)
                && (status.record == before.record || old.record == before.record);
            object.status = status;
            as_read
        });
        match changed {
            Some(Changed::Done(_)) => {
                self.end(pass, due, Some(&pass.object.clone()));
                false
            }
            other => self.ended(pass, other),
        }
    }
}

fn wrote(memory: &mut Memory, replaced: Option<u8>) {
    let mut revisions = memory.lately.take().unwrap_or_default();
    revisions.extend(replaced);
    revisions.sort_unstable();
    revisions.dedup();
    memory.lately = Some(revisions);
}

fn read_record(record: &decide::Record) -> Record {
    let number = |text: &str| text.parse().ok();
    let live = number(record.live.trim_end_matches(" of ours")).zip(number(&record.revision));
    Record {
        asked: number(&record.desired).unwrap_or_default(),
        live: live.map(|(value, revision)| Seen { value, revision }),
    }
}

/// The status after a pass, where it is another one.
fn patch(object: &Object, finish: &Finish, record: Option<Record>) -> Option<super::world::Status> {
    if finish.says.is_empty() {
        return None;
    }
    let wrong = finish.says.iter().find(|say| !say.status);
    let mut status = object.status.clone();
    let taken = finish.remarks.iter().any(|remark| remark.about == About::Conflict);
    status.says = Some(match wrong.map(|say| say.which) {
        None if taken => Says::Taken,
        None => Says::Well,
        Some(Which::Owned) => Says::NotOurs,
        Some(_) => Says::Failed,
    });
    status.observed = Some(object.generation);
    let record = finish.record.as_ref().map(read_record).or(record);
    status.record = record.or(status.record);
    (status != object.status).then_some(status)
}
