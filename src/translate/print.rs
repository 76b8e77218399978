//! A message into JSON, by the shapes of a plan: what the official client would print and accepts. What is not set is
//! left out, and entries stand in the order of their keys.
use std::collections::BTreeMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as FieldKind, ReflectMessage as _, Value};
use serde_json::{Map, Value as Json};

use super::{clock, repr};
use crate::mapping::plan::{Kind, Many, Member, MessageShape, Resource, Shape, Shapes};
use crate::mapping::repr::{Form, Json as Rules, Printed, Repr};
use crate::schema::FieldPath;

/// The JSON form of a resource, with the constants of its kind, also those that the message has no field for.
pub fn resource(kind: &Kind, message: &DynamicMessage) -> Json {
    let shapes = &kind.resource.shapes;
    let mut members = object(shapes, shapes.root(), message);
    if kind.resource.metadata.bare {
        members = dressed(&kind.resource, members);
    }
    for constant in &kind.constants {
        members.insert(constant.json.clone(), Json::String(constant.value.clone()));
    }
    Json::Object(members)
}

/// What a message without metadata of its own looks like to people: as all others.
fn dressed(resource: &Resource, mut members: Map<String, Json>) -> Map<String, Json> {
    let mut metadata = Map::new();
    for (name, part) in resource.metadata.parts() {
        let member = resource.shapes.root().members.iter().find(|member| member.path == *part);
        metadata.extend(member.and_then(|member| Some((name.to_owned(), members.remove(&member.json)?))));
    }
    members.retain(|name, _| !resource.metadata.json.contains(name));
    let parts = [("metadata", metadata), ("spec", members)];
    parts.into_iter().map(|(name, part)| (name.to_owned(), Json::Object(part))).collect()
}

/// The members of a message that are set.
pub(super) fn object(shapes: &Shapes, shape: &MessageShape, message: &DynamicMessage) -> Map<String, Json> {
    let members = shape.members.iter();
    members.filter_map(|found| Some((found.json.clone(), member(shapes, found, message)?))).collect()
}

fn member(shapes: &Shapes, member: &Member, message: &DynamicMessage) -> Option<Json> {
    let (field, way) = member.path.fields().split_last()?;
    let parent = FieldPath::new(way.to_vec()).message(message)?;
    let value = parent.get_field(field);
    let is_set = parent.has_field(field);
    match member.many {
        Many::One if is_set || is_shown_unset(member, parent) => one(shapes, member, &value),
        Many::List if is_set => {
            let items = value.as_list()?.iter().map(|item| element(shapes, member, field, item));
            Some(Json::Array(items.collect()))
        }
        Many::Map if is_set => {
            let FieldKind::Message(entry) = field.kind() else { return None };
            let values = entry.map_entry_value_field();
            let entries = value.as_map()?.iter();
            let printed: BTreeMap<String, Json> =
                entries.map(|(key, item)| (key_text(key), element(shapes, member, &values, item))).collect();
            Some(Json::Object(printed.into_iter().collect()))
        }
        _ => None,
    }
}

/// A zero that means something: one that is written as a word, and the only field of an inlined message.
fn is_shown_unset(member: &Member, parent: &DynamicMessage) -> bool {
    if member.field.supports_presence() {
        return false;
    }
    let is_only = member.path.fields().len() > 1 && parent.descriptor().fields().len() == 1;
    let is_word = matches!(&member.value, Shape::Repr(Repr { form: Form::EnumWords(words), .. })
        if matches!(words.print.get(&0), Some(Printed::Word(word)) if !word.is_empty()));
    is_only || is_word
}

/// Left out where it is the same as absent.
fn one(shapes: &Shapes, member: &Member, value: &Value) -> Option<Json> {
    let is_zero_time = matches!(&member.value, Shape::Repr(Repr { form: Form::Time(Rules::Go), .. }))
        && clock::is_zero_time(value);
    if is_zero_time || !member.nullable && value.as_message().is_some_and(super::is_empty) {
        return None;
    }
    match element(shapes, member, &member.field, value) {
        Json::Null => None,
        Json::Object(members) if members.is_empty() && !member.nullable => None,
        json => Some(json),
    }
}

fn element(shapes: &Shapes, member: &Member, field: &FieldDescriptor, value: &Value) -> Json {
    match (&member.value, value) {
        (Shape::Message(id), Value::Message(message)) => {
            Json::Object(object(shapes, shapes.get(*id), message))
        }
        (Shape::Message(_), _) => Json::Null,
        (Shape::Repr(repr), _) => repr::print(repr, field, value),
    }
}

fn key_text(key: &prost_reflect::MapKey) -> String {
    match Value::from(key.clone()) {
        Value::String(text) => text,
        Value::Bool(flag) => flag.to_string(),
        Value::I32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        _ => String::new(),
    }
}
