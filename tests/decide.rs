//! The pass as a step function: a table of situations, and properties that hold whatever Kubernetes and the target answer.
use proptest::prelude::*;
use teleport_operator::mapping::errors::Class;
use teleport_operator::sync::decide::{
    Desired, Facts, Failed, Failure, Finish, Found, Known, Live, Outcome, Record, Say, Secrets, Step, Update,
    Verb, Wake, Which, Written, decide,
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
        Step::Update(Update { revision, reverts, .. }) => {
            format!("update {revision}{}", if *reverts { " reverting" } else { "" })
        }
        Step::Finish(Finish { outcome, says, wake, record }) => {
            let says: Vec<_> = says.iter().map(say).collect();
            let record = if record.is_some() { " recorded" } else { "" };
            let outcome = match outcome {
                Outcome::Wrote(verb, _) => format!("{verb:?}"),
                Outcome::Reverted(_) => "Reverted".to_owned(),
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
                    reverted: false,
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
    let found = (any::<bool>(), any::<bool>(), any::<bool>(), "r[1-3]", "live|other").prop_map(
        |(owned, other, stale, revision, hash)| Found {
            owned,
            other_kind: other.then(|| "other".to_owned()),
            stale,
            revision,
            hash,
            changed: vec![],
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
    let record = prop::option::of(("old|new", "live|", "r[1-3]|"))
        .prop_map(|record| record.map(|(desired, live, revision)| Record { desired, live, revision }));
    let scopes = [Scope::Neither, Scope::Same, Scope::ObjectOnly, Scope::OperatorOnly, other()];
    let scope = prop::sample::select(scopes.to_vec());
    (any::<(bool, bool, bool, bool, bool, bool, bool)>(), record, scope).prop_map(|(flags, record, scope)| {
        Facts {
            deleting: flags.0,
            finalized: flags.1,
            ignored: flags.2,
            keep: flags.3,
            suspect: flags.4,
            exclusive_create: flags.5,
            lags: flags.6,
            record,
            scope,
        }
    })
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
            Step::Create | Step::Update(_) | Step::Delete => {
                prop_assert!(known.object.scope.is_ours(), "a write in another scope: {steps:?}");
                let verb = match step {
                    Step::Create => Verb::Create,
                    Step::Update(_) => Verb::Update,
                    _ => Verb::Delete,
                };
                prop_assert!(known.object.finalized, "a write without the finalizer: {steps:?}");
                prop_assert!(!known.object.ignored, "a write for an ignored object: {steps:?}");
                prop_assert_eq!(verb == Verb::Delete, known.object.deleting, "{:?}", &steps);
                if verb != Verb::Create {
                    let Live::Found(found) = &known.live else { panic!("a write without a read: {steps:?}") };
                    prop_assert!(found.owned, "a write of what is not ours: {steps:?}");
                    prop_assert!(found.other_kind.is_none(), "a write of another kind: {steps:?}");
                }
                match writes.next().copied().flatten() {
                    None => {
                        let record = Record { desired: "new".into(), ..Record::default() };
                        known.written = Some(Written { verb, changed: vec![], reverted: false, record });
                    }
                    Some(class) => known.failed = failed(verb, class, false),
                }
            }
            Step::RemoveFinalizer => {
                let gone = known.written.is_some()
                    || known.object.keep
                    || !known.object.scope.is_ours()
                    || known.failed.as_ref().is_some_and(|failed| failed.failure.class == Class::Absent)
                    || matches!(&known.live, Live::Absent)
                    || matches!(&known.live, Live::Found(found) if !found.owned || found.other_kind.is_some());
                prop_assert!(known.object.deleting && gone, "the finalizer went too early: {steps:?}");
                return Ok(steps);
            }
            Step::Finish(finish) => {
                let failed = matches!(finish.outcome, Outcome::Failed(_) | Outcome::Waiting);
                let for_good = answers.refused || !known.object.scope.is_ours();
                prop_assert!(!failed || finish.wake != Wake::Never || for_good, "given up: {steps:?}");
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
