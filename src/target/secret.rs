//! Keeps secret values out of texts: finds them in a resource by what the mapping calls secret, and hides them.
use std::cmp::Reverse;

use prost_reflect::{DynamicMessage, Value};

use crate::mapping::plan::{MessageShape, Resource, Shape, Shapes};

const HIDDEN: &str = "«secret»";

/// The secret values in a resource, longest first.
pub(super) fn values(resource: &Resource, message: &DynamicMessage) -> Vec<String> {
    let mut found = Vec::new();
    collect(&resource.shapes, resource.shapes.root(), message, &mut found);
    found.retain(|value| !value.trim().is_empty());
    found.sort_by_key(|value| Reverse(value.len()));
    found
}

/// The text without these values, as they are or quoted.
pub(super) fn hide(mut text: String, secrets: &[String]) -> String {
    for secret in secrets {
        text = text.replace(secret.as_str(), HIDDEN);
        text = text.replace(&secret.escape_debug().to_string(), HIDDEN);
    }
    text
}

fn collect(shapes: &Shapes, shape: &MessageShape, message: &DynamicMessage, found: &mut Vec<String>) {
    for member in &shape.members {
        let Some(value) = member.path.get(message) else { continue };
        if member.rules.secret {
            strings(&value, found);
        } else if let Shape::Message(id) = &member.value {
            messages(&value).into_iter().for_each(|below| collect(shapes, shapes.get(*id), below, found));
        }
    }
}

fn messages(value: &Value) -> Vec<&DynamicMessage> {
    match value {
        Value::Message(message) => vec![message],
        Value::List(values) => values.iter().filter_map(Value::as_message).collect(),
        Value::Map(entries) => entries.values().filter_map(Value::as_message).collect(),
        _ => Vec::new(),
    }
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Bytes(bytes) => found.push(String::from_utf8_lossy(bytes).into_owned()),
        Value::List(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Map(entries) => entries.values().for_each(|value| strings(value, found)),
        Value::Message(message) => message.fields().for_each(|(_, value)| strings(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn hidden_as_it_is_and_quoted() {
        let secrets = ["a\"b\nc".to_owned()];
        assert_eq!(hide("no a\"b\nc".into(), &secrets), "no «secret»");
        assert_eq!(hide(r#"no "a\"b\nc""#.into(), &secrets), r#"no "«secret»""#);
    }
}
