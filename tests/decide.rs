//! The pass as a step function: a table of situations, and properties that hold whatever Kubernetes and the target answer.
use proptest::prelude::*;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::OwnedBy;
use teleport_operator::mapping::policy::{Adopt, Drift, Management};
use teleport_operator::sync::decide::{
    Desired, Facts, Failed, Failure, Finish, Found, Heir, Known, LOOP, Live, Outcome, Record, Repeated, Say,
    Secrets, Step, Update, Verb, Wake, Which, Why, Written, decide,
};
use teleport_operator::sync::scope::Scope;

fn known() -> Known {
    Known {
        object: Facts { finalized: true, exclusive_create: true, ..Facts::default() },
        unsupported: None,
        desired: Desired::Hash("new".into()),
        secrets: Secrets::Ready,
        live: Live::Unread,
        failed: None,
        written: None,
        rereads: 0,
    }
}

fn record(desired: &str) -> Option<Record> {
    Some(Record { desired: desired.into(), live: "live".into(), revision: "r1".into() })
}

fn ours() -> Found {
    Found { owned: true, revision: "r2".into(), hash: "other".into(), ..Found::default() }
}

fn failure(class: Class) -> Failure {
    Failure { class, message: "no".into() }
}

fn failed(verb: Verb, class: Class, reread: bool) -> Option<Failed> {
    Some(Failed { verb, failure: failure(class), reread })
}

/// One word for a step, and what matters of it.
fn word(step: &Step) -> String {
    match step {
        Step::Update(Update { revision, why, .. }) => {
            let why = match why {
                Why::Asked => "",
                Why::Reverts => " reverting",
                Why::Adopts => " adopting",
            };
            format!("update {revision}{why}")
        }
        Step::Finish(Finish { outcome, says, remarks, wake, record }) => {
            let remarks = remarks.iter().map(|remark| remark.about.name().to_owned());
            let says: Vec<_> = says.iter().map(say).chain(remarks).collect();
            let record = if record.is_some() { " recorded" } else { "" };
            let outcome = match outcome {
                Outcome::Wrote(verb, _) => format!("{verb:?}"),
                Outcome::Reverted(_) => "Reverted".to_owned(),
                Outcome::Adopted(_) => "Adopted".to_owned(),
                Outcome::Failed(_) => "Failed".to_owned(),
                other => format!("{other:?}"),
            };
            format!("{outcome} [{}] {wake:?}{record}", says.join(" "))
        }
        step => format!("{step:?}"),
    }
}

fn say(say: &Say) -> String {
    let which = match say.which {
        Which::Decoded => "decoded",
        Which::Scoped => "scoped",
        Which::Owned => "owned",
        Which::Synced => "synced",
    };
    format!("{which}={}:{}", say.status, say.outcome)
}

