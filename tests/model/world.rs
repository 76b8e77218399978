//! A small world as plain values that can be compared and hashed: objects in Kubernetes, resources in a target whose reads
//! lag, operators with what they remember, and how much may still go wrong. Knows no order of events.

/// More writes than any world here needs.
const MANY: u8 = 15;

/// All there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// Kubernetes: an object in each slot, or none.
    pub objects: Vec<Option<Object>>,
    /// The target: the resource of each slot's object, or the one that all objects ask for.
    pub places: Vec<Place>,
    pub operators: Vec<Operator>,
    pub left: Budget,
    /// Counts objects, so that each has its own uid.
    pub uids: u8,
    /// Counts writes to the target: the newest revision.
    pub revision: u8,
    /// After how many rereads caches have caught up.
    pub caught_up: u8,
    /// What must never happen, and did.
    pub wrong: Option<&'static str>,
}

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// A person changes what an object asks for.
    pub edits: u8,
    /// A person deletes an object.
    pub deletes: u8,
    /// A person makes an object where there is none.
    pub makes: u8,
    /// Somebody writes to the target.
    pub meddlings: u8,
    /// A call fails, whether what it asks for is done or not.
    pub faults: u8,
    /// An operator dies.
    pub crashes: u8,
    /// Another operator takes the Lease while it is held.
    pub takeovers: u8,
}

/// An object in Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    pub uid: u8,
    /// Changes with every write.
    pub version: u8,
    /// What it asks for; an edit asks for the other of two things.
    pub asks: u8,
    /// Counts its edits.
    pub generation: u8,
    pub deleting: bool,
    pub finalized: bool,
    pub status: Status,
}

/// Its status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Status {
    pub record: Option<Record>,
    pub says: Option<Says>,
    pub observed: Option<u8>,
}

/// What its conditions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Says {
    Well,
    NotOurs,
    /// Another object has the resource.
    Taken,
    Failed,
}

/// The record of the last write: what was asked for, and what was seen of live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    pub asked: u8,
    pub live: Option<Seen>,
}

/// A content and its revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen {
    pub value: u8,
    pub revision: u8,
}

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resource {
    pub ours: bool,
    pub value: u8,
    pub revision: u8,
}

/// Where a resource stands: what is there, and what reads may still show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Place {
    pub live: Option<Resource>,
    pub cached: Option<Resource>,
}

/// A process of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operator {
    pub role: Role,
    /// Its store: what its watch told of each slot.
    pub entries: Vec<Option<Entry>>,
    /// Its passes under way.
    pub passes: Vec<Option<Pass>>,
    /// It leads only since lately: what others wrote before may not be seen yet.
    pub young: bool,
    /// Slots that it has been told of since it started, also where nothing was in them then.
    pub told: Vec<bool>,
}

/// What a process may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It watches.
    Standby,
    /// It holds the Lease.
    Leads,
    /// It has lost the Lease: its passes go to their ends, and so does it.
    Ends,
}

/// What the store holds of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// As its watch or a pass last had it.
    pub seen: Object,
    /// Its body is held; otherwise a pass reads it afresh.
    pub body: bool,
    /// A pass let it go.
    pub gone: bool,
    /// It is to have a pass, now or later.
    pub due: bool,
    pub memory: Memory,
}

/// What is remembered of an object between passes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    pub record: Option<Record>,
    pub suspect: bool,
    /// A write was done, or may have been, so lately that reads may not show it; the revisions that were replaced.
    pub lately: Option<Vec<u8>>,
}

/// A pass under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pass {
    pub object: Object,
    pub memory: Memory,
    /// When it began, reads might not have shown what was written before.
    pub lags: bool,
    /// Kubernetes said in this pass that the object is there, with the finalizer.
    pub held: bool,
    /// Another object has the resource.
    pub taken: bool,
    /// Slots of those that take it over when the object goes.
    pub heirs: Vec<usize>,
    /// Whether one of them does, as far as is known.
    pub heir: Heir,
    pub translated: bool,
    pub live: Live,
    pub failed: Option<Failed>,
    pub written: Option<Written>,
    pub rereads: u8,
}

/// Whether another object takes the resource over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heir {
    None,
    Told,
    Confirmed,
}

