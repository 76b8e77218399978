//! Kubernetes, as a process of the operator reaches it: late, with failures, and with the bugs that are planted here.
//! Looks at each patch, whether it may be made at all.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use teleport_operator::kube::object::{Key, Object};
use teleport_operator::mapping::plan::{Kind, Target};
use teleport_operator::sync::ports::{self, Note, Patched, SecretValue};

use super::SECRET;
use super::bugs::Bug;
use super::election::Election;
use super::history::kind_of;
use super::kubernetes::{Id, read};
use super::process::place;
use super::world::{Answer, Fault, Line, Peer, State};

/// How much a cache lags that nobody should trust.
const STALE: Duration = Duration::from_secs(20);

/// Kubernetes, as a process reaches it.
pub struct Cluster {
    line: Line,
    plan: Arc<Target>,
    election: Election,
    bug: Option<Bug>,
}

/// The object that a kind and a name are of.
pub fn id(kind: &Kind, name: &str) -> Id {
    (kind.kubernetes.kind.clone(), name.to_owned())
}

/// What the API server or the way to it says.
fn trouble(fault: Fault) -> String {
    let texts = [
        "429: too many requests, please try again later",
        "500: etcdserver: request timed out",
        "503: the server is currently unable to handle the request",
        "no answer within 30 s",
    ];
    texts[fault.error % texts.len()].to_owned()
}

impl Cluster {
    pub fn new(line: &Line, plan: &Arc<Target>, election: Election) -> Self {
        let bug = line.world.state().bug;
        Self { line: line.clone(), plan: Arc::clone(plan), election, bug }
    }

    async fn patch(
        &self,
        verb: &str,
        id: Id,
        object: &Object,
        happen: impl FnOnce(&mut State, &Id, &Object) -> Patched + Send + 'static,
    ) -> Result<Patched, String> {
        self.election.check()?;
        let (what, object, line) = (format!("{verb} {} {}", id.0, id.1), object.clone(), self.line.clone());
        let text = format!("{what}@{}", object.resource_version());
        let answer = self.line.call(Peer::Kubernetes, &what, move |state| {
            let patched = happen(state, &id, &object);
            match &patched {
                Patched::Done(object) => {
                    state.note(format_args!("  {text}: now @{}", object.resource_version()));
                    state.check_leadership(&line, &text);
                }
                Patched::Gone => state.note(format_args!("  {text}: gone")),
                Patched::Conflict => state.note(format_args!("  {text}: conflict")),
            }
            patched
        });
        match answer.await {
            Answer::Given(patched) => Ok(patched),
            // A proxy may have sent it twice: the second time it holds no longer.
            Answer::Failed(Fault { error, .. }) if error % 5 == 4 => Ok(Patched::Conflict),
            Answer::Failed(fault) => Err(trouble(fault)),
        }
    }
}

impl ports::Cluster for Cluster {
    async fn get(&self, kind: &Kind, key: &Key) -> Result<Option<Object>, String> {
        let id = id(kind, &key.name);
        let what = format!("get {} {}", id.0, id.1);
        let stale = self.bug == Some(Bug::TrustStaleCache);
        let read = move |state: &mut State| match stale {
            true => state.kubernetes.get_late(&id, STALE),
            false => state.kubernetes.get(&id),
        };
        match self.line.call(Peer::Kubernetes, &what, read).await {
            Answer::Given(object) => Ok(object),
            Answer::Failed(fault) => Err(trouble(fault)),
        }
    }

    async fn add_finalizer(&self, kind: &Kind, object: &Object) -> Result<Patched, String> {
        let finalizer = self.plan.words.finalizer.clone();
        if self.bug == Some(Bug::ForgetFinalizer) {
            let mut manifest = object.json();
            manifest["metadata"]["finalizers"] = json!([finalizer]);
            manifest["status"] = object.status();
            return Ok(Patched::Done(Box::new(read(&manifest))));
        }
        let happen = move |state: &mut State, id: &Id, object: &Object| {
            state.kubernetes.add_finalizer(id, object, &finalizer)
        };
        self.patch("add the finalizer of", id(kind, object.name()), object, happen).await
    }

    async fn remove_finalizer(&self, kind: &Kind, object: &Object) -> Result<Patched, String> {
        let (plan, resource) = (Arc::clone(&self.plan), Arc::clone(&kind.resource));
        let place = place(&resource, object.name());
        let happen = move |state: &mut State, id: &Id, object: &Object| {
            let words = &plan.words;
            let keep = object.annotation(&words.keep) == Some("true");
            let patched = state.kubernetes.remove_finalizer(id, object, &words.finalizer);
            let live = state.server.latest(&place);
            // What another object holds, that one sees to.
            let held = state.kubernetes.objects().any(|(id, object)| {
                let finalizers = object["metadata"]["finalizers"].as_array().into_iter().flatten();
                super::process::place(&kind_of(&plan, &id.0).resource, &id.1) == place
                    && finalizers.into_iter().any(|there| *there == words.finalizer)
            });
            let left = !held && live.is_some_and(|live| state.server.is_ours(&resource, live));
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
            state.note(format_args!("    {} {} says {}", id.0, id.1, Brief(&status)));
            patched
        };
        self.patch("patch the status of", id(kind, object.name()), object, happen).await
    }

    async fn secret(&self, _: &Object, secret: &str, key: &str) -> Result<SecretValue, String> {
        let what = format!("read Secret {secret}");
        let (secret, key) = (secret.to_owned(), key.to_owned());
        let read = move |state: &mut State| state.kubernetes.secret(&secret, &key);
        let found = match self.line.call(Peer::Kubernetes, &what, read).await {
            Answer::Given(found) => found,
            Answer::Failed(fault) => Err(format!("can't get secrets: {}", trouble(fault))),
        };
        if self.bug == Some(Bug::LogSecret) {
            let value = found.as_ref().map(|found| found.value.clone()).unwrap_or_default();
            tracing::debug!(value, "read a Secret");
        }
        found
    }

    fn tell(&self, _: &Kind, object: &Object, note: Note) {
        if note.text.contains(SECRET) {
            let name = object.name();
            self.line.world.state().forbid(format!("{name}: a secret stands in an event"));
        }
    }
}

/// A status in a trace: what is not true, and the record.
struct Brief<'a>(&'a Value);

impl std::fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let conditions = self.0["conditions"].as_array().into_iter().flatten();
        for condition in conditions.filter(|condition| condition["status"] != "True") {
            write!(f, "{} {}; ", condition["type"], condition["message"])?;
        }
        write!(f, "{}", self.0["record"])
    }
}
