//! The closed list of representations at work: one place for each form that reads one value, prints one value, and says
//! what it takes. Knows values, not where they stand in a resource.
use std::collections::{BTreeMap, HashMap};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, Value};
use serde_json::{Map, Value as Json};

use super::clock;
use super::place::Place;
use super::refusal::{Refusal, quoted};
use super::{duration, scalar, tagged};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::mapping::repr::{EnumWords, Form, Json as Rules, Printed, Repr, Unknown};

/// Words that `bool-word` takes for true, in lower case.
const TRUE: [&str; 6] = ["yes", "yeah", "y", "true", "1", "on"];
/// Words that are meant as false; so is every other word, but with a warning.
const FALSE: [&str; 7] = ["no", "nope", "n", "false", "0", "off", ""];

/// A value that is read: none where null or the form's own word for it leaves the field unset.
type Read = Result<Option<Value>, Refusal>;

/// Reads one value of a field; none where it is refused, which is then among the problems, or unset.
pub fn read(
    repr: &Repr,
    field: &FieldDescriptor,
    json: &Json,
    at: &Place<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Value> {
    let inner = repr.within.as_ref().unwrap_or(field);
    let read = match &repr.form {
        Form::Plain(rules) => some_unless_null(json, |json| scalar::read(*rules, &inner.kind(), json)),
        Form::BoolWord => bool_word(json, at, problems),
        Form::DurationWords => duration_text(json, inner, duration::parse_words, &accepts(repr, field)),
        Form::GoDuration => duration_text(json, inner, duration::parse_go, &accepts(repr, field)),
        Form::Nanoseconds => some_unless_null(json, |json| nanoseconds(json, inner)),
        Form::Seconds => some_unless_null(json, |json| seconds(json, inner)),
        Form::Time(rules) => clock::read_time(*rules, inner, json),
        Form::StringOrList => Ok(string_or_list(json, at, problems)),
        Form::StringList => Ok(string_list(json, at, problems)),
        Form::MapOfStringOrList { strings } => lists(json, strings, string_or_list, at, problems),
        Form::MapOfStringLists { strings } => lists(json, strings, string_list, at, problems),
        Form::KeyedLists { key, strings } => keyed(json, key, strings, at, problems),
        Form::EnumWords(words) => enum_words(words, json, at, problems),
        Form::EnumNames(unknown) => enum_names(*unknown, inner, json, at, problems),
        Form::FreeForm => some_unless_null(json, |json| match json {
            Json::Object(_) => scalar::read(Rules::Proto, &inner.kind(), json),
            _ => Err(Refusal::new("an object")),
        }),
        Form::OnOffText => on_off_text(json),
        Form::Tagged(choices) => tagged::read(choices, json, at, problems),
    };
    let value = read.unwrap_or_else(|refusal| {
        problems.push(refusal.found(json, at));
        None
    })?;
    Some(match (&repr.within, field.kind()) {
        (Some(within), Kind::Message(message)) => {
            let mut wrapped = DynamicMessage::new(message);
            super::set_field(&mut wrapped, within, value);
            Value::Message(wrapped)
        }
        _ => value,
    })
}

/// One value of a field in JSON. Null where the value has no JSON form at all, such as a time out of range.
pub fn print(repr: &Repr, field: &FieldDescriptor, value: &Value) -> Json {
    let (inner, unwrapped) = match (&repr.within, value) {
        (Some(within), Value::Message(message)) => (within, message.get_field(within)),
        _ => (field, std::borrow::Cow::Borrowed(value)),
    };
    let value = unwrapped.as_ref();
    match &repr.form {
        Form::Plain(rules) => scalar::print(*rules, &inner.kind(), value),
        Form::BoolWord => Json::from(value.as_bool()),
        Form::DurationWords | Form::GoDuration => Json::from(clock::nanoseconds(value).map(duration::print)),
        Form::Nanoseconds => Json::from(clock::nanoseconds(value)),
        Form::Seconds => Json::from(clock::seconds_text(value)),
        Form::Time(rules) => Json::from(clock::time_text(*rules, value)),
        Form::StringOrList => one_or_list(value),
        Form::StringList => list(value),
        Form::MapOfStringOrList { strings } => printed_lists(value, strings, one_or_list),
        Form::MapOfStringLists { strings } => printed_lists(value, strings, list),
        Form::KeyedLists { key, strings } => printed_keyed(value, key, strings),
        Form::EnumWords(words) => printed_word(words, value),
        Form::EnumNames(_) | Form::FreeForm => scalar::print(Rules::Proto, &inner.kind(), value),
        Form::OnOffText => scalar::print(Rules::Go, &inner.kind(), value),
        Form::Tagged(choices) => tagged::print(choices, value),
    }
}

/// What a value may be, in words for people.
pub fn accepts(repr: &Repr, field: &FieldDescriptor) -> String {
    let inner = repr.within.as_ref().unwrap_or(field);
    match &repr.form {
        Form::Plain(rules) => scalar::accepts(*rules, &inner.kind()),
        Form::BoolWord => "a boolean, or a word such as `yes` or `off`".to_owned(),
        Form::DurationWords => {
            "a duration such as `1h30m`, with the units ns, us, ms, s, m, h, d, mo and y, or `never`"
                .to_owned()
        }
        Form::GoDuration => "a duration such as `1h30m`, with the units ns, us, ms, s, m and h".to_owned(),
        Form::Nanoseconds => "a whole number of nanoseconds".to_owned(),
        Form::Seconds => "seconds such as `1800s` or `1.5s`".to_owned(),
        Form::Time(_) => "a time such as `2030-01-02T15:04:05Z`".to_owned(),
        Form::StringOrList => "a string or a list of strings".to_owned(),
        Form::StringList => "a list of strings".to_owned(),
        Form::MapOfStringOrList { .. } => "an object whose values are strings or lists of strings".to_owned(),
        Form::MapOfStringLists { .. } | Form::KeyedLists { .. } => {
            "an object whose values are lists of strings".to_owned()
        }
        Form::EnumWords(words) => words_of(words),
        Form::EnumNames(_) => scalar::accepts(Rules::Proto, &inner.kind()),
        Form::FreeForm => "an object".to_owned(),
        Form::OnOffText => "a string".to_owned(),
        Form::Tagged(choices) => tagged::accepts(choices),
    }
}

fn some_unless_null(json: &Json, read: impl Fn(&Json) -> Result<Value, Refusal>) -> Read {
    if json.is_null() { Ok(None) } else { read(json).map(Some) }
}

fn bool_word(json: &Json, at: &Place<'_>, problems: &mut Vec<Diagnostic>) -> Read {
    let word = match json {
        Json::Null => return Ok(None),
        Json::Bool(flag) => return Ok(Some(Value::Bool(*flag))),
        Json::String(word) => word.to_lowercase(),
        _ => return Err(Refusal::new("a boolean, or a word such as `yes` or `off`")),
    };
    let is_true = TRUE.contains(&word.as_str());
    if !is_true && !FALSE.contains(&word.as_str()) {
        let message = format!("{} is no word for yes or no: it is taken for false", quoted(&word));
        let problem = Diagnostic::warning(message).path(at.to_string()).label("taken for false");
        problems.push(problem.help("write true or false"));
    }
    Ok(Some(Value::Bool(is_true)))
}

/// Null is refused, as the official types do.
fn on_off_text(json: &Json) -> Read {
    let word = match json {
        Json::Bool(true) => "on".to_owned(),
        Json::Bool(false) => "off".to_owned(),
        other => scalar::text(other)?,
    };
    Ok(Some(Value::String(word)))
}

/// Null is refused: the official types read it as an empty text, which is no duration.
fn duration_text(
    json: &Json,
    field: &FieldDescriptor,
    parse: impl Fn(&str) -> Option<i64>,
    expected: &str,
) -> Read {
    let parsed = json.as_str().and_then(parse).and_then(|nanos| clock::from_nanoseconds(field, nanos));
    parsed.map(Some).ok_or_else(|| Refusal::new(expected))
}

fn nanoseconds(json: &Json, field: &FieldDescriptor) -> Result<Value, Refusal> {
    let number = json.as_i64().and_then(|nanos| clock::from_nanoseconds(field, nanos));
    let meant = json.as_str().and_then(duration::parse_words);
    let help = meant.map(|nanos| format!("write {nanos}"));
    number.ok_or_else(|| Refusal::new("a whole number of nanoseconds").help(help))
}

fn seconds(json: &Json, field: &FieldDescriptor) -> Result<Value, Refusal> {
    let meant = json.as_str().and_then(duration::parse_words).and_then(|nanos| {
        clock::from_nanoseconds(field, nanos).and_then(|value| clock::seconds_text(&value))
    });
    let read = json.as_str().and_then(|text| clock::from_seconds_text(field, text));
    let help = meant.map(|text| format!("write {text}"));
    read.ok_or_else(|| Refusal::new("seconds such as `1800s` or `1.5s`").help(help))
}

type ReadStrings = fn(&Json, &Place<'_>, &mut Vec<Diagnostic>) -> Option<Value>;

fn string_or_list(json: &Json, at: &Place<'_>, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    match json {
        Json::String(text) => Some(Value::List(vec![Value::String(text.clone())])),
        _ => strings(json, "a string or a list of strings", at, problems),
    }
}

fn string_list(json: &Json, at: &Place<'_>, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    strings(json, "a list of strings", at, problems)
}

/// Null is no list, and in a list it is the empty string.
fn strings(json: &Json, expected: &str, at: &Place<'_>, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    let items = match json {
        Json::Null => return None,
        Json::Array(items) => items,
        _ => {
            // The elements are strings: a bare number or word of YAML needs quotes.
            let text = match json {
                Json::Bool(_) | Json::Number(_) => &Json::String(json.to_string()),
                other => other,
            };
            problems.push(Refusal::new(expected).help(as_list(text)).found(json, at));
            return None;
        }
    };
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let text = if item.is_null() { Ok(String::new()) } else { scalar::text(item) };
        match text {
            Ok(text) => read.push(Value::String(text)),
            Err(refusal) => problems.push(refusal.found(item, &Place::Item(at, index))),
        }
    }
    Some(Value::List(read))
}

