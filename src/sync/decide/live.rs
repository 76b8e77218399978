//! What follows from what the target has, for an object that stays: by the record, by whose the resource is, and by the
//! policies that hold.
use super::known::{FOUND, Facts, Found, Known, Live, OBSERVED, OURS, Record, Why};
use super::step::{About, Finish, Outcome, Remark, Say, Step, Update, Wake, Which};
use super::{
    LOOP, REREADS, all_well, dropped, failed, failed_sync, few, finish, looping, no, ours, remarking,
    understood, with, yes,
};
use crate::mapping::plan::OwnedBy;
use crate::mapping::policy::{Adopt, Drift, Management};

/// What an object asks for is known, and nothing has gone wrong.
pub(super) fn syncing(known: &Known, hash: &str) -> Step {
    let object = &known.object;
    let desired = wanted(object, hash);
    let record = object.record.as_ref();
    let as_recorded = record.is_some_and(|record| *record.desired == *desired);
    let observes = object.management == Management::Observe;
    match &known.live {
        Live::Unread if as_recorded && !object.suspect => in_sync(known, None),
        // It was made, and what it is asked to become is no matter.
        Live::Unread if was_made(object) && !object.suspect => in_sync(known, None),
        Live::Unread if record.is_none() && object.exclusive_create && !observes && !object.settled => {
            Step::Create
        }
        Live::Unread => Step::Observe,
        Live::Unreadable(failure) => failed(failure, understood(known)),
        Live::Absent if observes => drifted(known, "The resource does not exist.".to_owned()),
        Live::Absent if as_recorded => deleted_elsewhere(known),
        Live::Absent => Step::Create,
        Live::Found(found) if found.stale && !as_recorded && known.rereads < REREADS => Step::Observe,
        Live::Found(found) => reconcile(known, found, as_recorded, &desired),
    }
}

/// What the record says of desired. Who only observes has written nothing: should more be allowed one day, that is done.
fn wanted(object: &Facts, hash: &str) -> String {
    match object.management {
        Management::Observe if object.owned_by == OwnedBy::Record && is_ours(object) => {
            format!("{OURS}{hash}")
        }
        Management::Observe => format!("{OBSERVED}{hash}"),
        _ => hash.to_owned(),
    }
}

/// It is there, and never to be changed.
fn was_made(object: &Facts) -> bool {
    let made = |record: &Record| !record.desired.starts_with(OBSERVED);
    object.management == Management::CreateOnly && object.record.as_ref().is_some_and(made)
}

/// The record is of a write.
fn is_ours(object: &Facts) -> bool {
    object.record.as_ref().is_some_and(Record::is_of_a_write)
}

fn deleted_elsewhere(known: &Known) -> Step {
    let object = &known.object;
    match object.drift {
        Drift::Correct => Step::Create,
        // What we made may not be seen yet.
        Drift::Report if !object.lags => drifted(known, "The resource was deleted elsewhere.".to_owned()),
        Drift::Report | Drift::Ignore => in_sync(known, None),
    }
}

/// A resource of that name exists.
fn reconcile(known: &Known, found: &Found, as_recorded: bool, desired: &str) -> Step {
    let object = &known.object;
    if let Some(other) = &found.other_kind {
        return failed_sync(other.clone(), understood(known), Wake::Slow);
    }
    if object.management == Management::Observe {
        return observed(known, found, as_recorded, desired);
    }
    if !found.owned {
        return foreign(known, found);
    }
    if as_recorded && found.stale {
        return in_sync(known, None);
    }
    match object.record.as_ref() {
        Some(record) if as_recorded => recorded(known, found, record, desired),
        record if is_as_asked(object, found, record, desired) => in_sync(known, Some(seen(found, desired))),
        record if object.management == Management::CreateOnly => {
            left(known, found, record.is_none().then(|| seen(found, &format!("{FOUND}{desired}"))))
        }
        _ => update(known, found, Why::Asked),
    }
}

/// Whether the resource is as asked though no record says so.
fn is_as_asked(object: &Facts, found: &Found, record: Option<&Record>, desired: &str) -> bool {
    // A record of another normalisation says nothing; no record in an object that was in step: it was not kept.
    let unknown = record.map_or(object.settled, |record| version(&record.desired) != version(desired));
    // Who comes from the official operator. For an object that is new, what a read shows may be of one before it, and gone.
    let same = record.is_none() && object.synced && found.same;
    !found.blind && (same || unknown && found.changed.is_empty())
}

/// The version of the normalisation that a hash is of.
fn version(hash: &str) -> Option<&str> {
    hash.split_once(':').map(|(version, _)| version)
}

