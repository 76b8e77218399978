//! JSON into a message, by the shapes of a plan. Collects every problem with its path and never stops at the first.
use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as FieldKind, MapKey, Value};
use serde_json::{Map, Value as Json};

use super::place::Place;
use super::refusal::{Refusal, quoted};
use super::repr;
use super::secrets::{SCHEME, SecretRef};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::mapping::plan::{Kind, Many, Member, MessageShape, Resource, Shape, ShapeId, Shapes};
use crate::mapping::repr::Json as Rules;
use crate::schema::FieldPath;

/// Reads the JSON form of a resource, as `print::resource` writes it and the official client prints it.
/// Where there are errors the message holds what could be read.
pub fn resource(kind: &Kind, json: &Json) -> (DynamicMessage, Vec<Diagnostic>) {
    let resource = &kind.resource;
    let mut message = DynamicMessage::new(resource.message.clone());
    let Json::Object(members) = json else {
        return (message, vec![Refusal::new("an object").found(json, &Place::Root)]);
    };
    let mut members = members.clone();
    let mut reader = Reader::new(&resource.shapes, None);
    for constant in &kind.constants {
        let at = Place::Member(&Place::Root, &constant.json);
        let found = members.remove(&constant.json);
        if let Some(other) = found.filter(|found| found.as_str() != Some(&constant.value)) {
            reader.problems.push(Refusal::new(quoted(&constant.value)).found(&other, &at));
        }
        if let Some(field) = &constant.field {
            field.set(&mut message, Value::String(constant.value.clone()));
        }
    }
    match resource.metadata.bare {
        true => reader.dressed(resource, &members, &mut message),
        false => reader.object(resource.shapes.root(), &members, &mut message, &Place::Root),
    }
    if let Some(sub_kinds) = &resource.sub_kinds {
        let (found, follows) = (sub_kinds.field.text(&message), sub_kinds.of(&message));
        if let Some(follows) = follows.filter(|follows| *follows != found) {
            let at = Place::Member(&Place::Root, &sub_kinds.json);
            reader.problems.push(Refusal::new(quoted(follows)).found(&Json::String(found), &at));
        }
    }
    if let Some((field, value)) = &resource.metadata.namespace {
        field.set(&mut message, Value::String(value.clone()));
    }
    (message, reader.problems)
}

