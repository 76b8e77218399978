//! A process of the operator: the real engine, with watches, scans and the prober of the target around it as `app` has
//! them, on the simulated world. It can die at any call; another one starts from nothing.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prost_reflect::DynamicMessage;
use serde_json::Value;
use teleport_operator::kube::object::{Key, Object};
use teleport_operator::kube::watch::Event;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::{Kind, Resource, Target};
use teleport_operator::sync::decide::Failure;
use teleport_operator::sync::engine::{Engine, Observer};
use teleport_operator::sync::ports::{self, Note, Patched, SecretValue};
use teleport_operator::sync::queue::Turn;
use teleport_operator::sync::scan::scan;
use teleport_operator::target::gate::Write;
use teleport_operator::target::reach::{Reach, State as Reached};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::kubernetes::{Change, Id, NAMESPACE, read};
use super::target::{Place, Seen};
use super::world::{Answer, Fault, Line, Peer, State, World};
use super::{KINDS, SECRET};

/// How long an object's new annotation may take to be heeded: the longest lag of a watch, and of a pass under way.
const HEED: Duration = Duration::from_secs(60);

type TheEngine = Engine<Cluster, Remote>;

/// A process. Dropped, it is dead at once.
pub struct Process {
    _tasks: JoinSet<()>,
}

impl Process {
    pub fn start(world: &Arc<World>, plan: &Arc<Target>, sync_period: Duration) -> Self {
        let epoch = {
            let mut state = world.state();
            state.epoch += 1;
            state.calls = 0;
            state.note("*** a process starts");
            state.epoch
        };
        let line = Line { world: Arc::clone(world), epoch };
        let reach = Arc::new(Reach::default());
        let cluster = Cluster { line: line.clone(), plan: Arc::clone(plan) };
        let remote = Remote { line: line.clone(), reach: Arc::clone(&reach), seen: Mutex::default() };
        let engine =
            Engine::new(Arc::clone(plan), cluster, remote, Arc::new(Witness { world: Arc::clone(world) }));

        let mut tasks = JoinSet::new();
        for (kind, _) in KINDS {
            tasks.spawn(watch(line.clone(), kind.into(), Arc::clone(&engine)));
        }
        tasks.spawn(watch_secrets(line.clone(), Arc::clone(&engine)));
        tasks.spawn(probe(line, Arc::clone(&reach)));
        tasks.spawn(follow(reach, Arc::clone(&engine)));
        tasks.spawn(scans(Arc::clone(&engine), sync_period));
        tasks.spawn(engine.run(CancellationToken::new()));
        Self { _tasks: tasks }
    }
}

struct Witness {
    world: Arc<World>,
}

impl Observer for Witness {
    fn pass(&self, turn: &Turn, outcome: &'static str, _: Duration) {
        let mut state = self.world.state();
        state.note(&format!("{}: {outcome}", turn.key));
        if outcome == "panic" {
            state.forbid(format!("{}: a pass panicked", turn.key));
        }
    }