#[test]
fn situations_and_what_follows() {
    let all_well = "[decoded=true:true scoped=true:none owned=true:true synced=true:true]";
    let cases: Vec<(&str, Known, String)> = vec![
        (
            "left alone by its own word, even when it goes",
            {
                let object = Facts { ignored: true, deleting: true, finalized: true, ..Facts::default() };
                Known { object, ..known() }
            },
            "Ignored [] Never".into(),
        ),
        ("no finalizer yet", Known { object: Facts::default(), ..known() }, "AddFinalizer".into()),
        ("not translated yet", Known { desired: Desired::Unknown, ..known() }, "Translate".into()),
        (
            "it can't be translated: nobody is called, nothing is tried again",
            Known { desired: Desired::Refused("bad".into()), ..known() },
            "Failed [decoded=false:false] Never".into(),
        ),
        ("its Secrets are not read yet", Known { secrets: Secrets::Unread, ..known() }, "ReadSecrets".into()),
        (
            "a Secret is missing",
            Known { secrets: Secrets::Missing("gone".into()), ..known() },
            "Failed [decoded=true:true scoped=true:none synced=false:mutation] Backoff".into(),
        ),
        (
            "of another scope: told before anything is read, and nothing else is done",
            Known { secrets: Secrets::Unread, ..scoped(other()) },
            "Failed [decoded=true:true scoped=false:false] Never".into(),
        ),
        (
            "scoped, and the operator is not",
            scoped(Scope::ObjectOnly),
            "Failed [decoded=true:true scoped=false:object-only] Never".into(),
        ),
        (
            "not scoped, and the operator is",
            scoped(Scope::OperatorOnly),
            "Failed [decoded=true:true scoped=false:operator-only] Never".into(),
        ),
        ("of the operator's scope", scoped(Scope::Same), "Create".into()),
        (
            "of another scope, and it goes: what is there is not ours to delete",
            {
                let object = Facts { scope: other(), ..deleting(Live::Unread).object };
                Known { object, ..known() }
            },
            "RemoveFinalizer".into(),
        ),
        (
            "the cluster lacks the feature",
            Known { unsupported: Some("no".into()), ..known() },
            "Failed [synced=false:false] Slow".into(),
        ),
        ("new, and a create fails on an existing name: no read", known(), "Create".into()),
        (
            "new, and the API only replaces: read first",
            {
                let object = Facts { finalized: true, ..Facts::default() };
                Known { object, ..known() }
            },
            "Observe".into(),
        ),
        ("nothing of that name", Known { live: Live::Absent, ..known() }, "Create".into()),
        (
            "as recorded, and nobody said otherwise: no call",
            {
                let object = Facts { record: record("new"), ..known().object };
                Known { object, ..known() }
            },
            format!("InSync {all_well} Never"),
        ),
        (
            "edited",
            {
                let object = Facts { record: record("old"), ..known().object };
                Known { object, ..known() }
            },
            "Observe".into(),
        ),
        (
            "edited, and ours",
            {
                let object = Facts { record: record("old"), ..known().object };
                Known { object, live: Live::Found(ours()), ..known() }
            },
            "update r2".into(),
        ),
        (
            "edited, but the read is older than our own write",
            {
                let object = Facts { record: record("old"), ..known().object };
                Known { object, live: Live::Found(Found { stale: true, ..ours() }), ..known() }
            },
            "Observe".into(),
        ),
        (
            "suspected",
            {
                let object = Facts { record: record("new"), suspect: true, ..known().object };
                Known { object, ..known() }
            },
            "Observe".into(),
        ),
        (
            "suspected, but the revision is the recorded one",
            {
                let object = Facts { record: record("new"), suspect: true, ..known().object };
                Known { object, live: Live::Found(Found { revision: "r1".into(), ..ours() }), ..known() }
            },
            format!("InSync {all_well} Never"),
        ),
        (
            "somebody wrote what does not concern us",
            {
                let object = Facts { record: record("new"), suspect: true, ..known().object };
                Known { object, live: Live::Found(Found { hash: "live".into(), ..ours() }), ..known() }
            },
            format!("InSync {all_well} Never"),
        ),
        (
            "drifted",
            {
                let object = Facts { record: record("new"), suspect: true, ..known().object };
                Known { object, live: Live::Found(ours()), ..known() }
            },
            "update r2 reverting".into(),
        ),
        (
            "deleted behind our back",
            {
                let object = Facts { record: record("new"), suspect: true, ..known().object };
                Known { object, live: Live::Absent, ..known() }
            },
            "Create".into(),
        ),
        (
            "the write was answered with nothing: what is seen now completes the record",
            {
                let unseen = Record { desired: "new".into(), ..Record::default() };
                let object = Facts { record: Some(unseen), suspect: true, ..known().object };
                Known { object, live: Live::Found(ours()), ..known() }
            },
            format!("InSync {all_well} Never recorded"),
        ),
        (
            "not ours",
            Known { live: Live::Found(Found { owned: false, ..ours() }), ..known() },
            "Failed [decoded=true:true scoped=true:none owned=false:false] Slow".into(),
        ),
        (
            "another operator's",
            {
                let found = Found { owned: false, theirs: Some("`by` is `x`".into()), ..ours() };
                Known { live: Live::Found(found), ..known() }
            },
            "Failed [decoded=true:true scoped=true:none owned=false:other] Slow".into(),
        ),
        (
            "another kind under the same name",
            {
                let found = Found { other_kind: Some("wrong sub_kind".into()), ..ours() };
                Known { live: Live::Found(found), ..known() }
            },
            "Failed [decoded=true:true scoped=true:none synced=false:false] Slow".into(),
        ),
        (
            "the name exists after all",
            Known { failed: failed(Verb::Create, Class::Exists, false), ..known() },
            "Observe".into(),
        ),
        (
            "somebody wrote in between",
            {
                Known {
                    live: Live::Found(ours()),
                    failed: failed(Verb::Update, Class::Conflict, false),
                    ..known()
                }
            },
            "Observe".into(),
        ),
        (
            "somebody wrote in between, and live is read again",
            {
                Known {
                    live: Live::Found(ours()),
                    failed: failed(Verb::Update, Class::Conflict, true),
                    ..known()
                }
            },
            "update r2".into(),
        ),
        (
            "somebody writes all the time",
            {
                let failed = failed(Verb::Update, Class::Conflict, true);
                Known { live: Live::Found(ours()), failed, rereads: 5, ..known() }
            },
            "Failed [decoded=true:true scoped=true:none owned=true:true synced=false:false] Backoff".into(),
        ),
        (
            "what it refers to is missing",
            Known { failed: failed(Verb::Create, Class::Reference, false), ..known() },
            "Failed [decoded=true:true scoped=true:none owned=true:new synced=false:false] Early".into(),
        ),
        (
            "gone, or its reference is: look",
            {
                let failed = failed(Verb::Update, Class::AbsentOrReference, false);
                Known { live: Live::Found(ours()), failed, ..known() }
            },
            "Observe".into(),
        ),
        (
            "it is there, so its reference is missing",
            {
                let failed = failed(Verb::Update, Class::AbsentOrReference, true);
                Known { live: Live::Found(ours()), failed, ..known() }
            },
            "Failed [decoded=true:true scoped=true:none owned=true:true synced=false:false] Early".into(),
        ),
        (
            "it is gone: made again",
            {
                Known {
                    live: Live::Absent,
                    failed: failed(Verb::Update, Class::AbsentOrReference, true),
                    ..known()
                }
            },
            "Create".into(),
        ),
        (
            "refused for what it says",
            Known { failed: failed(Verb::Create, Class::Invalid, false), ..known() },
            "Failed [decoded=true:true scoped=true:none owned=true:new synced=false:false] Slow".into(),
        ),
        (
            "the target is away: the object stays as it is",
            Known { failed: failed(Verb::Create, Class::Unavailable, false), ..known() },
            "Waiting [] Reachable".into(),
        ),
        (
            "written",
            {
                let written = Written {
                    verb: Verb::Create,
                    changed: vec![],
                    why: Why::Asked,
                    dropped: vec![],
                    record: Record::default(),
                };
                Known { written: Some(written), ..known() }
            },
            format!("Create {all_well} Never recorded"),
        ),
        (
            "it goes, and was never held",
            { Known { object: Facts { deleting: true, ..Facts::default() }, ..known() } },
            "Released [] Never".into(),
        ),
        ("it goes: read first", deleting(Live::Unread), "Observe".into()),
        ("it goes, and so does its resource", deleting(Live::Found(ours())), "Delete".into()),
        ("it goes, nothing is there", deleting(Live::Absent), "RemoveFinalizer".into()),
        (
            "it goes, what is there is not ours",
            deleting(Live::Found(Found { owned: false, ..ours() })),
            "RemoveFinalizer".into(),
        ),
        (
            "it goes, what is there is of another kind",
            deleting(Live::Found(Found { other_kind: Some("x".into()), ..ours() })),
            "RemoveFinalizer".into(),
        ),
        (
            "it goes, and was never named as the only resource: that one is not its own",
            {
                let object = Facts { misnamed: true, ..deleting(Live::Unread).object };
                Known { object, ..known() }
            },
            "RemoveFinalizer".into(),
        ),
        (
            "it goes and the resource is to stay",
            {
                let object = Facts { keep: true, ..deleting(Live::Unread).object };
                Known { object, ..known() }
            },
            "RemoveFinalizer".into(),
        ),
        (
            "it goes, though its specification is bad",
            { Known { desired: Desired::Refused("bad".into()), ..deleting(Live::Found(ours())) } },
            "Delete".into(),
        ),
        (
            "in use: it waits, and looks again early",
            {
                Known { failed: failed(Verb::Delete, Class::Blocked, false), ..deleting(Live::Found(ours())) }
            },
            "Failed [synced=false:false] Early".into(),
        ),
        (
            "somebody else deleted it first",
            { Known { failed: failed(Verb::Delete, Class::Absent, false), ..deleting(Live::Found(ours())) } },
            "RemoveFinalizer".into(),
        ),
    ];
    for (situation, known, expected) in cases {
        assert_eq!(word(&decide(&known)), expected, "{situation}");
    }
}

