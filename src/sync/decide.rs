//! One pass as a pure step function: from what is known so far to the next step, and at the end to what the status says,
//! what is remembered, and when to look again. `execute` drives it; so can a simulation or a model.
//! Does no IO and knows no clock: what it is told is all that it knows.
use super::scope::Scope;
use crate::mapping::errors::Class;

/// How often a pass reads live again after somebody else's write came in between, before it gives way to a backoff.
const REREADS: u32 = 5;

/// All that a pass knows.
#[derive(Debug, Clone)]
pub struct Known {
    /// The object, as its watch or a read gave it.
    pub object: Facts,
    /// Why the kind can't be synced on this cluster at all, if so.
    pub unsupported: Option<String>,
    /// What the object asks for.
    pub desired: Desired,
    /// The Secrets that it refers to.
    pub secrets: Secrets,
    /// What the target has.
    pub live: Live,
    /// The write of this pass that went wrong, if one did.
    pub failed: Option<Failed>,
    /// The write of this pass that went through, if one did.
    pub written: Option<Written>,
    /// How often live was read again in this pass.
    pub rereads: u32,
}

/// What the object says by itself.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Somebody asked for its deletion.
    pub deleting: bool,
    /// Our finalizer is on it.
    pub finalized: bool,
    /// Its annotation asks us to leave it alone altogether.
    pub ignored: bool,
    /// Its annotation asks us to leave the resource when it goes.
    pub keep: bool,
    /// What its status remembers of the last successful write.
    pub record: Option<Record>,
    /// Something said that live is not as the record has it.
    pub suspect: bool,
    /// The API has a create that fails on an existing name.
    pub exclusive_create: bool,
    /// We, or a process before this one, may have written so lately that a read does not show it yet.
    pub lags: bool,
    /// How its scope stands to ours.
    pub scope: Scope,
}

/// What status remembers of the last successful write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Hash of desired.
    pub desired: String,
    /// Hash of live as the write left it; empty while nobody has seen it.
    pub live: String,
    /// The target's revision of it; empty where it has none, or while nobody has seen it.
    pub revision: String,
}

/// What the object asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// Not translated yet.
    Unknown,
    /// It can't be translated, with every reason.
    Refused(String),
    /// It could be, to a message of this hash.
    Hash(String),
}

/// The Secrets that an object refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secrets {
    /// Not read yet.
    Unread,
    /// One can't be had, and why.
    Missing(String),
    /// All are read, or there are none.
    Ready,
}

/// What the target has under the object's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// Not read yet.
    Unread,
    /// Nothing.
    Absent,
    /// A resource.
    Found(Found),
    /// It could not be read.
    Unreadable(Failure),
}

/// A resource of the target, as far as decisions go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// It is marked as ours.
    pub owned: bool,
    /// It is another kind of resource under the same name, and how.
    pub other_kind: Option<String>,
    /// It is older than our own last write: the server answered from a cache.
    pub stale: bool,
    /// Its revision.
    pub revision: String,
    /// Its hash.
    pub hash: String,
    /// Where it differs from desired.
    pub changed: Vec<String>,
}

/// An error of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it means.
    pub class: Class,
    /// The server's words.
    pub message: String,
}

/// A write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Made what was not there.
    Create,
    /// Replaced what was there.
    Update,
    /// Removed it.
    Delete,
}

/// A write that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub verb: Verb,
    /// How.
    pub failure: Failure,
    /// Live was read since.
    pub reread: bool,
}

/// A write that went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Which.
    pub verb: Verb,
    /// The paths that it changed.
    pub changed: Vec<String>,
    /// It undid somebody else's change.
    pub reverted: bool,
    /// What to remember of it.
    pub record: Record,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Put our finalizer on the object.
    AddFinalizer,
    /// Translate the object.
    Translate,
    /// Read the Secrets that it refers to.
    ReadSecrets,
    /// Read live; where it was read before, after a moment that grows with the number of rereads.
    Observe,
    /// Create the resource.
    Create,
    /// Replace the resource that was read.
    Update(Update),
    /// Delete the resource that was read.
    Delete,
    /// Take our finalizer off the object.
    RemoveFinalizer,
    /// The pass is over.
    Finish(Finish),
}

/// How to replace a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The revision that the write carries.
    pub revision: String,
    /// The paths that it changes, for people.
    pub changed: Vec<String>,
    /// It undoes somebody else's change.
    pub reverts: bool,
}

/// How a pass ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// What happened.
    pub outcome: Outcome,
    /// What the conditions say; those not named stay as they are.
    pub says: Vec<Say>,
    /// What status remembers from now on; none: as before.
    pub record: Option<Record>,
    /// When to look again.
    pub wake: Wake,
}