/// Reads values of a resource, one after the other.
pub(super) struct Reader<'a> {
    shapes: &'a Shapes,
    /// The namespace of the custom resource that is read; none: a resource of the target's.
    custom: Option<&'a str>,
    pub problems: Vec<Diagnostic>,
    pub secrets: Vec<SecretRef>,
    /// Paths of members that may be references and hold something else.
    pub literals: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(shapes: &'a Shapes, custom: Option<&'a str>) -> Self {
        Self { shapes, custom, problems: Vec::new(), secrets: Vec::new(), literals: Vec::new() }
    }

    /// The members of an object into its message.
    pub fn object(
        &mut self,
        shape: &MessageShape,
        members: &Map<String, Json>,
        into: &mut DynamicMessage,
        at: &Place<'_>,
    ) {
        let mut seen = Seen::default();
        for (key, json) in members {
            let Some(member) = shape.member(key) else {
                self.unknown(shape, key, at);
                continue;
            };
            let place = Place::Field(at, key, &member.path);
            if self.custom.is_some() && member.rules.omit {
                self.set_by_server(&place);
                continue;
            }
            if json.is_null() && shape.json == Rules::Proto || is_idle(shape, member, json, members) {
                continue;
            }
            if !json.is_null()
                && let Some(problem) = seen.twice(member, key, at)
            {
                self.problems.push(problem);
            }
            if let Some(value) = self.member(member, shape.json, json, &place) {
                super::set(&member.path, into, value);
            }
        }
    }

    /// A message without metadata of its own, as people see it.
    fn dressed(&mut self, resource: &Resource, members: &Map<String, Json>, into: &mut DynamicMessage) {
        let root = resource.shapes.root();
        let part = |(name, part): (&str, &FieldPath)| {
            let member = root.members.iter().find(|member| member.path == *part)?;
            Some(Member { json: name.to_owned(), also: None, ..member.clone() })
        };
        let metadata = root.of(resource.metadata.parts().filter_map(part).collect());
        let is_rest = |member: &&Member| !resource.metadata.json.contains(&member.json);
        let spec = root.of(root.members.iter().filter(is_rest).cloned().collect());
        for (key, json) in members {
            let at = Place::Member(&Place::Root, key);
            match (key.as_str(), json) {
                ("metadata", Json::Object(parts)) => {
                    let (known, others): (Map<_, _>, Map<_, _>) =
                        parts.clone().into_iter().partition(|(name, _)| metadata.member(name).is_some());
                    self.object(&metadata, &known, into, &at);
                    for name in others.keys() {
                        let problem =
                            Diagnostic::warning("the resource has no place for this: it is dropped");
                        self.problems.push(problem.path(Place::Key(&at, name).to_string()));
                    }
                }
                ("spec", Json::Object(members)) => self.object(&spec, members, into, &at),
                ("metadata" | "spec", _) => self.problems.push(Refusal::new("an object").found(json, &at)),
                _ => self.unknown(&root.of(Vec::new()), key, &Place::Root),
            }
        }
    }

    pub fn set_by_server(&mut self, at: &Place<'_>) {
        let message = "this is set by the server and is no part of the custom resource";
        self.problems.push(Diagnostic::error(message).path(at.to_string()).help("leave it out"));
    }

    /// By Go's rules an unknown member is refused, by protobuf's it is dropped.
    fn unknown(&mut self, shape: &MessageShape, key: &str, at: &Place<'_>) {
        let known = shape.members.iter().filter(|member| self.custom.is_none() || !member.rules.omit);
        let help = did_you_mean(key, known.map(|member| member.json.as_str()));
        let problem = match shape.json {
            Rules::Go => Diagnostic::error(format!("unknown field {}", quoted(key))),
            Rules::Proto => Diagnostic::warning(format!("unknown field {}: it is dropped", quoted(key))),
        };
        self.problems.push(problem.path(Place::Key(at, key).to_string()).maybe_help(help));
    }

    fn member(&mut self, member: &Member, rules: Rules, json: &Json, at: &Place<'_>) -> Option<Value> {
        match member.many {
            Many::One => self.one(member, &member.field, json, at).filter(|value| !is_absent(member, value)),
            Many::List => self.list(member, rules, json, at),
            Many::Map => self.map(member, rules, json, at),
        }
    }

    /// None: unset, or refused.
    fn one(
        &mut self,
        member: &Member,
        field: &FieldDescriptor,
        json: &Json,
        at: &Place<'_>,
    ) -> Option<Value> {
        if self.custom.is_some() && member.rules.secret {
            return self.secret(json, at);
        }
        match &member.value {
            Shape::Message(id) => self.message(*id, json, at),
            Shape::Repr(repr) => repr::read(repr, field, json, at, &mut self.problems),
        }
    }

    fn message(&mut self, id: ShapeId, json: &Json, at: &Place<'_>) -> Option<Value> {
        let shape = self.shapes.get(id);
        match json {
            Json::Null => None,
            Json::Object(members) => {
                let mut message = DynamicMessage::new(shape.message.clone());
                self.object(shape, members, &mut message, at);
                Some(Value::Message(message))
            }
            _ => {
                self.problems.push(Refusal::new("an object").found(json, at));
                None
            }
        }
    }

    fn list(&mut self, member: &Member, rules: Rules, json: &Json, at: &Place<'_>) -> Option<Value> {
        let items = match json {
            Json::Null => return None,
            Json::Array(items) => items,
            _ => {
                let is_text = matches!(&member.value, Shape::Repr(repr) if repr::accepts(repr, &member.field) == "a string");
                let refusal = Refusal::new(if is_text { "a list of strings" } else { "a list" });
                let help = if member.rules.secret { None } else { repr::as_list(json) };
                self.refuse(member, refusal.help(help), json, at);
                return None;
            }
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            read.extend(self.element(member, &member.field, rules, item, &Place::Item(at, index)));
        }
        Some(Value::List(read))
    }

    fn map(&mut self, member: &Member, rules: Rules, json: &Json, at: &Place<'_>) -> Option<Value> {
        let FieldKind::Message(entry) = member.field.kind() else { return None };
        let entries = match json {
            Json::Null => return None,
            Json::Object(entries) => entries,
            _ => {
                self.refuse(member, Refusal::new("an object"), json, at);
                return None;
            }
        };
        let (key_field, value_field) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let mut read = HashMap::new();
        for (key, item) in entries {
            let place = Place::Key(at, key);
            match map_key(&key_field.kind(), key) {
                Ok(key) => {
                    let value = self.element(member, &value_field, rules, item, &place);
                    read.extend(value.map(|value| (key, value)));
                }
                Err(refusal) => self.problems.push(refusal.found(&Json::String(key.clone()), &place)),
            }
        }
        Some(Value::Map(read))
    }

    /// One of many. Null is refused by protobuf's rules; by Go's it is the zero value, where there is one: a pointer to
    /// nothing can't be sent.
    fn element(
        &mut self,
        member: &Member,
        field: &FieldDescriptor,
        rules: Rules,
        json: &Json,
        at: &Place<'_>,
    ) -> Option<Value> {
        let is_pointer = member.nullable && matches!(member.value, Shape::Message(_));
        if json.is_null() && (rules == Rules::Proto || is_pointer) {
            let expected = match &member.value {
                Shape::Message(_) => "an object".to_owned(),
                Shape::Repr(repr) => repr::accepts(repr, field),
            };
            self.problems.push(Refusal::new(expected).found(json, at));
            return None;
        }
        let before = self.problems.len();
        let value = self.one(member, field, json, at);
        let is_refused = crate::diagnostic::refused(&self.problems[before..]);
        value.or_else(|| (!is_refused).then(|| Value::default_value(&field.kind())))
    }

    /// A member that may be a reference. Whatever stands there is not repeated in messages.
    fn secret(&mut self, json: &Json, at: &Place<'_>) -> Option<Value> {
        let text = match json {
            Json::Null => return None,
            Json::String(text) => text,
            _ => {
                self.literals.push(at.to_string());
                self.problems.push(Refusal::new("a string").found_hidden(json, at));
                return None;
            }
        };
        if !text.starts_with(SCHEME) {
            self.literals.push(at.to_string());
            return Some(Value::String(text.clone()));
        }
        match SecretRef::parse(text, self.custom.unwrap_or_default(), at) {
            Ok(reference) => {
                let shown = reference.placeholder();
                self.secrets.push(reference);
                Some(Value::String(shown))
            }
            Err(missing) => {
                let problem = Diagnostic::error(missing).path(at.to_string()).label("no reference");
                self.problems.push(problem.help("write secret://NAME/KEY"));
                None
            }
        }
    }

    fn refuse(&mut self, member: &Member, refusal: Refusal, json: &Json, at: &Place<'_>) {
        if !member.rules.secret {
            self.problems.push(refusal.found(json, at));
            return;
        }
        self.literals.push(at.to_string());
        self.problems.push(refusal.found_hidden(json, at));
    }
}

