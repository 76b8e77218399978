//! What people do: to objects, to Secrets, behind the operator's back in the target, and to the machines. One deed at a
//! time, drawn from the dice.
use std::time::Duration;

use fastrand::Rng;
use prost_reflect::Value as Field;
use serde_json::{Value, json};
use teleport_operator::mapping::plan::{Kind, Target};

use super::kubernetes::Id;
use super::process::place;
use super::story::Story;
use super::target::mark;
use super::world::{Cut, State, Weather};
use super::{KINDS, SECRET, SECRETS};

type Deed = fn(&mut State, &Target);

/// What people do by way of Kubernetes, and how often.
const DEEDS: [(u32, Deed); 10] = [
    (30, edit),
    (6, relabel),
    (4, describe),
    (2, ignore),
    (4, keep),
    (10, delete),
    (6, recreate),
    (2, strip),
    (4, put_secret),
    (2, delete_secret),
];

/// What people do in the target, behind the operator's back.
const MEDDLING: [(u32, Deed); 6] =
    [(7, meddle), (4, touch), (5, delete_behind), (3, create_behind), (2, disown), (3, delete_foreign)];

/// What happens to networks and machines.
const TROUBLE: [(u32, Deed); 5] = [(5, weather), (3, outage), (4, death), (2, cut_off), (2, leave)];

/// Does something, unless it is left out, and says how long it takes until the next deed. That is drawn first, so that it
/// is the same whatever happens.
pub fn deed(state: &mut State, plan: &Target, story: &Story, happens: bool) -> Duration {
    let longest = [0, 20, 200, 2_000, 10_000][state.people.usize(..5)];
    let rare = if state.people.u8(..40) == 0 { 700_000 } else { longest };
    let pause = Duration::from_millis(state.people.u64(0..=rare));
    let meddling = MEDDLING.into_iter().filter(|_| story.meddling);
    let more = meddling.chain(TROUBLE.into_iter().filter(|_| story.trouble));
    let deeds = DEEDS.into_iter().chain(more);
    let all: u32 = deeds.clone().map(|(often, _)| often).sum();
    let mut drawn = state.people.u32(..all);
    for (often, deed) in deeds {
        if drawn < often {
            if happens {
                deed(state, plan);
            }
            break;
        }
        drawn -= often;
    }
    pause
}

fn draw(dice: &mut Rng) -> Id {
    let (kind, names) = KINDS[dice.usize(..KINDS.len())];
    (kind.to_owned(), names[dice.usize(..names.len())].to_owned())
}

/// The kind of that name.
pub fn kind_of<'a>(plan: &'a Target, kind: &str) -> &'a Kind {
    plan.kinds.iter().find(|found| found.kubernetes.kind == kind).expect("a kind of the plan")
}

/// What an object asks for.
fn spec(dice: &mut Rng, kind: &str) -> Value {
    let n = dice.u8(..4).to_string();
    if dice.u8(..15) == 0 {
        return json!({"no_such_member": n});
    }
    match kind {
        "TeleportRole" | "TeleportRoleV7" => json!({"allow": {"logins": [n]}}),
        "TeleportUser" => {
            let mut roles: Vec<_> = ["r1", "r2", "r3"].into_iter().filter(|_| dice.u8(..2) == 0).collect();
            if dice.u8(..12) == 0 {
                roles.push("ghost");
            }
            json!({"roles": roles, "traits": {"logins": [n]}})
        }
        "TeleportProvisionToken" => json!({"roles": ["Node"], "bot_name": n, "join_method": "token"}),
        "TeleportGithubConnector" => {
            let secret = format!("secret://{}/key", SECRETS[dice.usize(..SECRETS.len())]);
            json!({"client_id": n, "client_secret": secret, "display": "d"})
        }
        "TeleportBotV1" => json!({"roles": [n]}),
        _ => json!({"tools": {"mode": if n == "0" { "enabled" } else { "disabled" }}}),
    }
}

fn edit(state: &mut State, plan: &Target) {
    let id = draw(&mut state.people);
    let spec = spec(&mut state.people, &id.0);
    state.note(format_args!("* {} {}: asks for {spec}", id.0, id.1));
    if state.kubernetes.object(&id).is_some() {
        return state.kubernetes.edit(&id, |object| object["spec"] = spec);
    }
    let api_version = kind_of(plan, &id.0).kubernetes.api_version();
    state.kubernetes.create(&id, &api_version, &json!({}), &spec);
}

/// An object that exists.
fn existing(state: &mut State) -> Option<Id> {
    let ids: Vec<_> = state.kubernetes.objects().map(|(id, _)| id.clone()).collect();
    (!ids.is_empty()).then(|| ids[state.people.usize(..ids.len())].clone())
}

fn set(state: &mut State, group: &str, name: &str, value: Value) {
    let Some(id) = existing(state) else { return };
    state.note(format_args!("* {} {}: {group} {name} = {value}", id.0, id.1));
    state.kubernetes.edit(&id, |object| match value {
        Value::Null => {
            if let Some(entries) = object["metadata"][group].as_object_mut() {
                entries.remove(name);
            }
        }
        value => object["metadata"][group][name] = value,
    });
}

fn relabel(state: &mut State, _: &Target) {
    let label = state.people.u8(..3).to_string();
    set(state, "labels", "team", label.into());
}

fn describe(state: &mut State, plan: &Target) {
    let text = state.people.u8(..3).to_string();
    set(state, "annotations", &plan.words.description, text.into());
}

fn ignore(state: &mut State, plan: &Target) {
    let value = if state.people.bool() { json!("true") } else { Value::Null };
    set(state, "annotations", &plan.words.ignore, value);
}