/// What happened in a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing had to.
    InSync,
    /// The object is left alone, by its own word.
    Ignored,
    /// A write went through.
    Wrote(Verb, Vec<String>),
    /// Somebody else's change was undone.
    Reverted(Vec<String>),
    /// The object is free to go; its resource stays, if it has one.
    Released,
    /// The target can't be reached: the object stays as it is.
    Waiting,
    /// Something is wrong, with the reason and text for people.
    Failed(String),
}

/// What one condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    /// Which condition.
    pub which: Which,
    /// Its status.
    pub status: bool,
    /// Which of the target's reasons and texts.
    pub outcome: &'static str,
    /// What stands in the text for `{error}` and the like.
    pub fills: Vec<(&'static str, String)>,
}

/// The conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Whether the specification could be translated.
    Decoded,
    /// Whether its scope is ours.
    Scoped,
    /// Whether the resource is ours.
    Owned,
    /// Whether the last write went through.
    Synced,
}

/// When to look again, if nothing happens before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Never.
    Never,
    /// Ever later.
    Backoff,
    /// Ever later, and once early when any write goes through: what stands in the way may be gone.
    Early,
    /// Late: only a person or a change elsewhere helps.
    Slow,
    /// When the target can be reached.
    Reachable,
}

/// The next step of a pass.
pub fn decide(known: &Known) -> Step {
    let object = &known.object;
    if object.ignored {
        return finish(Outcome::Ignored, Vec::new(), Wake::Never);
    }
    if let Some(written) = &known.written {
        return after_write(known, written);
    }
    if object.deleting {
        return deleting(known);
    }
    if !object.finalized {
        return Step::AddFinalizer;
    }
    if let Some(reason) = &known.unsupported {
        return failed_sync(reason.clone(), Vec::new(), Wake::Slow);
    }
    match (&known.desired, &known.secrets) {
        (Desired::Unknown, _) => Step::Translate,
        (Desired::Refused(error), _) => {
            finish(Outcome::Failed(error.clone()), vec![no(Which::Decoded, "false", error)], Wake::Never)
        }
        (Desired::Hash(_), _) if !object.scope.is_ours() => out_of_scope(&object.scope),
        (Desired::Hash(_), Secrets::Unread) => Step::ReadSecrets,
        (Desired::Hash(_), Secrets::Missing(error)) => {
            let says = with(understood(known), no(Which::Synced, "mutation", error));
            finish(Outcome::Failed(error.clone()), says, Wake::Backoff)
        }
        (Desired::Hash(hash), Secrets::Ready) => syncing(known, hash),
    }
}

/// The object stays, and what it asks for is known.
fn syncing(known: &Known, desired: &str) -> Step {
    let record = known.object.record.as_ref();
    let as_recorded = record.is_some_and(|record| record.desired == desired);
    if let Some(failed) = &known.failed
        && let Some(step) = after_failure(known, failed)
    {
        return step;
    }
    match &known.live {
        Live::Unread if as_recorded && !known.object.suspect => in_sync(known, None),
        Live::Unread if record.is_none() && known.object.exclusive_create => Step::Create,
        Live::Unread => Step::Observe,
        Live::Unreadable(failure) => failed(failure, understood(known)),
        Live::Absent => Step::Create,
        Live::Found(found) if found.stale && !as_recorded && known.rereads < REREADS => Step::Observe,
        Live::Found(found) => reconcile(known, found, as_recorded, desired),
    }
}

/// A resource of that name exists.
fn reconcile(known: &Known, found: &Found, as_recorded: bool, desired: &str) -> Step {
    if let Some(other) = &found.other_kind {
        return failed_sync(other.clone(), understood(known), Wake::Slow);
    }
    if !found.owned {
        let says = with(understood(known), no(Which::Owned, "false", ""));
        let what = "a resource of that name exists and is not owned by the operator".to_owned();
        return finish(Outcome::Failed(what), says, Wake::Slow);
    }
    if as_recorded && found.stale {
        return in_sync(known, None);
    }
    let Some(record) = known.object.record.as_ref().filter(|_| as_recorded) else {
        return update(found, false);
    };
    let untouched = !record.revision.is_empty() && record.revision == found.revision;
    let unseen = record.live.is_empty();
    if untouched || record.live == found.hash || (unseen && found.changed.is_empty()) {
        let seen = Record {
            desired: desired.to_owned(),
            live: found.hash.clone(),
            revision: found.revision.clone(),
        };
        return in_sync(known, unseen.then_some(seen));
    }
    update(found, !unseen)
}

fn update(found: &Found, reverts: bool) -> Step {
    Step::Update(Update { revision: found.revision.clone(), changed: found.changed.clone(), reverts })
}

