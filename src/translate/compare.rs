//! Whether a live resource is what is desired. Everything the server alone writes is left out first; what desired does
//! not say is the server's to choose. Secret values take no part.
use prost_reflect::{DynamicMessage, Value};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use super::place::Place;
use super::{clock, print};
use crate::mapping::plan::{Many, Member, MessageShape, Resource, Shape, Shapes};
use crate::mapping::repr::{Form, Json as Rules, Repr};
use crate::schema::FieldPath;

/// Version of what is hashed. Another one makes old hashes unknown, not different.
const VERSION: &str = "1";

/// The message without what says nothing about somebody's intent: members that the server alone writes, the revision,
/// a constant namespace, and what is the same as absent.
pub fn normalise(resource: &Resource, message: &DynamicMessage) -> DynamicMessage {
    without(resource, message, |member| member.rules.server)
}

/// Paths in the JSON form where desired says something that live lacks or has otherwise, in order.
///
/// What desired leaves unset and live has is a default of the server's and no difference, but maps are taken as a whole:
/// an entry that only live has is one. So are lists of another length.
pub fn differences(resource: &Resource, desired: &DynamicMessage, live: &DynamicMessage) -> Vec<String> {
    let paths = compare(resource, desired, live).into_iter();
    paths.map(|(path, _)| path).collect()
}

/// Those of the differences where live has nothing at all.
pub fn lacking(resource: &Resource, desired: &DynamicMessage, live: &DynamicMessage) -> Vec<String> {
    let paths = compare(resource, desired, live).into_iter();
    paths.filter(|(_, lacks)| *lacks).map(|(path, _)| path).collect()
}

/// The differences, and whether live has nothing there.
fn compare(resource: &Resource, desired: &DynamicMessage, live: &DynamicMessage) -> Vec<(String, bool)> {
    let (desired, live) = (comparable(resource, desired), comparable(resource, live));
    let mut paths = Vec::new();
    let compare = Compare { shapes: &resource.shapes, paths: &mut paths };
    compare.within(resource.shapes.root(), &desired, &live, &Place::Root);
    paths
}

/// A short name for the message's contents: equal for equal ones, on every machine and in every later version that has
/// the same prefix. Secret values are no part of it.
pub fn hash(resource: &Resource, message: &DynamicMessage) -> String {
    let mut text = String::new();
    canonical(&Json::Object(comparable(resource, message)), &mut text);
    let digest = Sha256::digest(text.as_bytes());
    let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{VERSION}:{short}")
}

fn comparable(resource: &Resource, message: &DynamicMessage) -> Map<String, Json> {
    let message = without(resource, message, |member| member.rules.server || member.rules.secret);
    print::object(&resource.shapes, resource.shapes.root(), &message)
}

fn without(
    resource: &Resource,
    message: &DynamicMessage,
    leave_out: impl Fn(&Member) -> bool,
) -> DynamicMessage {
    let mut message = message.clone();
    let metadata = &resource.metadata;
    let namespace = metadata.namespace.as_ref().map(|(field, _)| field);
    for field in metadata.revision.iter().chain(namespace) {
        field.clear(&mut message);
    }
    prune(&resource.shapes, resource.shapes.root(), &mut message, &leave_out);
    message
}

fn prune(
    shapes: &Shapes,
    shape: &MessageShape,
    message: &mut DynamicMessage,
    leave_out: &impl Fn(&Member) -> bool,
) {
    for member in &shape.members {
        if leave_out(member) {
            member.path.clear(message);
        }
        let Some(value) = value_mut(message, &member.path) else { continue };
        if let Shape::Message(id) = &member.value {
            for inner in messages(value) {
                prune(shapes, shapes.get(*id), inner, leave_out);
            }
        }
        if is_absent(member, value) {
            member.path.clear(message);
        }
    }
}

/// The same as unset: an empty message that can't be told from none, and the zero time.
fn is_absent(member: &Member, value: &Value) -> bool {
    let is_time = matches!(&member.value, Shape::Repr(Repr { form: Form::Time(Rules::Go), .. }));
    let is_empty = value.as_message().is_some_and(super::is_empty);
    member.many == Many::One
        && (is_time && clock::is_zero_time(value) || is_empty && (!member.nullable || member.rules.present))
}

