//! One pass as a pure step function: from what is known so far to the next step, and at the end to what the status says,
//! what is remembered, and when to look again. `execute` drives it; so can a simulation or a model.
//! Does no IO and knows no clock: what it is told is all that it knows.
mod known;
mod live;
mod step;

pub use known::{
    Desired, Facts, Failed, Failure, Found, Heir, Known, Live, Record, Repeated, Secrets, Verb, Why, Written,
};
pub use step::{About, Finish, Outcome, Remark, Say, Step, Update, Wake, Which};

use super::scope::Scope;
use crate::mapping::errors::Class;
use crate::mapping::plan::OwnedBy;
use crate::mapping::policy::Management;

/// How often a pass reads live again after somebody else's write came in between, before it gives way to a backoff.
const REREADS: u32 = 5;
/// How often in a row the same paths may be written before it is taken for a loop.
pub const LOOP: u32 = 5;

/// The next step of a pass.
pub fn decide(known: &Known) -> Step {
    let object = &known.object;
    if object.ignored {
        return finish(Outcome::Ignored, Vec::new(), Wake::Never);
    }
    if let Some(written) = &known.written {
        return after_write(known, written);
    }
    if let Some(step) = held(object) {
        return step;
    }
    if object.deleting {
        return deleting(known);
    }
    if !object.finalized && object.management != Management::Observe {
        return Step::AddFinalizer;
    }
    if let Some(reason) = &known.unsupported {
        return failed_sync(reason.clone(), Vec::new(), Wake::Slow);
    }
    let hash = match &known.desired {
        Desired::Unknown => return Step::Translate,
        Desired::Refused(error) => {
            let says = vec![no(Which::Decoded, "false", error)];
            return finish(Outcome::Failed(error.clone()), says, Wake::Never);
        }
        Desired::Hash(hash) => hash,
    };
    if !object.scope.is_ours() {
        return out_of_scope(&object.scope);
    }
    if let Some(first) = object.rival.as_ref().filter(|_| object.management != Management::Observe) {
        return taken(known, first);
    }
    match &known.secrets {
        Secrets::Unread => Step::ReadSecrets,
        Secrets::Missing(error) => {
            let says = with(understood(known), no(Which::Synced, "mutation", error));
            finish(Outcome::Failed(error.clone()), says, Wake::Backoff)
        }
        Secrets::Ready => match &known.failed {
            Some(failed) => after_failure(known, failed).unwrap_or_else(|| live::syncing(known, hash)),
            None => live::syncing(known, hash),
        },
    }
}

/// Somebody asks that nothing is done, or for something that nobody understands: then nothing is done either, not even
/// for an object that is to go.
fn held(object: &Facts) -> Option<Step> {
    if object.deleting && !object.finalized {
        return None;
    }
    let remark = |about, text| Remark { about, text, unready: true };
    if let Some(why) = &object.unknown {
        let text = format!("Nothing is done for this object until this is mended: {why}.");
        let outcome = Outcome::Failed(why.clone());
        return Some(remarking(outcome, Vec::new(), vec![remark(About::UnknownPolicy, text)], Wake::Never));
    }
    let who = object.paused.as_ref()?;
    let text = match object.deleting {
        true => format!("Paused by {who}: its deletion waits."),
        false => format!("Paused by {who}: nothing is compared or written."),
    };
    Some(remarking(Outcome::Paused, Vec::new(), vec![remark(About::Paused, text)], Wake::Never))
}

/// The object is to go.
fn deleting(known: &Known) -> Step {
    let object = &known.object;
    if !object.finalized {
        return finish(Outcome::Released, Vec::new(), Wake::Never);
    }
    let stays = matches!(object.management, Management::Observe | Management::NoDelete);
    if object.keep || stays || object.misnamed || !object.scope.is_ours() {
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
        Live::Found(found) if found.owned && found.other_kind.is_none() => match object.heir {
            Heir::None => Step::Delete,
            Heir::Told => Step::ConfirmHeir,
            Heir::Confirmed => Step::RemoveFinalizer,
        },
        // What we made may not be seen yet, and would be left behind.
        _ if object.lags && known.rereads < REREADS => Step::Observe,
        Live::Absent | Live::Found(_) => Step::RemoveFinalizer,
    }
}

fn after_write(known: &Known, written: &Written) -> Step {
    let changed = || written.changed.clone();
    let outcome = match (written.verb, written.why) {
        (Verb::Delete, _) => return Step::RemoveFinalizer,
        (_, Why::Reverts) => Outcome::Reverted(changed()),
        (_, Why::Adopts) => Outcome::Adopted(changed()),
        (verb, Why::Asked) => Outcome::Wrote(verb, changed()),
    };
    let mut remarks = Vec::new();
    if !written.dropped.is_empty() {
        remarks.push(dropped(&written.dropped));
    }
    let before = known.object.repeated.as_ref().filter(|before| before.paths == written.changed);
    if let Some(before) = before.filter(|before| written.verb == Verb::Update && before.times + 1 >= LOOP) {
        remarks.push(looping(&before.paths, false));
    }
    Step::Finish(Finish {
        outcome,
        says: all_well(known),
        remarks,
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
        _ => ours(known),
    };
    Some(failed(failure, with(understood(known), owned)))
}

fn all_well(known: &Known) -> Vec<Say> {
    [understood(known), vec![ours(known), yes(Which::Synced, "true")]].concat()
}

/// The resource is ours, and by what.
fn ours(known: &Known) -> Say {
    let outcome = match known.object.owned_by {
        OwnedBy::Mark => "true",
        OwnedBy::Record => "recorded",
        OwnedBy::Object => "claimed",
    };
    yes(Which::Owned, outcome)
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

/// Another object asks for the same resource, and has it: it is told here, and nothing is done.
fn taken(known: &Known, first: &str) -> Step {
    let text = format!(
        "The resource is kept as {first} asks, which had it first. Delete one of the two objects, or let this one have another name: when the other one goes, this one takes over."
    );
    let remarks = vec![Remark { about: About::Conflict, text, unready: true }];
    let outcome = Outcome::Failed(format!("{first} has the same resource"));
    remarking(outcome, understood(known), remarks, Wake::Slow)
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
    remarking(outcome, says, Vec::new(), wake)
}

fn remarking(outcome: Outcome, says: Vec<Say>, remarks: Vec<Remark>, wake: Wake) -> Step {
    Step::Finish(Finish { outcome, says, remarks, record: None, wake })
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

fn dropped(paths: &[String]) -> Remark {
    let text = format!(
        "The server knows nothing of {}: it may be older than these fields. They are sent again when the object changes.",
        few(paths)
    );
    Remark { about: About::FieldsIgnored, text, unready: false }
}

fn looping(paths: &[String], resting: bool) -> Remark {
    let paths = few(paths);
    let text = match resting {
        false => format!("Written {LOOP} times in a row, and each time changed elsewhere: {paths}."),
        true => {
            format!("Changed elsewhere each time that it is written, and therefore written seldom: {paths}.")
        }
    };
    Remark { about: About::UpdateLoop, text, unready: resting }
}

/// Paths for people: no more than ten.
fn few(paths: &[String]) -> String {
    const FEW: usize = 10;
    let shown = paths.iter().take(FEW).cloned().collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(FEW) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