/// The object is to go.
fn deleting(known: &Known) -> Step {
    if !known.object.finalized {
        return finish(Outcome::Released, Vec::new(), Wake::Never);
    }
    if known.object.keep || !known.object.scope.is_ours() {
        return Step::RemoveFinalizer;
    }
    if let Some(Failed { failure, .. }) = &known.failed {
        return match failure.class {
            Class::Absent => Step::RemoveFinalizer,
            Class::Conflict if known.rereads < REREADS => Step::Observe,
            _ => failed(failure, Vec::new()),
        };
    }
    match &known.live {
        Live::Unread => Step::Observe,
        Live::Unreadable(failure) => failed(failure, Vec::new()),
        Live::Found(found) if found.owned && found.other_kind.is_none() => Step::Delete,
        // What we made may not be seen yet, and would be left behind.
        _ if known.object.lags && known.rereads < REREADS => Step::Observe,
        Live::Absent | Live::Found(_) => Step::RemoveFinalizer,
    }
}

fn after_write(known: &Known, written: &Written) -> Step {
    if written.verb == Verb::Delete {
        return Step::RemoveFinalizer;
    }
    let outcome = match written.reverted {
        true => Outcome::Reverted(written.changed.clone()),
        false => Outcome::Wrote(written.verb, written.changed.clone()),
    };
    Step::Finish(Finish {
        outcome,
        says: all_well(known),
        record: Some(written.record.clone()),
        wake: Wake::Never,
    })
}

/// What follows from a write that went wrong; none where live says how to go on.
fn after_failure(known: &Known, failed_write: &Failed) -> Option<Step> {
    let Failed { verb, failure, reread } = failed_write;
    let races = match (verb, failure.class) {
        (Verb::Create, Class::Exists) | (Verb::Update, Class::Conflict | Class::Absent) => true,
        // An older server may only have the call that replaces: that one needs to know that nothing is there.
        (Verb::Create, Class::Unimplemented) => *reread || known.live == Live::Unread,
        // What is missing is either the resource, and then it is made, or something that it refers to.
        (Verb::Update, Class::AbsentOrReference) => !*reread || known.live == Live::Absent,
        _ => false,
    };
    if races && known.rereads < REREADS {
        return (!*reread).then_some(Step::Observe);
    }
    let owned = match (verb, &known.live) {
        (Verb::Create, Live::Unread | Live::Absent) => yes(Which::Owned, "new"),
        _ => yes(Which::Owned, "true"),
    };
    Some(failed(failure, with(understood(known), owned)))
}

fn in_sync(known: &Known, record: Option<Record>) -> Step {
    Step::Finish(Finish { outcome: Outcome::InSync, says: all_well(known), record, wake: Wake::Never })
}

fn all_well(known: &Known) -> Vec<Say> {
    [understood(known), vec![yes(Which::Owned, "true"), yes(Which::Synced, "true")]].concat()
}

/// The object is translated, and it is for us to sync it.
fn understood(known: &Known) -> Vec<Say> {
    vec![yes(Which::Decoded, "true"), yes(Which::Scoped, known.object.scope.outcome())]
}

/// Another operator's, or nobody's: only an edit, or another setting of ours, changes that.
fn out_of_scope(scope: &Scope) -> Step {
    let mut fills = Vec::new();
    if let Scope::Other { object, operator } = scope {
        fills.extend([("{scope}", object.clone()), ("{operator-scope}", operator.clone())]);
    }
    let foreign = Say { which: Which::Scoped, status: false, outcome: scope.outcome(), fills };
    let what = "its scope is not the operator's".to_owned();
    finish(Outcome::Failed(what), vec![yes(Which::Decoded, "true"), foreign], Wake::Never)
}

/// The target refused. While it can't be reached nothing is said of the object: it stays as it is.
fn failed(failure: &Failure, mut says: Vec<Say>) -> Step {
    let wake = match failure.class {
        Class::Unavailable => return finish(Outcome::Waiting, Vec::new(), Wake::Reachable),
        Class::Reference | Class::AbsentOrReference | Class::Blocked => Wake::Early,
        Class::Invalid | Class::Unimplemented | Class::Denied => Wake::Slow,
        _ => Wake::Backoff,
    };
    says.push(no(Which::Synced, "false", &failure.message));
    finish(Outcome::Failed(failure.message.clone()), says, wake)
}

fn failed_sync(error: String, mut says: Vec<Say>, wake: Wake) -> Step {
    says.push(no(Which::Synced, "false", &error));
    finish(Outcome::Failed(error), says, wake)
}

fn finish(outcome: Outcome, says: Vec<Say>, wake: Wake) -> Step {
    Step::Finish(Finish { outcome, says, record: None, wake })
}

fn with(mut says: Vec<Say>, say: Say) -> Vec<Say> {
    says.push(say);
    says
}

fn yes(which: Which, outcome: &'static str) -> Say {
    Say { which, status: true, outcome, fills: Vec::new() }
}

fn no(which: Which, outcome: &'static str, error: &str) -> Say {
    Say { which, status: false, outcome, fills: vec![("{error}", error.to_owned())] }
}
