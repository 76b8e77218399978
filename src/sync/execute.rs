//! Runs one pass: does what `decide` says, tells it what came of it, and at the end writes one status patch if anything
//! changed. Decides nothing itself.
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use tokio::time::sleep;

use super::decide::{
    Desired, Facts, Failed, Failure, Finish, Found, Heir, Known, Live, Outcome, Record, Secrets, Step,
    Update, Verb, Wake, Why, Written, decide,
};
use super::memory::{Memory, state};
use super::policy::{Policy, Source};
use super::ports::{Cluster, Patched, Remote, SecretValue};
use super::retry;
use super::scope::Scope;
use super::status::{self, Telling};
use crate::diagnostic::{Severity, refused};
use crate::kube::object::{Key, Object};
use crate::mapping::errors::Class;
use crate::mapping::plan::{Kind, OwnedBy, Target, Words};
use crate::target::gate::Write;
use crate::target::proof::{Owned, Vacant, mark, other_operator};
use crate::translate::secrets::SecretRef;
use crate::translate::{compare, manifest, secrets};

/// What a pass needs.
pub struct Pass<'a, C, R> {
    /// The target.
    pub target: &'a Target,
    /// The object's kind.
    pub kind: &'a Kind,
    /// The object's key.
    pub key: &'a Key,
    /// Kubernetes.
    pub cluster: &'a C,
    /// The target's calls.
    pub remote: &'a R,
    /// Why the kind can't be synced on this cluster, if so.
    pub unsupported: Option<String>,
    /// The policies that hold for the object.
    pub policy: Policy,
    /// The kind's CRD is not ours, and keeps only conditions of a status.
    pub conditions_only: bool,
    /// This process writes only since lately: what one before it wrote last may not be seen yet.
    pub young: bool,
    /// The object was read for this pass; else it is as its watch had it, which may lag.
    pub fresh: bool,
    /// Another object that asks for the same resource, and has it first.
    pub rival: Option<String>,
    /// Those that take the resource over when the object goes, as far as is known.
    pub heirs: Vec<(Arc<Kind>, Key)>,
}

/// What came of a pass.
#[derive(Debug)]
pub enum Ended {
    /// It went to its end; the object as the pass acted on it.
    Finished(Finish, Box<Object>),
    /// The same, and the object's CRD keeps nothing of a status but its conditions.
    Pruned(Finish, Box<Object>),
    /// The object is gone.
    Gone(Finish),
    /// The object is not as it was read: the pass is to be run again with it read afresh.
    Stale,
    /// Kubernetes refused or failed.
    Trouble(String),
}

/// Runs a pass for an object.
pub async fn run<C: Cluster, R: Remote>(pass: &Pass<'_, C, R>, object: Object, memory: &mut Memory) -> Ended {
    let status = object.status();
    if memory.record.is_none() {
        memory.record = status::record(&status);
        memory.suspect |= !status::is_current(&status, object.generation());
        memory.set_handled(status::request(&status));
    }
    let like = like(pass.target, pass.kind, &object);
    // What was left as it was may not be left so any more, and somebody may have asked for a look.
    let requested = pass.policy.requested.as_deref();
    memory.suspect |= memory.left().is_some() || requested.is_some() && requested != memory.handled();
    memory.set_left(None);
    let known = known(pass, &object, &status, memory);
    let (held, desired, refs, live) = (pass.fresh, None, Vec::new(), None);
    let mut run = Run { pass, object, held, memory, known, like, desired, refs, blind: false, live };
    loop {
        let step = decide(&run.known);
        tracing::trace!(key = %pass.key, ?step, "step");
        if let Some(ended) = run.step(step).await {
            return ended;
        }
    }
}

fn known<C, R>(pass: &Pass<'_, C, R>, object: &Object, status: &Value, memory: &Memory) -> Known {
    let (words, policy) = (&pass.target.words, &pass.policy);
    let resource = &pass.kind.resource;
    // Another object could not make it its own, or not change it: it is made anew for that one.
    let takes_over = resource.owned_by != OwnedBy::Record && !resource.immutable;
    let facts = Facts {
        deleting: object.is_deleting(),
        finalized: object.finalizers().contains(&words.finalizer),
        ignored: policy.ignore,
        keep: policy.keep,
        paused: policy.paused.map(|source| who(source, words)),
        unknown: (!policy.unknown.is_empty()).then(|| policy.unknown.join("; ")),
        management: policy.management,
        drift: policy.drift,
        adopt: policy.adopt,
        record: memory.record.clone(),
        synced: status::is_synced(status, words),
        settled: memory.record.is_none() && status::is_settled(status, object.generation()),
        suspect: memory.suspect,
        misnamed: resource.singleton.as_ref().is_some_and(|only| only != object.name()),
        owned_by: resource.owned_by,
        immutable: resource.immutable,
        exclusive_create: !resource.calls.create.is_empty(),
        lags: pass.young || memory.wrote_lately(),
        scope: scope(pass, object),
        repeated: memory.repeated(),
        rival: pass.rival.clone(),
        heir: if pass.heirs.is_empty() || !takes_over { Heir::None } else { Heir::Told },
    };
    Known {
        object: facts,
        unsupported: pass.unsupported.clone(),
        desired: Desired::Unknown,
        secrets: Secrets::Unread,
        live: Live::Unread,
        failed: None,
        written: None,
        rereads: 0,
    }
}

