//! A target in memory that behaves as a real one does where it matters: names that are taken, revisions, references,
//! reads from a cache that lags. Looks at each write, whether it may be done at all.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use prost_reflect::{DynamicMessage, MapKey, Value};
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::{Answer, Ownership, Resource, Target};
use teleport_operator::sync::decide::Failure;
use teleport_operator::target::gate::Write;
use teleport_operator::target::proof::{Vacant, is_marked};
use tokio::time::Instant;

/// Resource and name.
pub type Place = (String, String);

/// What stood in a place, oldest first.
type History = Vec<(Instant, Option<DynamicMessage>)>;

/// What a process last read in a place before it wrote there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Nothing,
    Ours,
    Foreign,
}

/// The target.
pub struct Server {
    plan: Arc<Target>,
    places: BTreeMap<Place, History>,
    /// How often the cache is filled; never (it is always fresh), where zero.
    tick: Duration,
    began: Instant,
    /// Resources without revisions and without a create that fails on an existing name.
    old: bool,
    revision: u64,
    /// Writes of the operator that were done.
    pub writes: u64,
    /// Places whose resource was left behind because somebody asked for it.
    pub kept: BTreeSet<Place>,
}

impl Server {
    pub fn new(plan: Arc<Target>, dice: &mut Rng) -> Self {
        Self {
            plan,
            places: BTreeMap::new(),
            tick: Duration::from_millis(if dice.u8(..4) == 0 { 0 } else { dice.u64(1..=1000) }),
            began: Instant::now(),
            old: dice.u8(..4) == 0,
            revision: 0,
            writes: 0,
            kept: BTreeSet::new(),
        }
    }

    /// What really stands there.
    pub fn latest(&self, place: &Place) -> Option<&DynamicMessage> {
        self.places.get(place)?.last()?.1.as_ref()
    }

    /// Everything that really stands there.
    pub fn all(&self) -> impl Iterator<Item = (&Place, &DynamicMessage)> {
        self.places.iter().filter_map(|(place, history)| Some((place, history.last()?.1.as_ref()?)))
    }

    /// What a read shows. A name that the cache has not heard of yet is read through (observed on Teleport 14).
    pub fn get(&self, place: &Place) -> Option<&DynamicMessage> {
        let history = self.places.get(place)?;
        self.cached(history).unwrap_or(history.last().map(|(_, message)| message)?).as_ref()
    }

    /// What a list shows.
    pub fn list<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a DynamicMessage> {
        let places = self.places.iter().filter(move |((found, _), _)| found == resource);
        places.filter_map(|(_, history)| self.cached(history)?.as_ref())
    }

