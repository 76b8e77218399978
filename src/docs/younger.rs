//! What the interface has that one of its older versions had not: a list, made with the interface, for the notes of pages.
use std::collections::BTreeSet;

use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde::Deserialize;

/// Messages and fields that an older version of the interface does not have.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Younger {
    /// That version.
    pub version: String,
    /// Full names of messages, with all their fields, and of fields.
    younger: BTreeSet<String>,
}

impl Younger {
    /// Reads the list.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Whether the older version has no such message.
    pub(super) fn has(&self, message: &MessageDescriptor) -> bool {
        self.younger.contains(message.full_name())
    }

    /// Whether it has the message, and not this field of it.
    pub(super) fn has_field(&self, field: &FieldDescriptor) -> bool {
        self.younger.contains(field.full_name())
    }
}
