//! A way down from a message to one of its fields, through singular messages only, resolved once.
use std::borrow::Cow;
use std::fmt;

use prost_reflect::{DynamicMessage, FieldDescriptor, Value};

/// Fields from the outermost to the one meant; empty means the message itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldPath(Vec<FieldDescriptor>);

impl FieldPath {
    /// The path through these fields.
    pub fn new(fields: Vec<FieldDescriptor>) -> Self {
        Self(fields)
    }

    /// Whether it is the message itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields, outermost first.
    pub fn fields(&self) -> &[FieldDescriptor] {
        &self.0
    }

    /// The field meant.
    pub fn last(&self) -> Option<&FieldDescriptor> {
        self.0.last()
    }

    /// This path with one more field.
    #[must_use]
    pub fn join(&self, field: FieldDescriptor) -> Self {
        let mut fields = self.0.clone();
        fields.push(field);
        Self(fields)
    }

    /// The value there, if every message on the way is set and the field is.
    pub fn get<'a>(&self, message: &'a DynamicMessage) -> Option<Cow<'a, Value>> {
        let (last, way) = self.0.split_last()?;
        let mut at = message;
        for field in way {
            at = set_message(at, field)?;
        }
        at.has_field(last).then(|| at.get_field(last))
    }

    /// The message that the field meant is in, and the field; none for the empty path, or where a message on the way is
    /// not set.
    pub fn message_and_field<'a>(
        &'a self,
        message: &'a DynamicMessage,
    ) -> Option<(&'a DynamicMessage, &'a FieldDescriptor)> {
        let (last, way) = self.0.split_last()?;
        let message = way.iter().try_fold(message, |at, field| set_message(at, field))?;
        Some((message, last))
    }

    /// The string there; empty where it is not set.
    pub fn text(&self, message: &DynamicMessage) -> String {
        self.get(message).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The message there, or the root for the empty path; none where one on the way is not set.
    pub fn message<'a>(&self, message: &'a DynamicMessage) -> Option<&'a DynamicMessage> {
        self.0.iter().try_fold(message, |at, field| set_message(at, field))
    }

    /// Sets the value there, making the messages on the way. The empty path replaces the message.
    pub fn set(&self, message: &mut DynamicMessage, value: Value) {
        match self.0.split_last() {
            Some((last, way)) => descend(message, way).set_field(last, value),
            None => {
                if let Value::Message(whole) = value {
                    *message = whole;
                }
            }
        }
    }

    /// The message there, made where it is not set.
    pub fn message_mut<'a>(&self, message: &'a mut DynamicMessage) -> &'a mut DynamicMessage {
        descend(message, &self.0)
    }

    /// Unsets the field, where it is set.
    pub fn clear(&self, message: &mut DynamicMessage) {
        if self.get(message).is_some()
            && let Some((last, way)) = self.0.split_last()
        {
            descend(message, way).clear_field(last);
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(FieldDescriptor::name).collect();
        f.write_str(&names.join("."))
    }
}

fn set_message<'a>(message: &'a DynamicMessage, field: &FieldDescriptor) -> Option<&'a DynamicMessage> {
    if !message.has_field(field) {
        return None;
    }
    match message.get_field(field) {
        Cow::Borrowed(value) => value.as_message(),
        Cow::Owned(_) => None,
    }
}

fn descend<'a>(message: &'a mut DynamicMessage, way: &[FieldDescriptor]) -> &'a mut DynamicMessage {
    let mut at = message;
    for field in way {
        at = match at.get_field_mut(field) {
            Value::Message(inner) => inner,
            _ => unreachable!("a FieldPath goes through singular messages only"),
        };
    }
    at
}
