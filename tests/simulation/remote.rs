//! The target, as a process of the operator reaches it: late, with failures of every class, and with the bugs that are
//! planted here. Stands where the gate stands: no call that writes goes out without leave.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prost_reflect::{DynamicMessage, Value};
use teleport_operator::kube::object::Key;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::{Kind, Resource};
use teleport_operator::sync::decide::Failure;
use teleport_operator::sync::ports;
use teleport_operator::target::gate::Write;
use teleport_operator::target::reach::Reach;

use super::bugs::Bug;
use super::cluster::id;
use super::election::Election;
use super::process::place;
use super::target::{Place, Seen, mark};
use super::world::{Answer, Fault, Line, Peer, State};

/// How long an object's new annotation may take to be heeded: the longest lag of a watch, and of a pass under way.
const HEED: std::time::Duration = std::time::Duration::from_secs(60);

/// What a read may fail with.
const READ: [Class; 5] =
    [Class::Unavailable, Class::Other, Class::Limited, Class::Denied, Class::Unimplemented];
/// What any write may fail with.
const WRITE: [Class; 6] =
    [Class::Unavailable, Class::Other, Class::Limited, Class::Denied, Class::Invalid, Class::Unimplemented];

/// The target, as a process reaches it.
pub struct Remote {
    line: Line,
    reach: Arc<Reach>,
    election: Election,
    seen: Mutex<BTreeMap<Place, Seen>>,
    bug: Option<Bug>,
}

/// How a call may go wrong: where it is not done, and where it is done all the same.
struct Errors {
    undone: Vec<Class>,
    done: Vec<Class>,
}

impl Errors {
    fn reading() -> Self {
        Self { undone: READ.to_vec(), done: READ.to_vec() }
    }

    /// A write that is done may be answered as if it had been refused: something between sent it twice, or lost the
    /// answer. One that is not done never claims that a resource is gone that is there.
    fn writing(write: &Write) -> Self {
        let (undone, done) = match write {
            Write::Create(..) => (vec![Class::Reference, Class::Exists], Class::Exists),
            Write::Update(..) => (vec![Class::Conflict, Class::AbsentOrReference], Class::Conflict),
            Write::Delete(_) => (vec![Class::Blocked], Class::Absent),
        };
        let with = |more: &[Class]| WRITE.iter().chain(more).copied().collect();
        Self { undone: with(&undone), done: with(&[done]) }
    }
}

impl Remote {
    pub fn new(line: &Line, reach: Arc<Reach>, election: Election) -> Self {
        let bug = line.world.state().bug;
        Self { line: line.clone(), reach, election, seen: Mutex::default(), bug }
    }

    async fn call<T: Send + 'static>(
        &self,
        what: &str,
        errors: &Errors,
        happen: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        if let Some(message) = self.reach.down() {
            return Err(Failure { class: Class::Unavailable, message });
        }
        let happen = |state: &mut State| (!state.weather.outage).then(|| happen(state));
        let failure = match self.line.call(Peer::Target, what, happen).await {
            Answer::Given(Some(answer)) => return Ok(answer),
            Answer::Given(None) => Class::Unavailable,
            Answer::Failed(Fault { done: true, error }) => errors.done[error % errors.done.len()],
            Answer::Failed(Fault { done: false, error }) => errors.undone[error % errors.undone.len()],
        };
        if failure == Class::Unavailable {
            self.reach.doubt();
        }
        self.line.world.state().note(format_args!("    {what}: {failure:?}"));
        Err(Failure { class: failure, message: format!("the target says {failure:?}") })
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<Place, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a buggy operator takes for what it read.
    fn misread(&self, resource: &Resource, live: &mut DynamicMessage) {
        let mut state = self.line.world.state();
        match self.bug {
            Some(Bug::SkipOwnership) => mark(&state.server.ownership().clone(), resource, live, true),
            Some(Bug::SeeGhosts) => {
                let noise = format!("ghost {}", state.dice.u32(..));
                if let Some(path) = &resource.metadata.description {
                    path.set(live, Value::String(noise.clone()));
                }
                if let Some(path) = &resource.metadata.revision
                    && !path.text(live).is_empty()
                {
                    path.set(live, Value::String(noise));
                }
            }
            _ => {}
        }
    }
}

