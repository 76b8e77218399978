//! Fills the request of a call, and finds the resource in its answer. Pure: messages in, messages out.
use prost_reflect::{DynamicMessage, Kind, Value};

use crate::mapping::plan::{Answer, Call, From};

/// What a request can be filled with; a call takes what it needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// The resource to write; for a read or a deletion any message that says which one is meant, beside its name.
    pub resource: Option<&'a DynamicMessage>,
    /// The name of the resource meant.
    pub name: &'a str,
    /// The revision that was read.
    pub revision: &'a str,
    /// The token of the page asked for; empty for the first.
    pub page: &'a str,
    /// How many resources a page.
    pub page_size: i32,
}

/// The request of a call.
pub fn fill(call: &Call, inputs: &Inputs<'_>) -> DynamicMessage {
    let mut request = DynamicMessage::new(call.method.input());
    for assign in &call.request {
        let value = match &assign.from {
            From::Resource => inputs.resource.map(|resource| Value::Message(resource.clone())),
            From::Name => Some(Value::String(inputs.name.to_owned())),
            From::Revision => Some(Value::String(inputs.revision.to_owned())),
            From::Page => Some(Value::String(inputs.page.to_owned())),
            From::PageSize => assign.to.last().map(|field| whole(inputs.page_size, &field.kind())),
            From::Member(path) => inputs.resource.map(|resource| Value::String(path.text(resource))),
            From::Constant(value) => Some(value.clone()),
        };
        if let Some(value) = value {
            assign.to.set(&mut request, value);
        }
    }
    request
}

/// A number as its field's type has it.
fn whole(number: i32, kind: &Kind) -> Value {
    match kind {
        Kind::Int64 => Value::I64(number.into()),
        Kind::Uint32 => Value::U32(number.unsigned_abs()),
        _ => Value::I32(number),
    }
}

/// The resource in an answer, where the call gives one and the server did.
pub fn resource(call: &Call, answer: &DynamicMessage) -> Option<DynamicMessage> {
    match &call.answer {
        Answer::Resource(path) => path.message(answer).cloned(),
        Answer::Nothing | Answer::Page { .. } => None,
    }
}

/// The resources in a page, and the token of the next one (empty: this was the last).
pub fn page(call: &Call, answer: &DynamicMessage) -> (Vec<DynamicMessage>, String) {
    let Answer::Page { items, item, next } = &call.answer else {
        return (resource(call, answer).into_iter().collect(), String::new());
    };
    let found = items.get(answer);
    let resources = found
        .iter()
        .filter_map(|value| value.as_list())
        .flatten()
        .filter_map(|value| item.message(value.as_message()?).cloned())
        .collect();
    (resources, next.as_ref().map(|next| next.text(answer)).unwrap_or_default())
}
