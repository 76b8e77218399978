//! How long a change takes from where it is made to where it matters: an edit of an object until it stands in the target,
//! and a change in the target until it is undone. The target's own log says when.
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::api::Api;
use crate::control::Write;
use crate::roles::{edit, name};
use crate::samples::Samples;
use crate::world::World;

/// How long a single change may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the target's log shows for a write that somebody else made.
const ELSEWHERE: &str = "control";

/// Edits the roles of these numbers one after the other, from the moment that each is sent to the API server.
/// `stage` sets them apart from the edits of other stages.
pub fn edited(world: &World, api: &Api, stage: &str, roles: impl Iterator<Item = usize>) -> Samples {
    let from = world.target.writes().len();
    let edit = |index: usize| {
        let began = SystemTime::now();
        api.merge(&name(index), &edit(stage));
        // Apart: each is on its own.
        sleep(Duration::from_millis(70));
        (name(index), began)
    };
    let edits: Vec<_> = roles.map(edit).collect();
    seen(world, from, &edits)
}

/// Changes the resources of the roles of these numbers in the target one after the other, from the moment that each stands
/// there.
pub fn reverted(world: &World, roles: impl Iterator<Item = usize>) -> Samples {
    let from = world.target.writes().len();
    let stored = world.target.dump().remove("role").expect("roles");
    let names: Vec<_> = roles.map(name).collect();
    for name in &names {
        let mut changed = stored[name].json.clone();
        changed["spec"]["allow"]["logins"] = json!(["intruder"]);
        world.target.put("role", name, &changed);
        // No multiple of the target's own period.
        sleep(Duration::from_millis(170));
    }
    let log = world.target.writes();
    let elsewhere = log[from..].iter().filter(|write| write.method == ELSEWHERE);
    let drifts: Vec<_> = elsewhere.map(|write| (write.name.clone(), at(write))).collect();
    assert_eq!(drifts.len(), names.len());
    seen(world, from, &drifts)
}

/// How long after its time the operator wrote each of these resources.
fn seen(world: &World, from: usize, changes: &[(String, SystemTime)]) -> Samples {
    let began = Instant::now();
    loop {
        let log = world.target.writes();
        let taken = |(name, since): &(String, SystemTime)| {
            let answers = log[from..].iter().filter(|write| write.name == *name && write.method != ELSEWHERE);
            let mut delays = answers.filter_map(|write| at(write).duration_since(*since).ok());
            delays.next()
        };
        if let Some(taken) = changes.iter().map(taken).collect() {
            return Samples::new(taken);
        }
        assert!(began.elapsed() < PATIENCE, "some change has no answer after {PATIENCE:?}");
        sleep(Duration::from_millis(100));
    }
}

fn at(write: &Write) -> SystemTime {
    OffsetDateTime::parse(&write.time, &Rfc3339).expect("a time").into()
}
