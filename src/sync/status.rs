//! What an object's status says after a pass, and what people are told of it. Pure: words and values in, JSON out.
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::decide::{About, Finish, Outcome, Record, Remark, Say, Verb, Which};
use super::policy::Policy;
use super::ports::Note;
use crate::kube::status::{Condition, Time, merge, read};
use crate::mapping::plan::{self, Words};
use crate::mapping::policy::{Drift, Management};

/// The condition that tools wait for: all is well, or what is not.
const READY: &str = "Ready";
/// Where status keeps the record.
const RECORD: &str = "record";
/// Where status says which policies hold, where they are not the usual ones.
const POLICY: &str = "policy";
/// Where status repeats the last request to compare.
const REQUEST: &str = "lastHandledSync";
/// The generation that the conditions speak of.
const GENERATION: &str = "observedGeneration";
/// What a CRD that is not ours may not have.
pub const OURS: [&str; 4] = [GENERATION, POLICY, RECORD, REQUEST];

/// The record in a status, if there is one.
pub fn record(status: &Value) -> Option<Record> {
    let text = |name: &str| status[RECORD][name].as_str().map(Into::into);
    Some(Record {
        desired: text("desired")?,
        live: text("live").unwrap_or_default(),
        revision: text("revision").unwrap_or_default(),
    })
}

/// Whether a status says that all is well with this generation. If not, a write may have come after its record: of a
/// generation since undone, for one.
pub fn is_current(status: &Value, generation: i64) -> bool {
    let ready = read(status).iter().any(|condition| condition.type_ == READY && condition.status == "True");
    ready && status[GENERATION] == generation
}

/// Whether a status says that all was well with this generation, as far as a CRD lets it say so that is not ours: the
/// official operator's conditions name no generation.
pub fn is_settled(status: &Value, generation: i64) -> bool {
    let ready = |condition: &Condition| condition.type_ == READY && condition.status == "True";
    read(status).iter().any(|condition| ready(condition) && condition.observed_generation == Some(generation))
}

/// Whether a status says that a write went through: ours, or the official operator's.
pub fn is_synced(status: &Value, words: &Words) -> bool {
    let synced = &words.synced.type_;
    read(status).iter().any(|condition| condition.type_ == *synced && condition.status == "True")
}

/// The last request to compare that was handled.
pub fn request(status: &Value) -> Option<&str> {
    status[REQUEST].as_str()
}

/// Whether a status has lost what a patch set: its CRD is not ours.
pub fn is_pruned(patch: &Value, after: &Value) -> bool {
    patch.get(RECORD).is_some_and(|record| !record.is_null()) && after[RECORD].is_null()
}

/// What a status is patched with.
pub struct Telling<'a> {
    /// The names of conditions, and their texts.
    pub words: &'a Words,
    /// The policies that hold.
    pub policy: &'a Policy,
    /// The object's generation.
    pub generation: i64,
    /// When.
    pub now: Timestamp,
    /// Its CRD is not ours, and has only conditions.
    pub conditions_only: bool,
}