/// What a pass knows of live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Live {
    Unread,
    Absent,
    Found { resource: Resource, stale: bool },
    Unreadable,
}

/// Which write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    Create,
    Update,
    Delete,
}

/// A write that went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Failed {
    pub verb: Verb,
    pub why: Why,
    pub reread: bool,
}

/// How a call went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    Exists,
    Absent,
    Conflict,
    Unavailable,
}

/// A write that went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Written {
    pub verb: Verb,
    pub record: Record,
}

impl World {
    /// Objects that nobody has seen yet, each with a place of its own, and operators that have just started; the first
    /// one leads.
    pub fn new(slots: usize, places: usize, operators: usize, left: Budget) -> Self {
        let operators = (0..operators).map(|index| Operator {
            role: if index == 0 { Role::Leads } else { Role::Standby },
            ..Operator::new(&vec![true; slots])
        });
        let operators: Vec<_> = operators.collect();
        let mut world = Self {
            objects: vec![None; slots],
            places: vec![Place::default(); places],
            // As long as `decide` goes on reading; less makes worlds smaller, and leaves out no order of writes.
            caught_up: if operators.len() == 1 && slots == 1 { 5 } else { 1 },
            operators,
            left,
            uids: 0,
            revision: 0,
            wrong: None,
        };
        (0..slots).for_each(|slot| world.make(slot));
        world
    }

    /// A person makes an object.
    pub fn make(&mut self, slot: usize) {
        self.uids += 1;
        self.objects[slot] = Some(Object {
            uid: self.uids,
            version: 0,
            asks: self.uids * 10,
            generation: 0,
            deleting: false,
            finalized: false,
            status: Status::default(),
        });
    }

    /// Where a slot's object has its resource.
    pub fn at(&self, slot: usize) -> usize {
        slot.min(self.places.len() - 1)
    }

    /// What is there, and what reads may show of it.
    pub fn place(&self, slot: usize) -> Place {
        self.places[self.at(slot)]
    }

    /// An operator that has just started.
    pub fn started(&self) -> Operator {
        Operator::new(&self.objects.iter().map(Option::is_some).collect::<Vec<_>>())
    }

    /// Who holds the Lease.
    pub fn leader(&self) -> Option<usize> {
        self.operators.iter().position(|operator| operator.role == Role::Leads)
    }

    /// Something that must not be.
    pub fn forbid(&mut self, wrong: &'static str) {
        self.wrong.get_or_insert(wrong);
    }

    /// A write to the target.
    pub fn put(&mut self, slot: usize, resource: Option<(bool, u8)>) -> Option<Resource> {
        if self.revision >= MANY {
            self.forbid("it writes without end");
            return None;
        }
        self.revision += 1;
        let revision = self.revision;
        let resource = resource.map(|(ours, value)| Resource { ours, value, revision });
        let at = self.at(slot);
        self.places[at].live = resource;
        resource
    }

    /// A write to Kubernetes, if this very object is still there; gone with its last finalizer when it is to go.
    pub fn change(&mut self, slot: usize, uid: u8, change: impl FnOnce(&mut Object) -> bool) -> Changed {
        let Some(object) = &mut self.objects[slot] else { return Changed::Gone };
        if object.uid != uid {
            return Changed::Conflict;
        }
        let mut new = object.clone();
        if !change(&mut new) {
            return Changed::Conflict;
        }
        if new != *object {
            new.version += 1;
            *object = new.clone();
        }
        let writes = new.version;
        if new.deleting && !new.finalized {
            self.objects[slot] = None;
        }
        if writes > MANY {
            self.forbid("it writes without end");
            self.objects[slot] = None;
        }
        Changed::Done(new)
    }
}

/// What came of a write to Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    Done(Object),
    Gone,
    Conflict,
}

impl Operator {
    /// One that knows nothing yet, in a world with objects in these slots.
    pub fn new(slots: &[bool]) -> Self {
        Self {
            role: Role::Standby,
            entries: vec![None; slots.len()],
            passes: vec![None; slots.len()],
            young: true,
            told: slots.iter().map(|is_there| !is_there).collect(),
        }
    }
}

impl Object {
    /// What a watch's event is compared by: all that a pass looks at.
    pub fn fingerprint(&self) -> (u8, bool, bool) {
        (self.generation, self.deleting, self.finalized)
    }
}