/// How to make a list of what is none.
pub(super) fn as_list(json: &Json) -> Option<String> {
    let shown = match json {
        Json::String(text) => quoted(text),
        Json::Bool(_) | Json::Number(_) => json.to_string(),
        _ => return None,
    };
    Some(format!("write it as a list: [{shown}]"))
}

fn lists(
    json: &Json,
    strings: &FieldDescriptor,
    read: ReadStrings,
    at: &Place<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Read {
    let entries = match json {
        Json::Null => return Ok(None),
        Json::Object(entries) => entries,
        _ => return Err(Refusal::new("an object whose values are lists of strings")),
    };
    let mut map = HashMap::new();
    for (key, value) in entries {
        let mut entry = DynamicMessage::new(strings.parent_message().clone());
        if let Some(list) = read(value, &Place::Key(at, key), problems) {
            super::set_field(&mut entry, strings, list);
        }
        map.insert(MapKey::String(key.clone()), Value::Message(entry));
    }
    Ok(Some(Value::Map(map)))
}

fn keyed(
    json: &Json,
    key: &FieldDescriptor,
    strings: &FieldDescriptor,
    at: &Place<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Read {
    let entries = match json {
        Json::Null => return Ok(None),
        Json::Object(entries) => entries.iter().collect::<BTreeMap<_, _>>(),
        _ => return Err(Refusal::new("an object whose values are lists of strings")),
    };
    let mut items = Vec::new();
    for (name, value) in entries {
        let mut item = DynamicMessage::new(key.parent_message().clone());
        super::set_field(&mut item, key, Value::String(name.clone()));
        if let Some(list) = string_list(value, &Place::Key(at, name), problems) {
            super::set_field(&mut item, strings, list);
        }
        items.push(Value::Message(item));
    }
    Ok(Some(Value::List(items)))
}

/// Null is refused, as the official types do.
fn enum_words(words: &EnumWords, json: &Json, at: &Place<'_>, problems: &mut Vec<Diagnostic>) -> Read {
    let number = match json {
        Json::String(word) => words.words.get(&words.fold.apply(word)).copied(),
        Json::Bool(flag) => words.bools.get(flag).copied(),
        Json::Number(number) => number
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .and_then(|number| words.numbers.get(&number).copied()),
        _ => None,
    };
    let known = words.words.keys().filter(|word| !word.is_empty()).map(String::as_str);
    let help = json.as_str().and_then(|word| did_you_mean(word, known));
    match (number, words.unknown, json) {
        (Some(number), _, _) => Ok(Some(Value::EnumNumber(number))),
        (None, Unknown::Warn, Json::String(word)) => {
            problems.push(ignored_word(word, &words_of(words), at).maybe_help(help));
            Ok(None)
        }
        _ => Err(Refusal::new(words_of(words)).help(help)),
    }
}

fn enum_names(
    unknown: Unknown,
    field: &FieldDescriptor,
    json: &Json,
    at: &Place<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Read {
    let Kind::Enum(found) = field.kind() else { return Ok(None) };
    let names: Vec<String> = found.values().map(|value| value.name().to_owned()).collect();
    let expected = one_of(names.iter().map(String::as_str));
    let name = match json {
        Json::Null => return Ok(None),
        Json::String(name) => name,
        _ => return Err(Refusal::new(expected)),
    };
    let help = did_you_mean(name, names.iter().map(String::as_str));
    match (found.get_value_by_name(name), unknown) {
        (Some(value), _) => Ok(Some(Value::EnumNumber(value.number()))),
        (None, Unknown::Warn) => {
            if !name.is_empty() {
                problems.push(ignored_word(name, &expected, at).maybe_help(help));
            }
            Ok(None)
        }
        (None, Unknown::Refuse) => Err(Refusal::new(expected).help(help)),
    }
}

fn ignored_word(word: &str, expected: &str, at: &Place<'_>) -> Diagnostic {
    let message = format!("{} is not {expected}: it is left to the server", quoted(word));
    Diagnostic::warning(message).path(at.to_string()).label("left to the server")
}

/// An enum that is printed as numbers is still asked for in words.
fn words_of(words: &EnumWords) -> String {
    let spoken = |number: &i32| {
        let mut words = words.words.iter().filter(|(word, found)| *found == number && !word.is_empty());
        words.next().map(|(word, _)| word.clone())
    };
    let shown = words.print.iter().filter_map(|(number, printed)| match printed {
        Printed::Word(word) if word.is_empty() => None,
        Printed::Word(word) => Some(word.clone()),
        Printed::Bool(flag) => Some(flag.to_string()),
        Printed::Number => spoken(number),
    });
    let shown: Vec<String> = shown.collect();
    one_of(shown.iter().map(String::as_str))
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    if words.len() == 1 { words.concat() } else { format!("one of {}", words.join(", ")) }
}

fn texts(value: &Value) -> impl Iterator<Item = Json> {
    value.as_list().into_iter().flatten().map(|item| Json::from(item.as_str()))
}

fn list(value: &Value) -> Json {
    Json::Array(texts(value).collect())
}

fn one_or_list(value: &Value) -> Json {
    let mut items: Vec<Json> = texts(value).collect();
    if items.len() == 1 { items.remove(0) } else { Json::Array(items) }
}

fn printed_lists(value: &Value, strings: &FieldDescriptor, print: fn(&Value) -> Json) -> Json {
    let entries = value.as_map().into_iter().flatten();
    let printed = entries.filter_map(|(key, entry)| {
        let list = entry.as_message()?.get_field(strings);
        Some((key.as_str()?.to_owned(), print(&list)))
    });
    sorted(printed)
}

fn printed_keyed(value: &Value, key: &FieldDescriptor, strings: &FieldDescriptor) -> Json {
    let items = value.as_list().into_iter().flatten().filter_map(Value::as_message);
    sorted(items.map(|item| {
        let name = item.get_field(key).as_str().unwrap_or_default().to_owned();
        (name, list(&item.get_field(strings)))
    }))
}

fn sorted(entries: impl Iterator<Item = (String, Json)>) -> Json {
    Json::Object(entries.collect::<BTreeMap<_, _>>().into_iter().collect::<Map<_, _>>())
}

/// A number without a word, which only a newer server can have sent, stays a number.
fn printed_word(words: &EnumWords, value: &Value) -> Json {
    let number = value.as_enum_number().unwrap_or_default();
    match words.print.get(&number) {
        Some(Printed::Word(word)) => Json::String(word.clone()),
        Some(Printed::Bool(flag)) => Json::Bool(*flag),
        Some(Printed::Number) | None => Json::from(number),
    }
}
