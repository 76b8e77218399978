//! What an object's status says after a pass, and what people are told of it. Pure: words and values in, JSON out.
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::decide::{Finish, Outcome, Record, Say, Verb, Which};
use super::ports::Note;
use crate::kube::status::{Condition, Time, merge, read};
use crate::mapping::plan::{self, Words};

/// The condition that tools wait for: all is well, or what is not.
const READY: &str = "Ready";
/// Where status keeps the record.
const RECORD: &str = "record";

/// The record in a status, if there is one.
pub fn record(status: &Value) -> Option<Record> {
    let text = |name: &str| status[RECORD][name].as_str().map(str::to_owned);
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
    ready && status["observedGeneration"] == generation
}

/// What is to be merged into a status after a pass; none where nothing would change.
pub fn patch(old: &Value, finish: &Finish, words: &Words, generation: i64, now: Timestamp) -> Option<Value> {
    if finish.says.is_empty() {
        return None;
    }
    let before = read(old);
    let mut conditions: Vec<_> =
        finish.says.iter().filter_map(|say| condition(say, words, generation)).collect();
    conditions.push(ready(&conditions, generation));
    let conditions = merge(&before, conditions, now);
    let mut patch = Map::new();
    if conditions != before {
        patch.insert("conditions".to_owned(), json!(conditions));
    }
    if old["observedGeneration"] != generation {
        patch.insert("observedGeneration".to_owned(), generation.into());
    }
    if let Some(new) = finish.record.as_ref().filter(|new| record(old).as_ref() != Some(new)) {
        let Record { desired, live, revision } = new;
        patch.insert(RECORD.to_owned(), json!({"desired": desired, "live": live, "revision": revision}));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
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
    let (reason, message) = match of.says.get(say.outcome) {
        Some(says) => {
            let fill = |text: String, (place, with): &(&str, String)| text.replace(place, with);
            (says.reason.clone(), say.fills.iter().fold(says.message.clone(), fill))
        }
        None => (say.outcome.to_owned(), String::new()),
    };
    Some(made(&of.type_, say.status, reason, message, generation))
}

/// The first thing that is wrong, or that nothing is.
fn ready(conditions: &[Condition], generation: i64) -> Condition {
    match conditions.iter().find(|condition| condition.status != "True") {
        Some(wrong) => made(READY, false, wrong.reason.clone(), wrong.message.clone(), generation),
        None => made(
            READY,
            true,
            "InSync".to_owned(),
            "The resource is as this object asks.".to_owned(),
            generation,
        ),
    }
}

fn made(type_: &str, status: bool, reason: String, mut message: String, generation: i64) -> Condition {
    // The longest message that Kubernetes takes.
    const LONGEST: usize = 32_768;
    let end = (0..=LONGEST.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
    message.truncate(end.unwrap_or_default());
    Condition {
        type_: type_.to_owned(),
        status: if status { "True" } else { "False" }.to_owned(),
        reason,
        message,
        observed_generation: Some(generation),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }
}

/// What people are told: of every write, and of every failure that says something new.
pub fn note(finish: &Finish, patch: Option<&Value>) -> Option<Note> {
    let note =
        |warning, reason: &str, action, text| Some(Note { warning, reason: reason.to_owned(), action, text });
    let paths = |changed: &[String]| match changed {
        [] => String::new(),
        paths => format!(": {}", paths.join(", ")),
    };
    match &finish.outcome {
        Outcome::Wrote(Verb::Create, _) => {
            note(false, "Created", "Create", "created the resource".to_owned())
        }
        Outcome::Wrote(_, changed) => {
            note(false, "Updated", "Update", format!("updated the resource{}", paths(changed)))
        }
        Outcome::Reverted(changed) => {
            note(true, "Reverted", "Update", format!("undid a change made elsewhere{}", paths(changed)))
        }
        Outcome::Failed(_) => {
            let conditions = patch?["conditions"].as_array()?;
            let ready = conditions.iter().find(|condition| condition["type"] == READY)?;
            let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
            note(true, &text("reason"), "Sync", text("message"))
        }
        Outcome::InSync | Outcome::Ignored | Outcome::Released | Outcome::Waiting => None,
    }
}