fn scoped(scope: Scope) -> Known {
    Known { object: Facts { scope, ..known().object }, ..known() }
}

fn other() -> Scope {
    Scope::Other { object: "/staging".into(), operator: "/prod".into() }
}

/// A situation in which policies matter: an object that was written, and a resource that is not as recorded.
fn drifted(change: impl FnOnce(&mut Facts)) -> Known {
    let paths = vec!["spec.x".to_owned()];
    let found = Found { changed: paths.clone(), changed_if_ours: paths, ..ours() };
    let mut object = Facts { record: record("new"), suspect: true, ..known().object };
    change(&mut object);
    Known { object, live: Live::Found(found), ..known() }
}

fn with(mut known: Known, change: impl FnOnce(&mut Known)) -> Known {
    change(&mut known);
    known
}

fn foreign(mut known: Known) -> Known {
    known.object.record = None;
    if let Live::Found(found) = &mut known.live {
        found.owned = false;
    }
    known
}

fn identical(mut known: Known) -> Known {
    if let Live::Found(found) = &mut known.live {
        found.changed_if_ours = Vec::new();
    }
    known
}

#[test]
fn policies_and_what_follows() {
    let well = "[decoded=true:true scoped=true:none owned=true:true synced=true:true]";
    let seen = "[decoded=true:true scoped=true:none synced=true:true]";
    let left = format!("Drifted [{} Drifted] Never", &seen[1..seen.len() - 1]);
    let refused = "Failed [decoded=true:true scoped=true:none owned=false:false] Slow";
    let looping = |times, lately| {
        drifted(|object| {
            object.repeated = Some(Repeated { paths: vec!["spec.x".to_owned()], times, lately });
        })
    };
    let cases: Vec<(&str, Known, String)> = vec![
        ("drift is undone", drifted(|_| {}), "update r2 reverting".into()),
        ("drift is told", drifted(|object| object.drift = Drift::Report), left.clone()),
        (
            "drift is nobody's business",
            drifted(|object| object.drift = Drift::Ignore),
            format!("InSync {well} Never"),
        ),
        (
            "an edit is written, whatever drifted",
            drifted(|object| (object.drift, object.record) = (Drift::Report, record("old"))),
            "update r2".into(),
        ),
        (
            "deleted elsewhere, which is told",
            with(drifted(|object| object.drift = Drift::Report), |known| known.live = Live::Absent),
            left.clone(),
        ),
        (
            "not there, which may be a cache's word",
            with(drifted(|object| (object.drift, object.lags) = (Drift::Report, true)), |known| {
                known.live = Live::Absent;
            }),
            format!("InSync {well} Never"),
        ),
        (
            "deleted elsewhere, which is nobody's business",
            with(drifted(|object| object.drift = Drift::Ignore), |known| known.live = Live::Absent),
            format!("InSync {well} Never"),
        ),
        (
            "only observed: no finalizer, and it differs",
            foreign(drifted(|object| (object.management, object.finalized) = (Management::Observe, false))),
            left.clone(),
        ),
        (
            "only observed, and it is somebody's own but as asked",
            identical(foreign(drifted(|object| object.management = Management::Observe))),
            format!("InSync {seen} Never recorded"),
        ),
        (
            "only observed, and it is not there",
            with(drifted(|object| object.management = Management::Observe), |known| {
                known.live = Live::Absent
            }),
            left.clone(),
        ),
        (
            "only observed, and seen before: what was observed is no write",
            with(drifted(|object| object.suspect = false), |known| {
                known.object.record = record("~new");
                known.live = Live::Unread;
            }),
            "Observe".into(),
        ),
        (
            "only observed, and it goes",
            with(deleting(Live::Unread), |known| known.object.management = Management::Observe),
            "RemoveFinalizer".into(),
        ),
        (
            "its resource is to stay",
            with(deleting(Live::Unread), |known| known.object.management = Management::NoDelete),
            "RemoveFinalizer".into(),
        ),
        (
            "only to be created: an edit is no matter",
            with(known(), |known| {
                (known.object.management, known.object.record) = (Management::CreateOnly, record("old"));
            }),
            format!("InSync {well} Never"),
        ),
        (
            "only to be created, and there already",
            drifted(|object| (object.management, object.record) = (Management::CreateOnly, None)),
            format!("InSync {well} Never recorded"),
        ),
        (
            "only to be created, and it goes",
            with(deleting(Live::Found(ours())), |known| known.object.management = Management::CreateOnly),
            "Delete".into(),
        ),
        ("not ours", foreign(drifted(|_| {})), refused.into()),
        (
            "not ours, and to be taken",
            foreign(drifted(|object| object.adopt = Adopt::Always)),
            "update r2 adopting".into(),
        ),
        (
            "not ours, and other than asked",
            foreign(drifted(|object| object.adopt = Adopt::IfIdentical)),
            refused.into(),
        ),
        (
            "not ours, but as asked",
            identical(foreign(drifted(|object| object.adopt = Adopt::IfIdentical))),
            "update r2 adopting".into(),
        ),
        (
            "not ours, and never to be changed",
            foreign(drifted(|object| {
                (object.adopt, object.management) = (Adopt::Always, Management::CreateOnly)
            })),
            refused.into(),
        ),
        ("paused", drifted(|object| object.paused = Some("x".into())), "Paused [Paused] Never".into()),
        (
            "paused, even when it goes",
            with(deleting(Live::Found(ours())), |known| known.object.paused = Some("x".into())),
            "Paused [Paused] Never".into(),
        ),
        (
            "nobody understands what is asked",
            drifted(|object| object.unknown = Some("x".into())),
            "Failed [UnknownPolicy] Never".into(),
        ),
        (
            "new, and exactly as asked, if that is not of an object before it",
            with(drifted(|object| object.record = None), |known| {
                known.live = Live::Found(Found { same: true, ..ours() });
            }),
            "update r2".into(),
        ),
        (
            "no record, but written by the official operator, and exactly as asked",
            with(drifted(|object| (object.record, object.synced) = (None, true)), |known| {
                known.live = Live::Found(Found { same: true, ..ours() });
            }),
            format!("InSync {well} Never recorded"),
        ),
        (
            "no record, and as asked but for what the server adds: one update",
            with(drifted(|object| object.record = None), |known| known.live = Live::Found(ours())),
            "update r2".into(),
        ),
        (
            "no record is kept, and all was well: it is compared",
            with(drifted(|object| (object.record, object.settled) = (None, true)), |known| {
                known.live = Live::Found(ours());
            }),
            format!("InSync {well} Never recorded"),
        ),
        (
            "no record is kept, and all was well: no create is tried",
            with(known(), |known| known.object.settled = true),
            "Observe".into(),
        ),
        (
            "no record, and what can't be compared",
            with(drifted(|object| (object.record, object.settled) = (None, true)), |known| {
                known.live = Live::Found(Found { same: true, blind: true, ..ours() });
            }),
            "update r2".into(),
        ),
        (
            "a record of another normalisation: it is compared",
            with(drifted(|object| object.record = record("0:old")), |known| {
                known.desired = Desired::Hash("1:new".into());
                known.live = Live::Found(ours());
            }),
            format!("InSync {well} Never recorded"),
        ),
        (
            "the server drops what is written: the same again is no use",
            with(looping(1, true), |known| {
                known.object.record = Some(Record { desired: "new".into(), ..Record::default() });
                if let Live::Found(found) = &mut known.live {
                    found.lacking = found.changed.clone();
                }
            }),
            format!("InSync {} FieldsIgnored] Never recorded", &well[..well.len() - 1]),
        ),
        (
            "written too often",
            looping(LOOP, true),
            format!("Drifted {} UpdateLoop] Slow", &well[..well.len() - 1]),
        ),
        (
            "nothing changes one: what differs is told, with what to do",
            drifted(|object| object.immutable = true),
            "Failed [decoded=true:true scoped=true:none owned=true:true synced=false:false] Slow".into(),
        ),
        (
            "nothing changes one, and it was edited",
            drifted(|object| (object.immutable, object.record) = (true, record("old"))),
            "Failed [decoded=true:true scoped=true:none owned=true:true synced=false:false] Slow".into(),
        ),
        (
            "nothing changes one, and it is not as recorded where the object leaves it open",
            with(drifted(|object| object.immutable = true), |known| known.live = Live::Found(ours())),
            format!("InSync {well} Never"),
        ),
        (
            "nothing changes one, so it can't be marked as ours",
            foreign(drifted(|object| (object.immutable, object.adopt) = (true, Adopt::Always))),
            refused.into(),
        ),
        (
            "ours by a record, and told so",
            with(drifted(|object| object.owned_by = OwnedBy::Record), |known| {
                known.live = Live::Found(Found { revision: "r1".into(), ..ours() });
            }),
            format!("InSync {} Never", well.replace("owned=true:true", "owned=true:recorded")),
        ),
        (
            "without a place for a mark, it is adopted as any other",
            foreign(drifted(|object| (object.owned_by, object.adopt) = (OwnedBy::Record, Adopt::Always))),
            "update r2 adopting".into(),
        ),
        ("written too often, a while ago", looping(LOOP, false), "update r2 reverting".into()),
        ("written often", looping(LOOP - 1, true), "update r2 reverting".into()),
        (
            "written once more, and now it is a loop",
            with(looping(LOOP - 1, true), |known| {
                let (verb, why, changed) = (Verb::Update, Why::Reverts, vec!["spec.x".to_owned()]);
                known.written =
                    Some(Written { verb, changed, why, dropped: vec![], record: Record::default() });
            }),
            format!("Reverted {} UpdateLoop] Never recorded", &well[..well.len() - 1]),
        ),
    ];
    for (situation, known, expected) in cases {
        assert_eq!(word(&decide(&known)), expected, "{situation}");
    }
}