fn value_mut<'a>(message: &'a mut DynamicMessage, path: &FieldPath) -> Option<&'a mut Value> {
    path.get(message)?;
    let (last, way) = path.fields().split_last()?;
    let parent = way.iter().try_fold(message, |at, field| at.get_field_mut(field).as_message_mut())?;
    Some(parent.get_field_mut(last))
}

fn messages(value: &mut Value) -> Vec<&mut DynamicMessage> {
    match value {
        Value::Message(message) => vec![message],
        Value::List(items) => items.iter_mut().filter_map(Value::as_message_mut).collect(),
        Value::Map(entries) => entries.values_mut().filter_map(Value::as_message_mut).collect(),
        _ => Vec::new(),
    }
}

struct Compare<'a> {
    shapes: &'a Shapes,
    paths: &'a mut Vec<(String, bool)>,
}

impl Compare<'_> {
    /// Members that desired sets.
    fn within(
        mut self,
        shape: &MessageShape,
        desired: &Map<String, Json>,
        live: &Map<String, Json>,
        at: &Place<'_>,
    ) {
        for (key, desired) in desired {
            let Some(member) = shape.member(key) else { continue };
            let place = Place::Member(at, key);
            match live.get(key) {
                Some(live) => self.member(member, desired, live, &place),
                None => self.paths.push((place.to_string(), true)),
            }
        }
    }

    fn member(&mut self, member: &Member, desired: &Json, live: &Json, at: &Place<'_>) {
        let Shape::Message(id) = &member.value else { return self.exactly(desired, live, at) };
        let shape = self.shapes.get(*id);
        match (desired, live) {
            (Json::Object(desired), Json::Object(live)) if member.many == Many::Map => {
                for key in union(desired, live) {
                    self.pair(shape, desired.get(key), live.get(key), &Place::Key(at, key));
                }
            }
            (Json::Array(desired), Json::Array(live)) if desired.len() == live.len() => {
                for (index, (desired, live)) in desired.iter().zip(live).enumerate() {
                    self.pair(shape, Some(desired), Some(live), &Place::Item(at, index));
                }
            }
            _ => self.pair(shape, Some(desired), Some(live), at),
        }
    }

    fn pair(&mut self, shape: &MessageShape, desired: Option<&Json>, live: Option<&Json>, at: &Place<'_>) {
        match (desired, live) {
            (Some(Json::Object(desired)), Some(Json::Object(live))) => {
                Compare { shapes: self.shapes, paths: self.paths }.within(shape, desired, live, at);
            }
            (_, live) => self.paths.push((at.to_string(), live.is_none())),
        }
    }

    /// Values without members of their own: equal or not, with the deepest path that differs.
    fn exactly(&mut self, desired: &Json, live: &Json, at: &Place<'_>) {
        match (desired, live) {
            (Json::Object(desired), Json::Object(live)) => {
                for key in union(desired, live) {
                    let place = Place::Key(at, key);
                    match (desired.get(key), live.get(key)) {
                        (Some(desired), Some(live)) => self.exactly(desired, live, &place),
                        (_, live) => self.paths.push((place.to_string(), live.is_none())),
                    }
                }
            }
            (Json::Array(desired), Json::Array(live)) if desired.len() == live.len() => {
                for (index, (desired, live)) in desired.iter().zip(live).enumerate() {
                    self.exactly(desired, live, &Place::Item(at, index));
                }
            }
            _ if desired == live => {}
            _ => self.paths.push((at.to_string(), false)),
        }
    }
}

fn union<'a>(a: &'a Map<String, Json>, b: &'a Map<String, Json>) -> std::collections::BTreeSet<&'a String> {
    a.keys().chain(b.keys()).collect()
}

/// JSON with the members of every object in order, whatever order the map keeps.
fn canonical(json: &Json, into: &mut String) {
    match json {
        Json::Object(members) => {
            into.push('{');
            let sorted: std::collections::BTreeMap<_, _> = members.iter().collect();
            for (key, value) in sorted {
                into.push_str(&Json::from(key.as_str()).to_string());
                into.push(':');
                canonical(value, into);
                into.push(',');
            }
            into.push('}');
        }
        Json::Array(items) => {
            into.push('[');
            for item in items {
                canonical(item, into);
                into.push(',');
            }
            into.push(']');
        }
        scalar => into.push_str(&scalar.to_string()),
    }
}