    fn wrote(&self, _: &str, _: &'static str) {}
}

/// Follows the changes of a kind. They come in order, but late, some twice, and some only as a new list.
async fn watch(line: Line, kind: Arc<str>, engine: Arc<TheEngine>) {
    let world = &line.world;
    loop {
        tell(world, &engine, &kind, Event::Restarted);
        let (mut place, list) = {
            let state = world.state();
            (state.kubernetes.log(&kind).len(), state.kubernetes.list(&kind))
        };
        for object in list {
            lag(world).await;
            tell(world, &engine, &kind, Event::Applied(read(&object)));
        }
        tell(world, &engine, &kind, Event::Synced);
        loop {
            let news = world.news.notified();
            let change = world.state().kubernetes.log(&kind).get(place).cloned();
            let Some(change) = change else {
                news.await;
                continue;
            };
            place += 1;
            lag(world).await;
            let (lost, twice) = {
                let mut state = world.state();
                let rate = state.weather.watches;
                (state.chance(rate / 2.0), state.chance(rate))
            };
            if lost {
                break;
            }
            for _ in 0..=usize::from(twice) {
                tell(world, &engine, &kind, event(&change));
            }
        }
    }
}

fn tell(world: &World, engine: &TheEngine, kind: &Arc<str>, event: Event<Object>) {
    world.state().note(&format!("      {kind} {event:?}"));
    engine.event(kind, Some(NAMESPACE), event);
}

fn event(change: &Change) -> Event<Object> {
    match change {
        Change::Applied(object) => Event::Applied(read(object)),
        Change::Deleted(object) => Event::Deleted(read(object)),
    }
}

async fn lag(world: &World) {
    let longest = {
        let mut state = world.state();
        let rate = state.weather.watches;
        if state.chance(rate) { 3000 } else { 5 }
    };
    let lag = world.state().dice.u64(0..longest);
    sleep(Duration::from_millis(lag)).await;
}

async fn watch_secrets(line: Line, engine: Arc<TheEngine>) {
    let world = &line.world;
    let (mut place, list) = {
        let state = world.state();
        (state.kubernetes.secret_log().len(), state.kubernetes.secrets())
    };
    for (name, version) in list {
        lag(world).await;
        engine.secret(NAMESPACE, &name, &version);
    }
    loop {
        let news = world.news.notified();
        let change = world.state().kubernetes.secret_log().get(place).cloned();
        let Some((name, version)) = change else {
            news.await;
            continue;
        };
        place += 1;
        lag(world).await;
        engine.secret(NAMESPACE, &name, &version);
    }
}

/// Keeps trying whether the target answers, as the client does.
async fn probe(line: Line, reach: Arc<Reach>) {
    let world = Arc::clone(&line.world);
    let probe = || async {
        sleep(Duration::from_millis(2)).await;
        if world.state().weather.outage { Err("the target is down".to_owned()) } else { Ok(()) }
    };
    reach.keep(probe).await;
}

async fn follow(reach: Arc<Reach>, engine: Arc<TheEngine>) {
    let mut state = reach.subscribe();
    loop {
        if *state.borrow_and_update() == Reached::Up {
            engine.reachable();
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

async fn scans(engine: Arc<TheEngine>, period: Duration) {
    loop {
        sleep(period).await;
        scan(&engine, period / 10).await;
    }
}

/// Kubernetes, as a process reaches it.
struct Cluster {
    line: Line,
    plan: Arc<Target>,
}

fn id(kind: &Kind, name: &str) -> Id {
    (kind.kubernetes.kind.clone(), name.to_owned())
}

impl Cluster {
    async fn patch(
        &self,
        verb: &str,
        id: Id,
        object: &Object,
        happen: impl FnOnce(&mut State, &Id, &Object) -> Patched + Send + 'static,
    ) -> Result<Patched, String> {
        let (what, object) = (format!("{verb} {} {}", id.0, id.1), object.clone());
        let text = format!("  {what}@{}", object.resource_version());
        let answer = self.line.call(Peer::Kubernetes, &what, move |state| {
            let patched = happen(state, &id, &object);
            let outcome = match &patched {
                Patched::Done(object) => format!("now @{}", object.resource_version()),
                Patched::Gone => "gone".to_owned(),
                Patched::Conflict => "conflict".to_owned(),
            };
            state.note(&format!("{text}: {outcome}"));
            patched
        });
        match answer.await {
            Answer::Given(patched) => Ok(patched),
            Answer::Failed(Fault { done: false, error }) if error % 3 == 0 => Ok(Patched::Conflict),
            Answer::Failed(_) => Err("the API server did not answer in time".to_owned()),
        }
    }
}

impl ports::Cluster for Cluster {
    async fn get(&self, kind: &Kind, key: &Key) -> Result<Option<Object>, String> {
        let id = id(kind, &key.name);
        let what = format!("get {} {}", id.0, id.1);
        match self.line.call(Peer::Kubernetes, &what, move |state| state.kubernetes.get(&id)).await {
            Answer::Given(object) => Ok(object),
            Answer::Failed(_) => Err("the API server did not answer in time".to_owned()),
        }
    }

    async fn add_finalizer(&self, kind: &Kind, object: &Object) -> Result<Patched, String> {
        let finalizer = self.plan.words.finalizer.clone();
        let happen = move |state: &mut State, id: &Id, object: &Object| {
            state.kubernetes.add_finalizer(id, object, &finalizer)
        };
        self.patch("add the finalizer of", id(kind, object.name()), object, happen).await
    }

    async fn remove_finalizer(&self, kind: &Kind, object: &Object) -> Result<Patched, String> {
        let (words, resource) = (self.plan.words.clone(), Arc::clone(&kind.resource));
        let place = place(&resource, object.name());
        let happen = move |state: &mut State, id: &Id, object: &Object| {
            let keep = object.annotation(&words.keep) == Some("true");
            let patched = state.kubernetes.remove_finalizer(id, object, &words.finalizer);
            let live = state.server.latest(&place);
            let left = live.is_some_and(|live| state.server.is_ours(&resource, live));
            match (&patched, left, keep) {
                (Patched::Done(_), true, false) => {
                    state.forbid(format!("{} {}: its finalizer goes before its resource", id.0, id.1));
                }
                (Patched::Done(_), true, true) => drop(state.server.kept.insert(place)),
                _ => {}
            }
            patched
        };
        self.patch("remove the finalizer of", id(kind, object.name()), object, happen).await
    }

    async fn patch_status(&self, kind: &Kind, object: &Object, status: &Value) -> Result<Patched, String> {
        let status = status.clone();
        let happen = move |state: &mut State, id: &Id, object: &Object| {
            if status.to_string().contains(SECRET) {
                state.forbid(format!("{} {}: a secret stands in the status", id.0, id.1));
            }
            let patched = state.kubernetes.patch_status(id, object, &status);
            state.note(&format!("    {} {} says {}", id.0, id.1, brief(&status)));
            patched
        };
        self.patch("patch the status of", id(kind, object.name()), object, happen).await
    }

    async fn secret(&self, _: &Object, secret: &str, key: &str) -> Result<SecretValue, String> {
        let what = format!("read Secret {secret}");
        let (secret, key) = (secret.to_owned(), key.to_owned());
        match self
            .line
            .call(Peer::Kubernetes, &what, move |state| state.kubernetes.secret(&secret, &key))
            .await
        {
            Answer::Given(found) => found,
            Answer::Failed(_) => Err("can't get secrets: the API server did not answer in time".to_owned()),
        }
    }

    fn tell(&self, _: &Kind, object: &Object, note: Note) {
        if note.text.contains(SECRET) {
            let name = object.name();
            self.line.world.state().forbid(format!("{name}: a secret stands in an event"));
        }
    }
}

/// A status in a trace: what is not true, and the record.
fn brief(status: &Value) -> String {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let wrong: Vec<_> = conditions
        .filter(|condition| condition["status"] != "True")
        .map(|condition| format!("{} {}", condition["type"], condition["message"]))
        .collect();
    format!("{} {}", wrong.join("; "), status["record"])
}

/// Where the resource of an object stands.
pub fn place(resource: &Resource, name: &str) -> Place {
    (resource.name.clone(), resource.singleton.clone().unwrap_or_else(|| name.to_owned()))
}

/// The target, as a process reaches it.
struct Remote {
    line: Line,
    reach: Arc<Reach>,
    seen: Mutex<BTreeMap<Place, Seen>>,
}

impl Remote {
    async fn call<T: Send + 'static>(
        &self,
        what: &str,
        errors: &[Class],
        happen: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        if let Some(message) = self.reach.down() {
            return Err(Failure { class: Class::Unavailable, message });
        }
        let happen = |state: &mut State| (!state.weather.outage).then(|| happen(state));
        let failure = match self.line.call(Peer::Target, what, happen).await {
            Answer::Given(Some(answer)) => return Ok(answer),
            Answer::Given(None) => Class::Unavailable,
            // Whether it is done is open where the server broke or did not answer.
            Answer::Failed(Fault { done: true, error }) => [Class::Unavailable, Class::Other][error % 2],
            Answer::Failed(Fault { done: false, error }) => errors[error % errors.len()],
        };
        if failure == Class::Unavailable {
            self.reach.doubt();
        }
        self.line.world.state().note(&format!("    {what}: {failure:?}"));
        Err(Failure { class: failure, message: format!("the target says {failure:?}") })
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<Place, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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
        let errors = [Class::Unavailable, Class::Other, Class::Limited, Class::Denied];
        let happen = move |state: &mut State| state.server.get(&asked).cloned();
        let live = self.call(&what, &errors, happen).await?;
        let seen = {
            let state = self.line.world.state();
            let seen = match &live {
                None => Seen::Nothing,
                Some(live) if state.server.is_ours(resource, live) => Seen::Ours,
                Some(_) => Seen::Foreign,
            };
            state.note(&format!("  {what}: {seen:?}"));
            seen
        };
        self.seen().insert(place, seen);
        Ok(live)
    }

    async fn list(
        &self,
        resource: &Resource,
        each: &mut (dyn FnMut(&DynamicMessage) + Send),
    ) -> Result<(), Failure> {
        let name = resource.name.clone();
        let what = format!("list {name}");
        let errors = [Class::Unavailable, Class::Other, Class::Limited, Class::Denied];
        let happen = move |state: &mut State| state.server.list(&name).cloned().collect::<Vec<_>>();
        let all = self.call(&what, &errors, happen).await?;
        all.iter().for_each(each);
        Ok(())
    }

    async fn write(
        &self,
        kind: &Kind,
        key: &Key,
        paths: &[String],
        write: Write,
    ) -> Result<Option<DynamicMessage>, Failure> {
        let resource = Arc::clone(&kind.resource);
        let seen = self.seen().get(&place(&resource, &key.name)).copied().unwrap_or(Seen::Nothing);
        let what = format!("{:?} {key} {}", write.operation(), paths.join(" "));
        let text = what.clone();
        let (id, name) = (id(kind, &key.name), key.to_string());
        let always = [Class::Unavailable, Class::Other, Class::Limited, Class::Denied, Class::Invalid];
        let special = match &write {
            Write::Create(..) => Class::Reference,
            Write::Update(..) => Class::Conflict,
            Write::Delete(_) => Class::Blocked,
        };
        let errors: Vec<_> = always.into_iter().chain([special]).collect();
        let happen = move |state: &mut State| {
            let (outcome, wrong) = state.server.write(&resource, write, seen);
            let said = outcome.as_ref().err().map_or("done".to_owned(), |f| format!("{:?}", f.class));
            state.note(&format!("  {text}: {said}"));
            if let Some(wrong) = wrong {
                state.forbid(wrong);
            }
            if state.kubernetes.ignored_for(&id).is_some_and(|time| time > HEED) {
                state.forbid(format!("{name}: it is to be ignored, and its resource is written"));
            }
            outcome
        };
        self.call(&what, &errors, happen).await?
    }
}