#[test]
fn of_two_objects_one_has_the_resource() {
    let rival = |change: &dyn Fn(&mut Known)| {
        let mut known = known();
        known.object.rival = Some("Widget ns/first".into());
        change(&mut known);
        known
    };
    let heir = |heir: Heir, owned: bool| {
        let mut known = deleting(Live::Found(Found { owned, ..ours() }));
        known.object.heir = heir;
        known
    };
    let taken = "Failed [decoded=true:true scoped=true:none Conflict] Slow";
    let unread = |known: &mut Known| known.secrets = Secrets::Unread;
    for (situation, known, expected) in [
        ("another has it", rival(&|_| {}), taken),
        ("another has it: no Secret is read", rival(&unread), taken),
        (
            "who only looks is in nobody's way",
            rival(&|known| known.object.management = Management::Observe),
            "Observe",
        ),
        ("it goes, and another stays", heir(Heir::Told, true), "ConfirmHeir"),
        ("it goes, and another really stays", heir(Heir::Confirmed, true), "RemoveFinalizer"),
        ("it goes, and no other stays", heir(Heir::None, true), "Delete"),
        ("what is not ours is nobody's", heir(Heir::Told, false), "RemoveFinalizer"),
    ] {
        assert_eq!(word(&decide(&known)), expected, "{situation}");
    }
    let Step::Finish(finish) = decide(&rival(&|_| {})) else { panic!("it ends") };
    assert!(finish.remarks[0].text.contains("Widget ns/first"), "{:?}", finish.remarks);
}

