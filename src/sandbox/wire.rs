//! The server's side of a plan's calls: reads what a client filled in, and builds the answers that it will read.
//! Pure: messages in, messages out.
use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, Value};

use crate::mapping::plan::{Answer, AnswerPath, Call, Features, From, Resource};
use crate::schema::FieldPath;

/// What a request says.
#[derive(Default)]
pub(super) struct Asked {
    pub resource: Option<DynamicMessage>,
    pub name: String,
    pub revision: String,
    pub page: String,
    pub page_size: usize,
}

/// Reads a request; none where it carries other constants than the call: it is another call of the same method.
pub(super) fn read(resource: &Resource, call: &Call, request: &DynamicMessage) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut parts = Vec::new();
    for assign in &call.request {
        match &assign.from {
            From::Resource => asked.resource = assign.to.message(request).cloned(),
            From::Name => asked.name = assign.to.text(request),
            From::Revision => asked.revision = assign.to.text(request),
            From::Page => asked.page = assign.to.text(request),
            From::PageSize => {
                asked.page_size = assign.to.get(request).map(|size| whole(&size)).unwrap_or_default();
            }
            From::Member(_) => parts.push(assign.to.text(request)),
            From::Constant(value) if assign.to.get(request).as_deref() != Some(value) => return None,
            From::Constant(_) => {}
        }
    }
    let metadata = &resource.metadata;
    if let Some(sent) = &asked.resource {
        asked.name = metadata.name.text(sent);
        parts = resource.parts().map(|part| part.text(sent)).collect();
        if let Some(revision) = &metadata.revision {
            asked.revision = revision.text(sent);
        }
    }
    if let (true, Some(singleton)) = (asked.name.is_empty(), &resource.singleton) {
        asked.name.clone_from(singleton);
    }
    // Resources of one name are told apart by the other parts of what identifies them.
    for part in parts {
        asked.name = format!("{} in {part}", asked.name);
    }
    Some(asked)
}

/// A size, which no API gives below zero.
fn whole(size: &Value) -> usize {
    let wide =
        size.as_i64().or_else(|| size.as_i32().map(i64::from)).or_else(|| size.as_u32().map(i64::from));
    wide.and_then(|size| usize::try_from(size).ok()).unwrap_or_default()
}

/// An answer with one resource, as far as the call's answer has a place for it.
pub(super) fn one(call: &Call, resource: DynamicMessage) -> DynamicMessage {
    let mut answer = DynamicMessage::new(call.method.output());
    if let Answer::Resource(path) = &call.answer {
        path.set(&mut answer, Value::Message(resource));
    }
    answer
}

/// An answer with a page of resources, and the token of the next.
pub(super) fn page(call: &Call, resources: Vec<DynamicMessage>, token: String) -> DynamicMessage {
    let mut answer = DynamicMessage::new(call.method.output());
    let Answer::Page { items, item, next } = &call.answer else { return answer };
    let wrapped = resources.into_iter().filter_map(|resource| {
        let mut wrapper = new_message(items.last()?)?;
        item.set(&mut wrapper, Value::Message(resource));
        Some(Value::Message(wrapper))
    });
    items.set(&mut answer, Value::List(wrapped.collect()));
    if let Some(next) = next {
        next.set(&mut answer, Value::String(token));
    }
    answer
}

/// What the features call answers: all that the plan knows of are on.
pub(super) fn features(features: &Features, answer: &mut DynamicMessage, cluster: &str) {
    for path in features.paths.values().flatten() {
        set(path, answer, Value::Bool(true));
    }
    if let Some(path) = &features.cluster {
        set(path, answer, Value::String(cluster.to_owned()));
    }
}

fn set(path: &AnswerPath, answer: &mut DynamicMessage, value: Value) {
    let Some((key, rest)) = &path.entry else { return path.to.set(answer, value) };
    let Some(entry) = path.to.last().and_then(|map| entry(map, rest, value)) else { return };
    let mut entries = match path.to.get(answer).map(std::borrow::Cow::into_owned) {
        Some(Value::Map(entries)) => entries,
        _ => HashMap::new(),
    };
    entries.insert(MapKey::String(key.clone()), entry);
    path.to.set(answer, Value::Map(entries));
}

/// A map's value with `value` at the path below it.
fn entry(map: &FieldDescriptor, rest: &FieldPath, value: Value) -> Option<Value> {
    if rest.is_empty() {
        return Some(value);
    }
    let Kind::Message(pair) = map.kind() else { return None };
    let mut message = new_message(&pair.map_entry_value_field())?;
    rest.set(&mut message, value);
    Some(Value::Message(message))
}

fn new_message(field: &FieldDescriptor) -> Option<DynamicMessage> {
    field.kind().as_message().map(|message| DynamicMessage::new(message.clone()))
}