/// Read from the object as it is written: a deletion needs no translation of it.
fn scope<C, R>(pass: &Pass<'_, C, R>, object: &Object) -> Scope {
    let Some(name) = &pass.kind.resource.scope else { return Scope::Neither };
    Scope::of(object.json()[name].as_str().unwrap_or_default(), &pass.target.within)
}

/// What says which resource is meant, where the name alone does not: as much as can be read of the object, also when
/// the rest of it is refused or will never be translated.
fn like(target: &Target, kind: &Kind, object: &Object) -> Option<DynamicMessage> {
    let Target { words, ownership, .. } = target;
    kind.resource.parts().next()?;
    Some(manifest::desired(kind, words, ownership, &object.json()).message)
}

/// What identifies an object's resource beside its name, where there is more.
pub fn parts(target: &Target, kind: &Kind, object: &Object) -> Box<[String]> {
    let like = like(target, kind, object);
    like.iter().flat_map(|like| kind.resource.parts().map(|part| part.text(like))).collect()
}

/// Who asks for a pause, in words.
fn who(source: Source, words: &Words) -> String {
    match source {
        Source::Object => format!("the object's annotation {}", words.paused),
        Source::Namespace => format!("its namespace's annotation {}", words.paused),
        Source::Process => "a flag of the operator".to_owned(),
    }
}

struct Run<'a, C, R> {
    pass: &'a Pass<'a, C, R>,
    object: Object,
    /// Kubernetes said in this pass that the object is there, with our finalizer.
    held: bool,
    memory: &'a mut Memory,
    known: Known,
    like: Option<DynamicMessage>,
    desired: Option<DynamicMessage>,
    refs: Vec<SecretRef>,
    /// Desired holds secrets.
    blind: bool,
    live: Option<DynamicMessage>,
}