/// The members of one object that were there, to find what is said twice.
#[derive(Default)]
struct Seen<'a> {
    members: HashMap<&'a str, String>,
    choices: HashMap<String, String>,
}

impl<'a> Seen<'a> {
    /// The same member by both of its names, or two members of which there can be one.
    fn twice(&mut self, member: &'a Member, key: &str, at: &Place<'_>) -> Option<Diagnostic> {
        if let Some(other) = self.members.insert(&member.json, key.to_owned()) {
            let message = format!("{} and {} are the same field", quoted(&other), quoted(key));
            return Some(Diagnostic::error(message).path(Place::Member(at, key).to_string()));
        }
        let choice = member.field.containing_oneof()?.full_name().to_owned();
        let other = self.choices.insert(choice, key.to_owned())?;
        let message = format!("only one of {} and {} can be set", quoted(&other), quoted(key));
        Some(Diagnostic::error(message).path(at.to_string()).help(format!("leave out {other} or {key}")))
    }
}

/// By Go's rules the alternatives that were not chosen may stand there as empty objects: the official types print them so.
fn is_idle(shape: &MessageShape, member: &Member, json: &Json, members: &Map<String, Json>) -> bool {
    let is_empty = |json: &Json| json.is_null() || json.as_object().is_some_and(Map::is_empty);
    let Some(choice) = member.field.containing_oneof() else { return false };
    let is_chosen = |(key, json): (&String, &Json)| {
        let other = shape.member(key).and_then(|other| other.field.containing_oneof());
        other.as_ref() == Some(&choice) && !is_empty(json)
    };
    shape.json == Rules::Go && is_empty(json) && members.iter().any(is_chosen)
}

/// An empty message where absent and empty are the same, unless the server wants to see it.
fn is_absent(member: &Member, value: &Value) -> bool {
    let is_empty = value.as_message().is_some_and(super::is_empty);
    is_empty && !member.nullable && !member.rules.present
}

fn map_key(kind: &FieldKind, key: &str) -> Result<MapKey, Refusal> {
    let json = match kind {
        FieldKind::String => return Ok(MapKey::String(key.to_owned())),
        FieldKind::Bool => Json::from(key.parse::<bool>().ok()),
        _ => Json::String(key.to_owned()),
    };
    let value = super::scalar::read(Rules::Proto, kind, &json)?;
    value.into_map_key().ok_or_else(|| Refusal::new("a key"))
}