/// What a record must be of for its resource to be ours where nothing else says so.
#[test]
fn only_a_record_of_a_write_owns() {
    for (desired, owns) in [("1:x", true), ("^1:x", true), ("~1:x", false), ("=1:x", false), ("", false)] {
        let record = Record { desired: desired.into(), ..Record::default() };
        assert_eq!(record.is_of_a_write(), owns, "{desired}");
    }
}

/// Who only looks for a while still knows afterwards what is theirs; and looking alone makes nothing theirs.
#[test]
fn to_observe_what_we_wrote_does_not_lose_it() {
    let observed = |owned_by, before| {
        let known = with(drifted(|object| (object.owned_by, object.record) = (owned_by, before)), |known| {
            known.object.management = Management::Observe;
            known.live = Live::Found(ours());
        });
        let Step::Finish(finish) = decide(&known) else { panic!("{known:?}") };
        let record = finish.record.expect("it is as asked");
        let again = with(known, |known| known.object.record = Some(record.clone()));
        assert!(matches!(
            decide(&again),
            Step::Finish(Finish { outcome: Outcome::InSync, record: None, .. })
        ));
        record
    };
    assert_eq!(&*observed(OwnedBy::Record, record("old")).desired, "^new");
    assert_eq!(&*observed(OwnedBy::Record, record("^old")).desired, "^new");
    assert_eq!(&*observed(OwnedBy::Record, record("~old")).desired, "~new");
    assert_eq!(&*observed(OwnedBy::Record, None).desired, "~new");
    assert_eq!(&*observed(OwnedBy::Mark, record("old")).desired, "~new", "its mark tells");
}