/// What is to be merged into a status after a pass; none where nothing would change.
pub fn patch(old: &Value, finish: &Finish, telling: &Telling<'_>) -> Option<Value> {
    if finish.says.is_empty() && finish.remarks.is_empty() {
        return None;
    }
    let &Telling { words, policy, generation, now, conditions_only } = telling;
    let before = read(old);
    let said = finish.says.iter().filter_map(|say| condition(say, words, generation));
    let mut conditions: Vec<_> = said.collect();
    let ready = ready(&conditions, &finish.remarks, policy, generation);
    let remarks = finish.remarks.iter().map(|Remark { about, text, .. }| {
        made(about.name(), "True", about.name().to_owned(), text.clone(), generation)
    });
    conditions.extend(remarks);
    conditions.push(ready);
    let mut conditions = merge(&before, conditions, now);
    conditions.retain(|condition| is_meant(condition, finish));
    let mut patch = Map::new();
    if conditions != before {
        patch.insert("conditions".to_owned(), json!(conditions));
    }
    if old[GENERATION] != generation {
        patch.insert(GENERATION.to_owned(), generation.into());
    }
    let policies = policies(policy);
    if old[POLICY] != policies {
        patch.insert(POLICY.to_owned(), policies);
    }
    // While nothing is done, no request is handled.
    let handled = policy.requested.as_deref().filter(|_| !finish.says.is_empty());
    if handled.is_some() && handled != request(old) {
        patch.insert(REQUEST.to_owned(), json!(handled));
    }
    if let Some(new) = finish.record.as_ref().filter(|new| record(old).as_ref() != Some(new)) {
        let Record { desired, live, revision } = new;
        patch.insert(RECORD.to_owned(), json!({"desired": desired, "live": live, "revision": revision}));
    }
    if conditions_only {
        patch.retain(|name, _| !OURS.contains(&name.as_str()));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// A remark that is not made again is withdrawn; that the server ignores fields holds until the next write.
fn is_meant(condition: &Condition, finish: &Finish) -> bool {
    let Some((_, about)) = About::NAMES.iter().find(|(name, _)| *name == condition.type_) else {
        return true;
    };
    let wrote = matches!(finish.outcome, Outcome::Wrote(..) | Outcome::Reverted(_) | Outcome::Adopted(_));
    finish.remarks.iter().any(|remark| remark.about == *about) || (*about == About::FieldsIgnored && !wrote)
}

/// The policies that hold, without those that hold unless somebody says otherwise.
fn policies(policy: &Policy) -> Value {
    let Policy { management, drift, adopt, .. } = policy;
    let mut said = Map::new();
    let mut say = |name: &str, word: String, usual: bool| {
        if !usual {
            said.insert(name.to_owned(), word.into());
        }
    };
    say("management", management.to_string(), *management == Default::default());
    say("drift", drift.to_string(), *drift == Default::default());
    say("adopt", adopt.to_string(), *adopt == Default::default());
    if said.is_empty() { Value::Null } else { Value::Object(said) }
}

/// None where the target has no such condition.
fn condition(say: &Say, words: &Words, generation: i64) -> Option<Condition> {
    let of: &plan::Condition = match say.which {
        Which::Decoded => &words.decoded,
        Which::Scoped => words.scoped.as_ref()?,
        Which::Owned => &words.owned,
        Which::Synced => &words.synced,
    };
    // The grammar makes sure that every outcome has its words.
    // A target may leave out what says no more than yes or no.
    let says = of.says.get(say.outcome).or_else(|| of.says.get(if say.status { "true" } else { "false" }));
    let (reason, message) = match says {
        Some(says) => {
            let fill = |text: String, (place, with): &(&str, String)| text.replace(place, with);
            let message = says.message.replace("{adopt}", &words.adopt);
            (says.reason.clone(), say.fills.iter().fold(message, fill))
        }
        None => (say.outcome.to_owned(), String::new()),
    };
    Some(made(&of.type_, if say.status { "True" } else { "False" }, reason, message, generation))
}

/// The first thing that is wrong, or that nothing is.
fn ready(conditions: &[Condition], remarks: &[Remark], policy: &Policy, generation: i64) -> Condition {
    if let Some(wrong) = conditions.iter().find(|condition| condition.status != "True") {
        return made(READY, "False", wrong.reason.clone(), wrong.message.clone(), generation);
    }
    if let Some(remark) = remarks.iter().find(|remark| remark.unready) {
        let status = if remark.about == About::Paused { "Unknown" } else { "False" };
        return made(READY, status, remark.about.name().to_owned(), remark.text.clone(), generation);
    }
    let text = match (policy.management, policy.drift) {
        (Management::CreateOnly, Drift::Correct | Drift::Ignore) | (_, Drift::Ignore) => {
            "The resource was written as this object asked; what changes elsewhere stays."
        }
        _ => "The resource is as this object asks.",
    };
    made(READY, "True", "InSync".to_owned(), text.to_owned(), generation)
}

fn made(type_: &str, status: &str, reason: String, mut message: String, generation: i64) -> Condition {
    // The longest message that Kubernetes takes.
    const LONGEST: usize = 32_768;
    let end = (0..=LONGEST.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
    message.truncate(end.unwrap_or_default());
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason,
        message,
        observed_generation: Some(generation),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }
}

/// What people are told: of every write, and of every failure or remark that says something new. The first is the most
/// important.
pub fn notes(old: &Value, finish: &Finish, patch: Option<&Value>) -> Vec<Note> {
    let note =
        |warning, reason: &str, action, text| Note { warning, reason: reason.to_owned(), action, text };
    let paths = |changed: &[String]| match changed {
        [] => String::new(),
        paths => format!(": {}", paths.join(", ")),
    };
    let mut notes = Vec::new();
    match &finish.outcome {
        Outcome::Wrote(Verb::Create, _) => {
            notes.push(note(false, "Created", "Create", "created the resource".to_owned()));
        }
        Outcome::Wrote(_, changed) => {
            notes.push(note(false, "Updated", "Update", format!("updated the resource{}", paths(changed))));
        }
        Outcome::Reverted(changed) => {
            let text = format!("undid a change made elsewhere{}", paths(changed));
            notes.push(note(true, "Reverted", "Update", text));
        }
        Outcome::Adopted(changed) => {
            let text = format!("took over a resource that was not ours{}", paths(changed));
            notes.push(note(false, "Adopted", "Update", text));
        }
        Outcome::Failed(_) if finish.remarks.is_empty() => {
            let conditions = patch.and_then(|patch| patch["conditions"].as_array()).into_iter().flatten();
            let ready = conditions.into_iter().find(|condition| condition["type"] == READY);
            let text = |ready: &Value, key: &str| ready[key].as_str().unwrap_or_default().to_owned();
            notes.extend(
                ready.map(|ready| note(true, &text(ready, "reason"), "Sync", text(ready, "message"))),
            );
        }
        _ => {}
    }
    let before = read(old);
    let is_new = |remark: &&Remark| {
        let known = before.iter().find(|condition| condition.type_ == remark.about.name());
        known.is_none_or(|condition| condition.message != remark.text)
    };
    let remarks = finish.remarks.iter().filter(is_new);
    notes.extend(
        remarks.map(|Remark { about, text, .. }| {
            note(*about != About::Paused, about.name(), "Sync", text.clone())
        }),
    );
    notes
}