/// The object asks for what was written last. Is that what is there?
fn recorded(known: &Known, found: &Found, record: &Record, desired: &str) -> Step {
    let object = &known.object;
    let unseen = record.live.is_empty();
    if record.knows(&found.revision, &found.hash) || (unseen && found.changed.is_empty()) {
        return in_sync(known, unseen.then(|| seen(found, desired)));
    }
    let repeats = object.repeated.as_ref().is_some_and(|last| last.paths == found.changed);
    match object.drift {
        // What was written did not stay, and it is no use to write the same once more.
        _ if unseen && repeats && found.lacking == found.changed => {
            let Step::Finish(finish) = in_sync(known, Some(seen(found, desired))) else {
                return Step::Observe;
            };
            Step::Finish(Finish { remarks: vec![dropped(&found.changed)], ..finish })
        }
        _ if object.management == Management::CreateOnly => left(known, found, None),
        _ if unseen => update(known, found, Why::Asked),
        Drift::Correct => update(known, found, Why::Reverts),
        Drift::Report => drifted(known, differs(found)),
        Drift::Ignore => in_sync(known, None),
    }
}

/// The resource is not as asked, and is not to be changed.
fn left(known: &Known, found: &Found, record: Option<Record>) -> Step {
    let object = &known.object;
    match object.drift {
        Drift::Report if !found.changed.is_empty() => drifted(known, differs(found)),
        _ => in_sync(known, record),
    }
}

/// It is only to be compared, whoever owns it.
fn observed(known: &Known, found: &Found, as_recorded: bool, desired: &str) -> Step {
    let object = &known.object;
    let record = object.record.as_ref().filter(|_| as_recorded);
    if found.stale || record.is_some_and(|record| record.knows(&found.revision, &found.hash)) {
        return in_sync(known, None);
    }
    if found.changed_if_ours.is_empty() {
        return in_sync(known, Some(seen(found, desired)));
    }
    drifted(known, differs(found))
}

/// It is somebody else's.
fn foreign(known: &Known, found: &Found) -> Step {
    let object = &known.object;
    let adopts = match object.adopt {
        _ if object.management == Management::CreateOnly || object.immutable => false,
        Adopt::Never => false,
        Adopt::IfIdentical => found.changed_if_ours.is_empty(),
        Adopt::Always => true,
    };
    if adopts {
        return update(known, found, Why::Adopts);
    }
    let mut why = String::new();
    if object.owned_by == OwnedBy::Record {
        why += " It has no place for a label: it would be owned by the record of a write in this object's status.";
    }
    if object.immutable {
        why += " The API has no call that changes it, so it can't be taken over.";
    } else if object.adopt == Adopt::IfIdentical {
        why += &format!(" It differs at {}.", few(&found.changed_if_ours));
    }
    let outcome = if let Some(mark) = &found.theirs {
        why = format!(" Its label {mark}.{why}");
        "other"
    } else {
        "false"
    };
    let says = with(understood(known), no(Which::Owned, outcome, &why));
    let what = format!("a resource of that name exists and is not owned by the operator.{why}");
    finish(Outcome::Failed(what), says, Wake::Slow)
}

/// Writes, unless the same was written too often already.
fn update(known: &Known, found: &Found, why: Why) -> Step {
    let object = &known.object;
    if object.immutable {
        return unchangeable(known, found);
    }
    let last = object.repeated.as_ref().filter(|last| last.lately && last.times >= LOOP);
    if let Some(last) = last.filter(|last| last.paths == found.changed) {
        let remarks = vec![looping(&last.paths, true)];
        return remarking(Outcome::Drifted, all_well(known), remarks, Wake::Slow);
    }
    Step::Update(Update { revision: found.revision.clone(), changed: found.changed.clone(), why })
}

/// The resource differs, and the API has no call that changes it.
fn unchangeable(known: &Known, found: &Found) -> Step {
    if found.changed.is_empty() {
        return in_sync(known, None);
    }
    let error = format!(
        "the API has no call that changes a resource of this kind, and this one differs at {}: delete the object and \
         make another one, or take the change back",
        few(&found.changed)
    );
    failed_sync(error, with(understood(known), ours(known)), Wake::Slow)
}

fn seen(found: &Found, desired: &str) -> Record {
    Record {
        desired: desired.into(),
        live: found.hash.as_str().into(),
        revision: found.revision.as_str().into(),
    }
}

fn differs(found: &Found) -> String {
    match found.changed_if_ours.as_slice() {
        [] => "The resource was changed elsewhere, where the object leaves it open.".to_owned(),
        paths => format!("The resource differs at {}.", few(paths)),
    }
}

fn drifted(known: &Known, text: String) -> Step {
    let says = with(understood(known), yes(Which::Synced, "true"));
    let remarks = vec![Remark { about: About::Drifted, text, unready: true }];
    remarking(Outcome::Drifted, says, remarks, Wake::Never)
}

fn in_sync(known: &Known, record: Option<Record>) -> Step {
    let object = &known.object;
    let says: Vec<Say> = match object.management {
        // Whose it is, is no matter.
        Management::Observe => with(understood(known), yes(Which::Synced, "true")),
        _ => all_well(known),
    };
    // Said until the loop is over: not once a round.
    let loops = object.repeated.iter().filter(|last| last.times >= LOOP);
    let (remarks, wake) = (loops.map(|last| looping(&last.paths, false)).collect(), Wake::Never);
    Step::Finish(Finish { outcome: Outcome::InSync, says, remarks, record, wake })
}
