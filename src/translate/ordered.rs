//! Messages whose maps stand in the order of their keys, for output that is the same every time. A map on the wire is a
//! repeated entry, so a schema without maps reads the same bytes and lets the entries be sorted.
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorError, DescriptorPool, DynamicMessage, ReflectMessage as _, Value};
use prost_types::{DescriptorProto, FileDescriptorProto};
use std::collections::HashSet;

/// A schema in which maps are repeated entries.
#[derive(Debug)]
pub struct Ordered {
    pool: DescriptorPool,
    /// Full names of the messages that are entries of maps.
    entries: HashSet<String>,
}

impl Ordered {
    /// Derives it from the schema that the messages are of.
    ///
    /// # Errors
    /// Never for a pool that is sound itself.
    pub fn new(pool: &DescriptorPool) -> Result<Self, DescriptorError> {
        let mut files: Vec<FileDescriptorProto> = pool.file_descriptor_protos().cloned().collect();
        for message in files.iter_mut().flat_map(|file| &mut file.message_type) {
            without_maps(message);
        }
        let entries = pool.all_messages().filter(|m| m.is_map_entry()).map(|m| m.full_name().to_owned());
        let entries = entries.collect();
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(files)?;
        Ok(Self { pool, entries })
    }

    /// The message with its maps in order; it encodes and prints as the given one does, but the same every time.
    /// None for a message that is not of the schema.
    pub fn sort(&self, message: &DynamicMessage) -> Option<DynamicMessage> {
        let descriptor = self.pool.get_message_by_name(message.descriptor().full_name())?;
        let mut sorted = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok()?;
        self.sort_within(&mut sorted);
        Some(sorted)
    }

    fn sort_within(&self, message: &mut DynamicMessage) {
        for (field, value) in message.fields_mut() {
            let is_map = field.kind().as_message().is_some_and(|m| self.entries.contains(m.full_name()));
            match value {
                Value::Message(inner) => self.sort_within(inner),
                Value::List(items) => {
                    items
                        .iter_mut()
                        .filter_map(Value::as_message_mut)
                        .for_each(|item| self.sort_within(item));
                    if is_map {
                        items.sort_by_cached_key(key);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The key of an entry in a form that has an order.
fn key(entry: &Value) -> (i128, String) {
    let key = entry.as_message().and_then(|entry| entry.get_field_by_number(1));
    match key.as_deref() {
        Some(Value::String(text)) => (0, text.clone()),
        Some(Value::Bool(flag)) => (i128::from(*flag), String::new()),
        Some(Value::I32(number)) => (i128::from(*number), String::new()),
        Some(Value::I64(number)) => (i128::from(*number), String::new()),
        Some(Value::U32(number)) => (i128::from(*number), String::new()),
        Some(Value::U64(number)) => (i128::from(*number), String::new()),
        _ => (0, String::new()),
    }
}

fn without_maps(message: &mut DescriptorProto) {
    if let Some(options) = &mut message.options {
        options.map_entry = None;
    }
    message.nested_type.iter_mut().for_each(without_maps);
}
