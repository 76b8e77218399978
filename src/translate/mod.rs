//! Translation between JSON and messages, by the shapes of a plan, and comparison of messages. Pure: values and
//! diagnostics come out, nothing is fetched, and no input makes it panic.
//!
//! - [`manifest::desired`]: a custom resource into the message that it asks for.
//! - [`read::resource`], [`print::resource`]: the JSON form of a resource, both ways.
//! - [`compare`]: what differs between desired and live, and hashes to remember them by.
//! - [`secrets`]: references to Secrets in a custom resource.
mod clock;
pub mod compare;
pub mod duration;
pub mod manifest;
pub mod ordered;
mod place;
pub mod print;
pub mod read;
mod refusal;
pub mod repr;
mod scalar;
pub mod secrets;
mod tagged;

use prost_reflect::{DynamicMessage, FieldDescriptor, Value};

pub use manifest::{Desired, desired};
pub use place::Place;
pub use secrets::SecretRef;

use crate::schema::FieldPath;

/// Whether nothing is set in a message.
fn is_empty(message: &DynamicMessage) -> bool {
    message.fields().next().is_none() && message.unknown_fields().next().is_none()
}

/// Sets a field, unless that would change nothing: to the library a message that holds a zero is not equal to one that
/// holds none.
fn set_field(message: &mut DynamicMessage, field: &FieldDescriptor, value: Value) {
    if field.supports_presence() || !value.is_default_for_field(field) {
        message.set_field(field, value);
    }
}

/// The same at the end of a path; the messages on the way are made.
fn set(path: &FieldPath, message: &mut DynamicMessage, value: Value) {
    if let Some((field, way)) = path.fields().split_last() {
        set_field(FieldPath::new(way.to_vec()).message_mut(message), field, value);
    }
}
