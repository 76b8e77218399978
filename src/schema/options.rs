//! The gogoproto options of a field that decide its JSON form. Numbers are those of gogoproto's own extensions.
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

/// What gogoproto says of one field; all defaults where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldOptions {
    /// The Go struct tag: `name,omitempty`, `-`, or empty.
    pub json_tag: Option<String>,
    /// False: the Go field is a value, not a pointer, so that absent and empty are the same.
    pub nullable: bool,
    /// The members of the message stand at the level of the field.
    pub embed: bool,
    /// A Go type with code of its own in place of the message.
    pub custom_type: Option<String>,
    /// A Go type that the scalar is converted to.
    pub cast_type: Option<String>,
    /// A `google.protobuf.Duration` that is a `time.Duration` in Go.
    pub std_duration: bool,
}

const OPTIONS: &str = "google.protobuf.FieldOptions";
const NULLABLE: u32 = 65001;
const EMBED: u32 = 65002;
const CUSTOM_TYPE: u32 = 65003;
const JSON_TAG: u32 = 65005;
const CAST_TYPE: u32 = 65007;
const STD_DURATION: u32 = 65011;

impl FieldOptions {
    /// Reads the options of a field.
    pub fn of(field: &FieldDescriptor) -> Self {
        let message = field.options();
        let Some(descriptor) = field.parent_pool().get_message_by_name(OPTIONS) else {
            return Self { nullable: true, ..Self::default() };
        };
        let text =
            |number| extension(&descriptor, &message, number).and_then(|v| v.as_str().map(str::to_owned));
        let flag = |number| extension(&descriptor, &message, number).and_then(|v| v.as_bool());
        Self {
            json_tag: text(JSON_TAG),
            nullable: flag(NULLABLE).unwrap_or(true),
            embed: flag(EMBED).unwrap_or(false),
            custom_type: text(CUSTOM_TYPE),
            cast_type: text(CAST_TYPE),
            std_duration: flag(STD_DURATION).unwrap_or(false),
        }
    }

    /// The JSON key that the tag gives: none where there is no tag, empty where the tag names nothing.
    pub fn json_key(&self) -> Option<&str> {
        self.json_tag.as_deref().map(|tag| tag.split(',').next().unwrap_or_default())
    }
}

fn extension(options: &MessageDescriptor, message: &DynamicMessage, number: u32) -> Option<Value> {
    let extension = options.get_extension(number)?;
    message.has_extension(&extension).then(|| message.get_extension(&extension).into_owned())
}
