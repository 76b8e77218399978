//! The `tagged` representation: a choice between messages, as one object whose `type` names the choice.
//! Reads and prints the whole object; what each member holds is a scalar by Go's rules.
use prost_reflect::{DynamicMessage, Kind, Value};
use serde_json::{Map, Value as Json};

use super::place::Place;
use super::refusal::{Refusal, quoted};
use super::scalar;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::mapping::repr::{Choice, Json as Rules, TAG};

/// None where null leaves the choice unset.
pub(super) fn read(
    choices: &[Choice],
    json: &Json,
    at: &Place<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Result<Option<Value>, Refusal> {
    let members = match json {
        Json::Null => return Ok(None),
        Json::Object(members) => members,
        _ => return Err(Refusal::new(accepts(choices))),
    };
    let Some(choice) = chosen(choices, members.get(TAG), at, problems) else { return Ok(None) };
    let Kind::Message(of) = choice.field.kind() else { return Ok(None) };
    let mut inner = DynamicMessage::new(of);
    for (key, value) in members.iter().filter(|(key, _)| *key != TAG) {
        member(choice, key, value, &mut inner, at, problems);
    }
    let mut message = DynamicMessage::new(choice.field.parent_message().clone());
    message.set_field(&choice.field, Value::Message(inner));
    Ok(Some(Value::Message(message)))
}

/// The object of what is chosen; null where nothing is.
pub(super) fn print(choices: &[Choice], value: &Value) -> Json {
    let Some(message) = value.as_message() else { return Json::Null };
    let Some(choice) = choices.iter().find(|choice| message.has_field(&choice.field)) else {
        return Json::Null;
    };
    let value = message.get_field(&choice.field);
    let Some(inner) = value.as_message() else { return Json::Null };
    let mut members = Map::from_iter([(TAG.to_owned(), Json::String(choice.word.clone()))]);
    for (key, field) in choice.members.iter().filter(|(_, field)| inner.has_field(field)) {
        let printed = scalar::print(Rules::Go, &field.kind(), &inner.get_field(field));
        members.insert(key.clone(), printed);
    }
    Json::Object(members)
}

/// What it may be, in words for people.
pub(super) fn accepts(choices: &[Choice]) -> String {
    format!("an object whose `{TAG}` is {}", words(choices))
}

fn words(choices: &[Choice]) -> String {
    let words: Vec<_> = choices.iter().map(|choice| format!("`{}`", choice.word)).collect();
    words.join(" or ")
}

fn chosen<'a>(
    choices: &'a [Choice],
    tag: Option<&Json>,
    at: &Place<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<&'a Choice> {
    let found = tag.and_then(Json::as_str);
    let choice = found.and_then(|word| choices.iter().find(|choice| choice.word == word));
    match (choice, tag) {
        (Some(_), _) => {}
        (None, None) => {
            let problem = Diagnostic::error(format!("`{TAG}` is missing")).path(at.to_string());
            problems.push(problem.help(format!("set it to {}", words(choices))));
        }
        (None, Some(tag)) => {
            let help =
                found.and_then(|word| did_you_mean(word, choices.iter().map(|choice| choice.word.as_str())));
            problems.push(Refusal::new(words(choices)).help(help).found(tag, &Place::Member(at, TAG)));
        }
    }
    choice
}

/// The official types drop a member that they don't know, here alone, so it is dropped here too.
fn member(
    choice: &Choice,
    key: &str,
    json: &Json,
    into: &mut DynamicMessage,
    at: &Place<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    let place = Place::Key(at, key);
    let Some((_, field)) = choice.members.iter().find(|(name, _)| name == key) else {
        let message = format!("unknown field {} of `{}`: it is dropped", quoted(key), choice.word);
        let help = did_you_mean(key, choice.members.iter().map(|(name, _)| name.as_str()));
        problems.push(Diagnostic::warning(message).path(place.to_string()).maybe_help(help));
        return;
    };
    if json.is_null() {
        return;
    }
    match scalar::read(Rules::Go, &field.kind(), json) {
        Ok(value) => super::set_field(into, field, value),
        Err(refusal) => problems.push(refusal.found(json, &place)),
    }
}