fn deleting(live: Live) -> Known {
    let object = Facts { deleting: true, finalized: true, ..Facts::default() };
    Known { object, live, ..known() }
}

/// Answers that Kubernetes and the target could give, in the order they are asked for.
#[derive(Debug, Clone)]
struct Answers {
    found: Vec<Option<Found>>,
    writes: Vec<Option<Class>>,
    refused: bool,
    secret_missing: bool,
}

fn answers() -> impl Strategy<Value = Answers> {
    let flags = any::<(bool, bool, bool, bool, bool, bool)>();
    let found = (flags, "r[1-3]", "live|other").prop_map(
        |((owned, other, stale, differs, lacks, blind), revision, hash)| Found {
            owned,
            theirs: (!owned && other).then(|| "another's".to_owned()),
            other_kind: other.then(|| "other".to_owned()),
            stale,
            revision,
            hash,
            changed: if differs { vec!["spec.x".to_owned()] } else { vec![] },
            changed_if_ours: if differs { vec!["spec.x".to_owned()] } else { vec![] },
            lacking: if lacks && differs { vec!["spec.x".to_owned()] } else { vec![] },
            same: !differs && lacks,
            blind,
        },
    );
    let class = prop::sample::select(Class::NAMES.map(|(_, class)| class).to_vec());
    (
        prop::collection::vec(prop::option::weighted(0.7, found), 1..4),
        prop::collection::vec(prop::option::weighted(0.7, class), 1..4),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(found, writes, refused, secret_missing)| Answers {
            found,
            writes,
            refused,
            secret_missing,
        })
}