fn keep(state: &mut State, plan: &Target) {
    let value = if state.people.bool() { json!("true") } else { Value::Null };
    set(state, "annotations", &plan.words.keep, value);
}

fn delete(state: &mut State, _: &Target) {
    let Some(id) = existing(state) else { return };
    state.note(format_args!("* {} {}: delete", id.0, id.1));
    state.kubernetes.delete(&id);
}

/// Deletes an object, and makes it anew at the moment at which it is gone.
fn recreate(state: &mut State, _: &Target) {
    let Some(id) = existing(state) else { return };
    state.note(format_args!("* {} {}: delete, and create it anew", id.0, id.1));
    state.kubernetes.reborn.insert(id.clone());
    state.kubernetes.delete(&id);
}

/// Takes the finalizer off an object that is not to go.
fn strip(state: &mut State, _: &Target) {
    let Some(id) = existing(state) else { return };
    if state.kubernetes.object(&id).is_some_and(|object| object["metadata"]["deletionTimestamp"].is_null()) {
        state.note(format_args!("* {} {}: take its finalizer off", id.0, id.1));
        state.kubernetes.strip(&id);
    }
}

fn put_secret(state: &mut State, _: &Target) {
    let (name, value) =
        (SECRETS[state.people.usize(..SECRETS.len())], format!("{SECRET}{}", state.people.u8(..)));
    state.note(format_args!("* Secret {name}: new value"));
    state.kubernetes.put_secret(name, "key", value);
}

fn delete_secret(state: &mut State, _: &Target) {
    let name = SECRETS[state.people.usize(..SECRETS.len())];
    state.note(format_args!("* Secret {name}: delete"));
    state.kubernetes.delete_secret(name);
}

/// What somebody does to a resource.
enum Meddling {
    Describe,
    Touch,
    Disown,
    Delete,
}

fn behind(state: &mut State, plan: &Target, ours: bool, meddling: &Meddling) {
    let id = draw(&mut state.people);
    let resource = &kind_of(plan, &id.0).resource;
    let place = place(resource, &id.1);
    let Some(mut live) = state.server.latest(&place).cloned() else { return };
    if state.server.is_ours(resource, &live) != ours {
        return;
    }
    let (what, message) = match meddling {
        Meddling::Describe => {
            let text = format!("foreign {}", state.people.u8(..));
            let path = resource.metadata.description.as_ref().expect("a place for a description");
            path.set(&mut live, Field::String(text));
            ("describe", Some(live))
        }
        Meddling::Touch => ("write again", Some(live)),
        Meddling::Disown => {
            mark(&plan.ownership, resource, &mut live, false);
            ("take the mark off", Some(live))
        }
        Meddling::Delete => ("delete", None),
    };
    let possible = state.server.meddle(resource, &place, message);
    state.note(format_args!("* behind our back: {what} {} {} ({possible})", place.0, place.1));
}

fn meddle(state: &mut State, plan: &Target) {
    behind(state, plan, true, &Meddling::Describe);
}

fn touch(state: &mut State, plan: &Target) {
    behind(state, plan, true, &Meddling::Touch);
}

fn delete_behind(state: &mut State, plan: &Target) {
    behind(state, plan, true, &Meddling::Delete);
}

fn disown(state: &mut State, plan: &Target) {
    behind(state, plan, true, &Meddling::Disown);
}

fn delete_foreign(state: &mut State, plan: &Target) {
    behind(state, plan, false, &Meddling::Delete);
}

fn create_behind(state: &mut State, plan: &Target) {
    let id = draw(&mut state.people);
    let resource = &kind_of(plan, &id.0).resource;
    let place = place(resource, &id.1);
    if state.server.latest(&place).is_some() {
        return;
    }
    let mut foreign = prost_reflect::DynamicMessage::new(resource.message.clone());
    resource.metadata.name.set(&mut foreign, Field::String(place.1.clone()));
    for constant in &kind_of(plan, &id.0).constants {
        if let Some(field) = &constant.field {
            field.set(&mut foreign, Field::String(constant.value.clone()));
        }
    }
    state.note(format_args!("* behind our back: create {} {}", place.0, place.1));
    state.server.meddle(resource, &place, Some(foreign));
}

fn weather(state: &mut State, _: &Target) {
    let mut rate = || [0.0, 0.0, 0.05, 0.3][state.people.usize(..4)];
    let (slow, kubernetes, target, watches) = (rate(), rate(), rate(), rate());
    state.weather = Weather { slow, kubernetes, target, watches, ..state.weather };
    state.note(format_args!("* {:?}", state.weather));
}

fn outage(state: &mut State, _: &Target) {
    state.weather.outage = !state.weather.outage;
    state.note(format_args!("* outage: {}", state.weather.outage));
}

fn machine(state: &mut State) -> usize {
    let count = state.replicas.len();
    state.people.usize(..count)
}

fn death(state: &mut State, _: &Target) {
    let (which, soon, done) = (machine(state), state.people.u64(1..=12), state.people.bool());
    let replica = &mut state.replicas[which];
    replica.cut = Some(Cut { call: replica.calls + soon, done });
}

/// A replica loses Kubernetes, or has it back.
fn cut_off(state: &mut State, _: &Target) {
    let which = machine(state);
    state.weather.cut_off = state.weather.cut_off.is_none().then_some(which);
    state.note(format_args!("* {:?}", state.weather));
}

/// A process is told to end.
fn leave(state: &mut State, _: &Target) {
    let which = machine(state);
    state.replicas[which].leaves = true;
}