    fn cached<'a>(&self, history: &'a History) -> Option<&'a Option<DynamicMessage>> {
        let now = Instant::now();
        let lag = match self.tick.as_nanos() {
            0 => 0,
            tick => now.duration_since(self.began).as_nanos() % tick,
        };
        let filled = now - Duration::from_nanos(u64::try_from(lag).unwrap_or_default());
        history.iter().rev().find(|(since, _)| *since <= filled).map(|(_, message)| message)
    }

    /// What says that a resource is ours.
    pub fn ownership(&self) -> &Ownership {
        &self.plan.ownership
    }

    pub fn is_ours(&self, resource: &Resource, message: &DynamicMessage) -> bool {
        is_marked(&self.plan.ownership, resource, message)
    }

    fn has_revisions(&self, resource: &Resource) -> bool {
        resource.name != "bot" && !(self.old && resource.name == "role")
    }

    fn lacks_create(&self, resource: &Resource) -> bool {
        resource.calls.create.is_empty() || (self.old && resource.name == "role")
    }

    fn lacks_update(&self, resource: &Resource) -> bool {
        resource.calls.update.is_empty() || (self.old && resource.name == "role")
    }

    /// The operator's write; a careless one leaves its revision out. Also gives what must never happen, and did.
    pub fn write(
        &mut self,
        resource: &Resource,
        write: Write,
        seen: Seen,
        careless: bool,
    ) -> (Result<Option<DynamicMessage>, Failure>, Option<String>) {
        let name = match &write {
            Write::Create(message, _) => resource.metadata.name.text(message),
            Write::Update(_, proof) | Write::Delete(proof) => proof.name().to_owned(),
        };
        let place = (resource.name.clone(), name);
        let foreign = self.latest(&place).is_some_and(|live| !self.is_ours(resource, live));
        // Where the API takes no revision, a write may hit what came after the read: nobody can help that.
        let knew = match &write {
            Write::Create(..) => seen == Seen::Foreign,
            Write::Update(..) => {
                seen != Seen::Ours || (self.has_revisions(resource) && !self.lacks_update(resource))
            }
            Write::Delete(_) => seen != Seen::Ours,
        };
        let outcome = self.perform(resource, &place, write, careless);
        let wrong = match &outcome {
            Ok(_) if foreign && knew => Some("what is not ours is written"),
            Ok(_) if !foreign && self.latest(&place).is_some_and(|live| !self.is_ours(resource, live)) => {
                Some("what is written lacks the mark")
            }
            _ => None,
        };
        self.writes += u64::from(outcome.is_ok());
        (outcome, wrong.map(|wrong| format!("{} {}: {wrong}", place.0, place.1)))
    }

    fn perform(
        &mut self,
        resource: &Resource,
        place: &Place,
        write: Write,
        careless: bool,
    ) -> Result<Option<DynamicMessage>, Failure> {
        let exists = self.latest(place).is_some();
        match write {
            Write::Create(message, proof) => {
                match (self.lacks_create(resource), proof == Vacant::unread()) {
                    (true, true) => return refused(Class::Unimplemented, "unknown method"),
                    (false, _) if exists => return refused(Class::Exists, "already exists"),
                    _ => {}
                }
                self.refer(resource, &message, Class::Reference)?;
                self.store(resource, place, message)
            }
            Write::Update(message, proof) => {
                if !self.lacks_update(resource) {
                    let Some(live) = self.latest(place) else {
                        return refused(Class::AbsentOrReference, "is not found");
                    };
                    if !careless && revision(resource, live) != proof.revision() {
                        return refused(Class::Conflict, "has another revision by now");
                    }
                }
                self.refer(resource, &message, Class::AbsentOrReference)?;
                self.store(resource, place, message)
            }
            Write::Delete(_) if !exists => refused(Class::Absent, "is not found"),
            Write::Delete(_) if self.is_used(place) => refused(Class::Blocked, "is still in use by a user"),
            Write::Delete(_) => {
                self.put(place, None);
                Ok(None)
            }
        }
    }

    /// What a user refers to must exist.
    fn refer(&self, resource: &Resource, message: &DynamicMessage, class: Class) -> Result<(), Failure> {
        match self.lacks_reference(resource, message) {
            true => refused(class, "a role is not found"),
            false => Ok(()),
        }
    }

    /// Whether something that a resource refers to does not exist.
    pub fn lacks_reference(&self, resource: &Resource, message: &DynamicMessage) -> bool {
        let roles = roles(resource, message).into_iter();
        roles.map(|role| ("role".to_owned(), role)).any(|place| self.latest(&place).is_none())
    }

    /// Whether writes of a resource answer without it.
    pub fn is_silent(&self, resource: &Resource) -> bool {
        let calls = resource.calls.creating();
        let tells = calls.first().is_some_and(|call| matches!(call.answer, Answer::Resource(_)));
        !tells || (self.old && resource.name == "role")
    }

    /// Whether a user has this role.
    pub fn is_used(&self, place: &Place) -> bool {
        let (resource, name) = place;
        let users = self.all().filter(|((found, _), _)| found == "user");
        let plan = self.plan.kinds.iter().find(|kind| kind.resource.name == "user");
        let plan = plan.expect("the plan has users");
        resource == "role" && users.into_iter().any(|(_, user)| roles(&plan.resource, user).contains(name))
    }

    fn store(
        &mut self,
        resource: &Resource,
        place: &Place,
        mut message: DynamicMessage,
    ) -> Result<Option<DynamicMessage>, Failure> {
        self.revise(resource, &mut message);
        self.put(place, Some(message.clone()));
        Ok((!self.is_silent(resource)).then_some(message))
    }

    /// Somebody else's change; none: it is deleted. Gives whether it was possible.
    pub fn meddle(&mut self, resource: &Resource, place: &Place, message: Option<DynamicMessage>) -> bool {
        if message.is_none() && self.is_used(place) {
            return false;
        }
        let message = message.map(|mut message| {
            self.revise(resource, &mut message);
            message
        });
        self.put(place, message);
        true
    }

    fn revise(&mut self, resource: &Resource, message: &mut DynamicMessage) {
        self.revision += 1;
        if let Some(path) = &resource.metadata.revision {
            let has = self.has_revisions(resource);
            path.set(message, Value::String(if has { format!("r{}", self.revision) } else { String::new() }));
        }
    }

    fn put(&mut self, place: &Place, message: Option<DynamicMessage>) {
        if message.is_none() {
            self.kept.remove(place);
        }
        let history = self.places.entry(place.clone()).or_default();
        history.push((Instant::now(), message));
    }
}

fn refused<T>(class: Class, message: &str) -> Result<T, Failure> {
    Err(Failure { class, message: message.to_owned() })
}

/// The revision of a resource.
pub fn revision(resource: &Resource, message: &DynamicMessage) -> String {
    resource.metadata.revision.as_ref().map(|path| path.text(message)).unwrap_or_default()
}

/// Roles that a user has.
fn roles(resource: &Resource, message: &DynamicMessage) -> Vec<String> {
    if resource.name != "user" {
        return Vec::new();
    }
    let (path, _) = resource.shapes.follow(&["spec", "roles"].map(str::to_owned)).expect("users have roles");
    let found = path.get(message);
    let texts = found.iter().filter_map(|value| value.as_list()).flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Marks a resource as ours, or takes the mark off.
pub fn mark(ownership: &Ownership, resource: &Resource, message: &mut DynamicMessage, ours: bool) {
    let Some(path) = &resource.metadata.labels else { return };
    let mut labels = match path.get(message).map(std::borrow::Cow::into_owned) {
        Some(Value::Map(labels)) => labels,
        _ => Default::default(),
    };
    let key = MapKey::String(ownership.label.clone());
    match ours {
        true => labels.insert(key, Value::String(ownership.value.clone())),
        false => labels.remove(&key),
    };
    path.set(message, Value::Map(labels));
}