impl<C: Cluster, R: Remote> Run<'_, C, R> {
    /// Does a step; gives the end of the pass where it is one.
    async fn step(&mut self, step: Step) -> Option<Ended> {
        match step {
            Step::AddFinalizer => self.add_finalizer().await,
            Step::Translate => self.translate(),
            Step::ReadSecrets => self.read_secrets().await,
            Step::Observe => self.observe().await,
            Step::Create => self.create().await,
            Step::Update(update) => self.update(update).await,
            Step::Delete => self.delete().await,
            Step::ConfirmHeir => self.confirm_heir().await,
            Step::RemoveFinalizer => Some(self.remove_finalizer().await),
            Step::Finish(finish) => Some(self.finish(finish).await),
        }
    }

    async fn add_finalizer(&mut self) -> Option<Ended> {
        match self.pass.cluster.add_finalizer(self.pass.kind, &self.object).await {
            // Somebody edited it meanwhile: this pass knows nothing of that.
            Ok(Patched::Done(object)) if !object.asks_as(&self.object) => Some(Ended::Stale),
            Ok(Patched::Done(object)) => {
                self.object = *object;
                self.known.object.finalized = true;
                self.held = true;
                None
            }
            other => Some(ended(other)),
        }
    }

    /// Asked afresh: were both to go at once, and each left the resource to the other, nobody would delete it.
    async fn confirm_heir(&mut self) -> Option<Ended> {
        let Pass { cluster, heirs, target, .. } = self.pass;
        self.known.object.heir = Heir::None;
        for (kind, key) in heirs {
            match cluster.get(kind, key).await {
                Ok(Some(heir))
                    if !heir.is_deleting() && heir.finalizers().contains(&target.words.finalizer) =>
                {
                    self.known.object.heir = Heir::Confirmed;
                    return None;
                }
                Ok(_) => {}
                Err(why) => return Some(Ended::Trouble(why)),
            }
        }
        None
    }

    async fn remove_finalizer(&mut self) -> Ended {
        let outcome = match &self.known.written {
            Some(_) => Outcome::Wrote(Verb::Delete, Vec::new()),
            None => Outcome::Released,
        };
        let finish = ending(outcome);
        match self.pass.cluster.remove_finalizer(self.pass.kind, &self.object).await {
            Ok(Patched::Done(_) | Patched::Gone) => Ended::Gone(finish),
            other => ended(other),
        }
    }

    fn translate(&mut self) -> Option<Ended> {
        let Target { words, ownership, .. } = self.pass.target;
        let made = manifest::desired(self.pass.kind, words, ownership, &self.object.json());
        self.blind = !made.secrets.is_empty() || !made.literals.is_empty();
        if refused(&made.diagnostics) {
            let errors = made.diagnostics.iter().filter(|d| d.severity == Severity::Error);
            let texts: Vec<_> = errors.map(ToString::to_string).collect();
            self.known.desired = Desired::Refused(texts.join("; "));
            return None;
        }
        if made.secrets.is_empty() {
            self.memory.secrets = Box::default();
            self.known.secrets = Secrets::Ready;
        }
        let mut hash = compare::hash(&self.pass.kind.resource, &made.message);
        if !made.literals.is_empty() {
            // A secret that stands in the object itself is in no hash either: any edit may have been one of it.
            hash.push_str(&format!("+g{}", self.object.generation()));
        }
        self.known.desired = Desired::Hash(hash);
        self.desired = Some(made.message);
        self.refs = made.secrets;
        None
    }

    /// Reads all, so that what is missing is said at once; the versions that were read become part of desired.
    async fn read_secrets(&mut self) -> Option<Ended> {
        let (mut values, mut missing, mut versions) = (Vec::new(), Vec::new(), Vec::new());
        for reference in &self.refs {
            let read = self.pass.cluster.secret(&self.object, &reference.name, &reference.key).await;
            let version = read.as_ref().map(|found| found.version.clone()).unwrap_or_default();
            versions.push((reference.name.clone(), version));
            match read {
                Ok(SecretValue { value, .. }) => values.push((reference.clone(), value)),
                Err(why) => missing.push(why),
            }
        }
        self.memory.secrets = versions.into();
        if !missing.is_empty() {
            self.known.secrets = Secrets::Missing(missing.join("; "));
            return None;
        }
        if let (Some(desired), Desired::Hash(hash)) = (&mut self.desired, &mut self.known.desired) {
            secrets::fill(desired, &values);
            for (_, version) in &self.memory.secrets {
                hash.push('+');
                hash.push_str(version);
            }
        }
        self.known.secrets = Secrets::Ready;
        None
    }

    async fn observe(&mut self) -> Option<Ended> {
        if self.known.live != Live::Unread || self.known.failed.is_some() {
            sleep(retry::reread(self.known.rereads)).await;
            self.known.rereads += 1;
        }
        let resource = &self.pass.kind.resource;
        self.known.live = match self.pass.remote.get(resource, self.name(), self.like.as_ref()).await {
            Ok(None) => Live::Absent,
            Ok(Some(live)) => {
                let found = self.found(&live);
                self.live = Some(live);
                Live::Found(found)
            }
            Err(failure) => Live::Unreadable(failure),
        };
        if let Some(failed) = &mut self.known.failed {
            failed.reread = true;
        }
        None
    }

    /// The resource's name is the object's; a singleton has its own.
    fn name(&self) -> &str {
        self.pass.kind.resource.singleton.as_deref().unwrap_or(self.object.name())
    }

    fn found(&self, live: &DynamicMessage) -> Found {
        let resource = &self.pass.kind.resource;
        let revision = resource.metadata.revision.as_ref().map(|path| path.text(live)).unwrap_or_default();
        let ownership = &self.pass.target.ownership;
        let (owned, hash) = (self.proof(live).is_some(), compare::hash(resource, live));
        let desired = self.desired.as_ref();
        let differences =
            |live| desired.map(|desired| compare::differences(resource, desired, live)).unwrap_or_default();
        let changed = differences(live);
        Found {
            owned,
            theirs: match owned {
                true => None,
                false => other_operator(ownership, resource, live),
            },
            other_kind: self.other_kind(live),
            stale: self.memory.has_replaced(&revision),
            changed_if_ours: match owned {
                true => changed.clone(),
                false => differences(&mark(ownership, resource, live)),
            },
            lacking: match changed.is_empty() {
                true => Vec::new(),
                false => desired.map(|d| compare::lacking(resource, d, live)).unwrap_or_default(),
            },
            changed,
            same: desired.is_some_and(|desired| compare::hash(resource, desired) == hash),
            blind: self.blind,
            hash,
            revision,
        }
    }

    /// That the resource which was read is ours, if it is.
    fn proof(&self, live: &DynamicMessage) -> Option<Owned> {
        let (resource, record) = (&self.pass.kind.resource, self.known.object.record.as_ref());
        let recorded =
            || record.filter(|record| record.is_of_a_write()).and_then(|_| Owned::recorded(resource, live));
        Owned::marked(&self.pass.target.ownership, resource, live).or_else(recorded)
    }

    /// How the resource is of another kind; its version is not what tells kinds apart.
    fn other_kind(&self, live: &DynamicMessage) -> Option<String> {
        let constants = self.pass.kind.constants.iter().filter(|constant| constant.json != "version");
        let constants = constants.filter_map(|c| Some((&c.json, c.field.as_ref()?, vec![c.value.as_str()])));
        let sub_kinds = self.pass.kind.resource.sub_kinds.as_ref();
        // A deletion knows only that it is one of them.
        let sub_kinds = sub_kinds.map(|sub_kinds| {
            let meant = self.desired.as_ref().and_then(|desired| sub_kinds.of(desired));
            let all = sub_kinds.of.iter().map(|(.., sub_kind)| sub_kind.as_str());
            (&sub_kinds.json, &sub_kinds.field, meant.map_or_else(|| all.collect(), |meant| vec![meant]))
        });
        constants.chain(sub_kinds).find_map(|(what, field, wanted)| {
            let found = field.text(live);
            (!wanted.contains(&found.as_str())).then(|| {
                let wanted = wanted.join("\" or \"");
                format!("wrong {what}: expected \"{wanted}\", but the resource of that name has \"{found}\"")
            })
        })
    }

    /// What is made for an object that another replica has let go meanwhile would be left behind: a watch may lag.
    async fn hold(&mut self) -> Option<Ended> {
        let Pass { cluster, kind, key, target, .. } = self.pass;
        match cluster.get(kind, key).await {
            Ok(Some(now)) => {
                let same = now.uid() == self.object.uid() && !now.is_deleting();
                self.held = same && now.finalizers().contains(&target.words.finalizer);
                (!self.held).then_some(Ended::Stale)
            }
            Ok(None) => Some(ended(Ok(Patched::Gone))),
            Err(why) => Some(Ended::Trouble(why)),
        }
    }

    async fn create(&mut self) -> Option<Ended> {
        if !self.held
            && let Some(ended) = self.hold().await
        {
            return Some(ended);
        }
        let desired = self.desired.clone()?;
        let proof = match self.known.live {
            Live::Absent => Vacant::read(None)?,
            _ => Vacant::unread(),
        };
        self.write(Verb::Create, Vec::new(), Why::Asked, Write::Create(desired, proof)).await
    }

    async fn update(&mut self, update: Update) -> Option<Ended> {
        let resource = &self.pass.kind.resource;
        let live = self.live.as_ref()?;
        let proof = match update.why {
            Why::Adopts => Owned::adopted(resource, live),
            Why::Asked | Why::Reverts => self.proof(live)?,
        };
        let mut desired = self.desired.clone()?;
        for path in &resource.preserve {
            match path.get(live) {
                Some(value) => path.set(&mut desired, value.into_owned()),
                None => path.clear(&mut desired),
            }
        }
        self.write(Verb::Update, update.changed, update.why, Write::Update(desired, proof)).await
    }

    async fn delete(&mut self) -> Option<Ended> {
        let live = self.live.as_ref()?;
        let proof = self.proof(live)?;
        self.write(Verb::Delete, Vec::new(), Why::Asked, Write::Delete(proof)).await
    }

    async fn write(&mut self, verb: Verb, changed: Vec<String>, why: Why, write: Write) -> Option<Ended> {
        let pass = self.pass;
        match pass.remote.write(pass.kind, pass.key, &changed, write).await {
            Ok(answer) => {
                let record = self.record(answer.as_ref());
                self.remember(&record);
                self.memory.count(verb, &changed);
                let dropped = self.desired.as_ref().zip(answer).filter(|_| verb != Verb::Delete);
                let resource = &pass.kind.resource;
                let dropped = dropped.map(|(desired, live)| compare::lacking(resource, desired, &live));
                self.known.failed = None;
                let dropped = dropped.unwrap_or_default();
                self.known.written = Some(Written { verb, changed, why, dropped, record });
            }
            Err(failure) => {
                // It may have been applied: until live is seen, the record is not to be trusted.
                if ambiguous(&failure) {
                    self.memory.suspect = true;
                    self.memory.wrote(None);
                }
                self.known.failed = Some(Failed { verb, failure, reread: false });
            }
        }
        None
    }

    /// What to remember of a write, as far as the answer told.
    fn record(&self, answer: Option<&DynamicMessage>) -> Record {
        let resource = &self.pass.kind.resource;
        let revision = |message| resource.metadata.revision.as_ref().map(|path| path.text(message));
        Record {
            desired: match &self.known.desired {
                Desired::Hash(hash) => hash.as_str().into(),
                Desired::Unknown | Desired::Refused(_) => Box::default(),
            },
            live: answer.map(|live| compare::hash(resource, live).into()).unwrap_or_default(),
            revision: answer.and_then(revision).map(Into::into).unwrap_or_default(),
        }
    }

    fn remember(&mut self, record: &Record) {
        let replaced = match &self.known.live {
            Live::Found(found) if *found.revision != *record.revision => Some(found.revision.clone()),
            _ => None,
        };
        self.memory.wrote(replaced.filter(|revision| !revision.is_empty()));
        self.memory.suspect = false;
    }

    async fn finish(&mut self, finish: Finish) -> Ended {
        self.judge(&finish);
        // Remembered before it is written: a status that does not get through costs a comparison, not a second write.
        if let Some(record) = &finish.record {
            self.memory.record = Some(record.clone());
        }
        let old = self.object.status();
        let with_record = Finish { record: self.memory.record.clone(), ..finish.clone() };
        let telling = Telling {
            words: &self.pass.target.words,
            policy: &self.pass.policy,
            generation: self.object.generation(),
            now: Timestamp::now(),
            conditions_only: self.pass.conditions_only,
        };
        let patch = status::patch(&old, &with_record, &telling);
        for note in status::notes(&old, &finish, patch.as_ref()) {
            self.pass.cluster.tell(self.pass.kind, &self.object, note);
        }
        // Not as a patch left it: that may hold an edit or a deletion that this pass knows nothing of.
        let object = Box::new(self.object.clone());
        let Some(patch) = patch else { return Ended::Finished(finish, object) };
        match self.pass.cluster.patch_status(self.pass.kind, &self.object, &patch).await {
            Ok(Patched::Done(after)) if status::is_pruned(&patch, &after.status()) => {
                Ended::Pruned(finish, object)
            }
            Ok(Patched::Done(_)) => Ended::Finished(finish, object),
            other => ended(other),
        }
    }

    /// What the end of the pass says of what is remembered.
    fn judge(&mut self, finish: &Finish) {
        let left = match (&finish.outcome, &self.known.live) {
            (Outcome::InSync | Outcome::Drifted, Live::Found(found)) => {
                Some(state(&found.revision, &found.hash))
            }
            (Outcome::InSync | Outcome::Drifted, Live::Absent) if !self.known.object.lags => Some("".into()),
            _ => None,
        };
        if let Some(left) = left {
            self.memory.suspect = false;
            let record = finish.record.as_ref().or(self.memory.record.as_ref());
            let as_recorded = |record: &Record| {
                *left == *record.live || !record.revision.is_empty() && *left == *record.revision
            };
            // What is older than our own write will be gone soon.
            let stale = matches!(&self.known.live, Live::Found(found) if found.stale);
            let left = (!stale && !record.is_some_and(as_recorded)).then_some(left);
            self.memory.set_left(left);
        }
        // The record is of the last success. Whether it still holds, only live can tell.
        self.memory.suspect |= matches!(finish.outcome, Outcome::Failed(_));
        if !finish.says.is_empty() {
            self.memory.set_handled(self.pass.policy.requested.as_deref());
        }
    }
}

/// An end that leaves nothing to say.
fn ending(outcome: Outcome) -> Finish {
    Finish { outcome, says: Vec::new(), remarks: Vec::new(), record: None, wake: Wake::Never }
}

fn ambiguous(failure: &Failure) -> bool {
    matches!(failure.class, Class::Unavailable | Class::Other | Class::Limited)
}

fn ended(patched: Result<Patched, String>) -> Ended {
    match patched {
        Ok(Patched::Gone) => Ended::Gone(ending(Outcome::Released)),
        Ok(Patched::Done(_) | Patched::Conflict) => Ended::Stale,
        Err(why) => Ended::Trouble(why),
    }
}