fn facts() -> impl Strategy<Value = Facts> {
    let record = prop::option::of(("[~=^]?(old|new)", "live|", "r[1-3]|")).prop_map(|record| {
        record.map(|(desired, live, revision)| Record {
            desired: desired.into(),
            live: live.into(),
            revision: revision.into(),
        })
    });
    let scopes = [Scope::Neither, Scope::Same, Scope::ObjectOnly, Scope::OperatorOnly, other()];
    let scope = prop::sample::select(scopes.to_vec());
    let times = prop::option::of((0..LOOP * 2, any::<bool>()));
    let repeated = times.prop_map(|times| {
        times.map(|(times, lately)| Repeated { paths: vec!["spec.x".to_owned()], times, lately })
    });
    let policies = (
        prop::sample::select(Management::NAMES.map(|(_, word)| word).to_vec()),
        prop::sample::select(Drift::NAMES.map(|(_, word)| word).to_vec()),
        prop::sample::select(Adopt::NAMES.map(|(_, word)| word).to_vec()),
        prop::option::weighted(0.1, "x"),
        prop::option::weighted(0.1, "x"),
    );
    let rivals = (prop::option::weighted(0.1, "x"), prop::sample::select(vec![Heir::None, Heir::Told]));
    (any::<[bool; 12]>(), record, repeated, policies, scope, rivals).prop_map(
        |(flags, record, repeated, policies, scope, (rival, heir))| Facts {
            deleting: flags[0],
            finalized: flags[1],
            ignored: flags[2],
            keep: flags[3],
            suspect: flags[4],
            exclusive_create: flags[5],
            lags: flags[6],
            settled: flags[7],
            synced: flags[8],
            owned_by: if flags[9] { OwnedBy::Record } else { OwnedBy::Mark },
            immutable: flags[10],
            misnamed: flags[11],
            management: policies.0,
            drift: policies.1,
            adopt: policies.2,
            paused: policies.3,
            unknown: policies.4,
            record,
            repeated,
            scope,
            rival,
            heir,
        },
    )
}