impl ports::Remote for Remote {
    async fn get(
        &self,
        resource: &Resource,
        name: &str,
        _: Option<&DynamicMessage>,
    ) -> Result<Option<DynamicMessage>, Failure> {
        let place = (resource.name.clone(), name.to_owned());
        let (what, asked) = (format!("get {} {}", place.0, place.1), place.clone());
        let happen = move |state: &mut State| state.server.get(&asked).cloned();
        let mut live = self.call(&what, &Errors::reading(), happen).await?;
        let seen = {
            let state = self.line.world.state();
            let seen = match &live {
                None => Seen::Nothing,
                Some(live) if state.server.is_ours(resource, live) => Seen::Ours,
                Some(_) => Seen::Foreign,
            };
            state.note(format_args!("  {what}: {seen:?}"));
            seen
        };
        self.seen().insert(place, seen);
        if let Some(live) = &mut live {
            self.misread(resource, live);
        }
        Ok(live)
    }

    async fn list(
        &self,
        resource: &Resource,
        each: &mut (dyn FnMut(&DynamicMessage) + Send),
    ) -> Result<(), Failure> {
        let name = resource.name.clone();
        let what = format!("list {name}");
        let happen = move |state: &mut State| state.server.list(&name).cloned().collect::<Vec<_>>();
        let mut all = self.call(&what, &Errors::reading(), happen).await?;
        for live in &mut all {
            self.misread(resource, live);
            each(live);
        }
        Ok(())
    }

    async fn write(
        &self,
        kind: &Kind,
        key: &Key,
        paths: &[String],
        write: Write,
    ) -> Result<Option<DynamicMessage>, Failure> {
        if let Err(message) = self.election.check() {
            return Err(Failure { class: Class::Unavailable, message });
        }
        let resource = Arc::clone(&kind.resource);
        let seen = self.seen().get(&place(&resource, &key.name)).copied().unwrap_or(Seen::Nothing);
        let what = format!("{:?} {key} {}", write.operation(), paths.join(" "));
        if self.bug == Some(Bug::BelieveDelete) && matches!(write, Write::Delete(_)) {
            return Ok(None);
        }
        let (text, line) = (what.clone(), self.line.clone());
        let (id, name) = (id(kind, &key.name), key.to_string());
        let errors = Errors::writing(&write);
        let refused = Arc::new(Mutex::new(None));
        let refusal = Arc::clone(&refused);
        let happen = move |state: &mut State| {
            let careless = state.has(Bug::ForgetRevision);
            let (outcome, wrong) = state.server.write(&resource, write, seen, careless);
            match &outcome {
                Ok(_) => {
                    state.note(format_args!("  {text}: done"));
                    state.check_leadership(&line, &text);
                }
                Err(failure) => {
                    state.note(format_args!("  {text}: {:?}", failure.class));
                    *refusal.lock().expect("nobody panics with it") = Some(failure.clone());
                }
            }
            if let Some(wrong) = wrong {
                state.forbid(wrong);
            }
            if state.kubernetes.ignored_for(&id).is_some_and(|time| time > HEED) {
                state.forbid(format!("{name}: it is to be ignored, and its resource is written"));
            }
            outcome
        };
        match self.call(&what, &errors, happen).await {
            // What was refused, and not done, is not gone for that.
            Err(failure) if failure.class == Class::Absent => {
                let refused = refused.lock().expect("nobody panics with it").take();
                Err(refused.unwrap_or(failure))
            }
            answer => answer?,
        }
    }
}