/// Runs a pass against the answers, checking every step on the way; gives its steps.
fn drive(object: Facts, answers: &Answers) -> Result<Vec<Step>, TestCaseError> {
    let mut known = Known { object, desired: Desired::Unknown, secrets: Secrets::Unread, ..known() };
    let (mut reads, mut writes) = (answers.found.iter().cycle(), answers.writes.iter().cycle());
    let mut steps = Vec::new();
    for _ in 0..40 {
        let step = decide(&known);
        steps.push(step.clone());
        match step {
            Step::AddFinalizer => known.object.finalized = true,
            Step::Translate if answers.refused => known.desired = Desired::Refused("bad".into()),
            Step::Translate => known.desired = Desired::Hash("new".into()),
            Step::ReadSecrets if answers.secret_missing => known.secrets = Secrets::Missing("gone".into()),
            Step::ReadSecrets => known.secrets = Secrets::Ready,
            Step::Observe => {
                if known.live != Live::Unread || known.failed.is_some() {
                    known.rereads += 1;
                }
                known.live = reads.next().cloned().flatten().map_or(Live::Absent, Live::Found);
                if let Some(failed) = &mut known.failed {
                    failed.reread = true;
                }
            }
            Step::ConfirmHeir => {
                known.object.heir = if answers.refused { Heir::Confirmed } else { Heir::None };
            }
            Step::Create | Step::Update(_) | Step::Delete => {
                let rival = known.object.rival.is_some() && !known.object.deleting;
                prop_assert!(!rival, "a write for an object whose resource another has: {steps:?}");
                let heir = known.object.heir != Heir::None && known.object.deleting;
                prop_assert!(!heir, "what another takes over is deleted: {steps:?}");
                prop_assert!(known.object.scope.is_ours(), "a write in another scope: {steps:?}");
                let verb = match step {
                    Step::Create => Verb::Create,
                    Step::Update(_) => Verb::Update,
                    _ => Verb::Delete,
                };
                prop_assert!(known.object.finalized, "a write without the finalizer: {steps:?}");
                let held = known.object.paused.is_some() || known.object.unknown.is_some();
                prop_assert!(!known.object.ignored && !held, "a write for an object at rest: {steps:?}");
                prop_assert_eq!(verb == Verb::Delete, known.object.deleting, "{:?}", &steps);
                let forbidden = match known.object.management {
                    Management::Manage => false,
                    Management::Observe => true,
                    Management::CreateOnly => verb == Verb::Update,
                    Management::NoDelete => verb == Verb::Delete,
                };
                prop_assert!(!forbidden, "a write that is not allowed: {steps:?}");
                let impossible = known.object.immutable && verb == Verb::Update;
                prop_assert!(!impossible, "an update of what nothing changes: {steps:?}");
                let others = known.object.misnamed && verb == Verb::Delete;
                prop_assert!(!others, "a deletion of what another object is about: {steps:?}");
                if verb != Verb::Create {
                    let Live::Found(found) = &known.live else { panic!("a write without a read: {steps:?}") };
                    let adopts = match known.object.adopt {
                        Adopt::Never => false,
                        Adopt::IfIdentical => found.changed_if_ours.is_empty(),
                        Adopt::Always => true,
                    };
                    let may = found.owned || adopts && verb == Verb::Update;
                    prop_assert!(may, "a write of what is not ours: {steps:?}");
                    prop_assert!(found.other_kind.is_none(), "a write of another kind: {steps:?}");
                }
                match writes.next().copied().flatten() {
                    None => {
                        let record = Record { desired: "new".into(), ..Record::default() };
                        let (why, dropped) = (Why::Asked, vec![]);
                        known.written = Some(Written { verb, changed: vec![], why, dropped, record });
                    }
                    Some(class) => known.failed = failed(verb, class, false),
                }
            }
            Step::RemoveFinalizer => {
                let stays = matches!(known.object.management, Management::Observe | Management::NoDelete);
                let gone = known.written.is_some()
                    || known.object.keep
                    || stays
                    || known.object.misnamed
                    || !known.object.scope.is_ours()
                    || known.object.heir == Heir::Confirmed
                    || known.failed.as_ref().is_some_and(|failed| failed.failure.class == Class::Absent)
                    || matches!(&known.live, Live::Absent)
                    || matches!(&known.live, Live::Found(found) if !found.owned || found.other_kind.is_some());
                prop_assert!(known.object.deleting && gone, "the finalizer went too early: {steps:?}");
                return Ok(steps);
            }
            Step::Finish(finish) => {
                let failed = matches!(finish.outcome, Outcome::Failed(_) | Outcome::Waiting);
                let told = answers.refused || known.object.unknown.is_some() || !known.object.scope.is_ours();
                prop_assert!(!failed || finish.wake != Wake::Never || told, "given up: {steps:?}");
                // Unless nobody may write, or wants it: at the end of a good pass the resource is as asked.
                let free =
                    known.object.management != Management::Observe && known.object.drift == Drift::Correct;
                let drifted = finish.outcome == Outcome::Drifted;
                let loops = finish.wake == Wake::Slow;
                prop_assert!(!(free && drifted) || loops, "drift that is left: {steps:?}");
                return Ok(steps);
            }
        }
    }
    Err(TestCaseError::fail(format!("no end: {steps:?}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Whatever is answered: a pass ends, writes nothing that is not ours, never without the finalizer, and lets an
    /// object go only when its resource is gone, foreign or to be kept.
    #[test]
    fn passes_end_and_touch_only_what_is_ours(object in facts(), answers in answers()) {
        drive(object, &answers)?;
    }

    /// A refused specification leads to no call at all.
    #[test]
    fn nothing_is_called_for_a_bad_specification(object in facts(), answers in answers()) {
        let (answers, object) = (Answers { refused: true, ..answers }, Facts { deleting: false, ..object });
        for step in drive(object, &answers)? {
            let calls = matches!(step, Step::Observe | Step::Create | Step::Update(_) | Step::Delete | Step::ReadSecrets);
            prop_assert!(!calls, "{step:?}");
        }
    }
}
