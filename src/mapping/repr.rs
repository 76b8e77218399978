//! The closed list of JSON representations that a type can have, and what each applies to.
//! How they are read and printed is `translate::repr`; their schema is `crd`.
use std::collections::BTreeMap;
use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind};

use crate::schema::FieldOptions;

/// Whose rules JSON follows where a type has none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Json {
    /// Go's `encoding/json` over struct tags: exact types, unknown members refused, enums as numbers.
    Go,
    /// The protobuf JSON mapping: lowerCamelCase names too, numbers as strings too, enums by name.
    Proto,
}

/// How one value is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Repr {
    /// The written form.
    pub form: Form,
    /// Where the value is a message that stands for its only field: that field.
    pub within: Option<FieldDescriptor>,
}

/// The forms, named by shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// The scalar or enum itself, by the rules given.
    Plain(Json),
    /// `bool-word`: a bool, or yes, y, yeah, on, 1, true (any case); any other string is false.
    BoolWord,
    /// `duration-words`: `1h30m`, also with d (24 h), mo (30 d), y (365 d), or `never` (0); int64 nanoseconds on the wire.
    DurationWords,
    /// `go-duration`: `1h30m` as Go's `time.ParseDuration` reads it.
    GoDuration,
    /// `nanoseconds`: a number.
    Nanoseconds,
    /// `seconds`: `1.5s`, the protobuf JSON form of a duration.
    Seconds,
    /// `time`: RFC 3339. By Go's rules its zero time is the absent one.
    Time(Json),
    /// `string-or-list`: a string or a list of strings; one string is printed bare.
    StringOrList,
    /// `string-list`: a list of strings.
    StringList,
    /// `map-of-string-or-list`: a map whose values are as `string-or-list`.
    MapOfStringOrList {
        /// The field of the map's value that holds the strings.
        strings: FieldDescriptor,
    },
    /// `map-of-string-lists`: a map whose values are lists of strings.
    MapOfStringLists {
        /// The field of the map's value that holds the strings.
        strings: FieldDescriptor,
    },
    /// `keyed-lists`: a repeated message of a key and strings, written as a map of lists, sorted by key.
    KeyedLists {
        /// The string field that becomes the member's name.
        key: FieldDescriptor,
        /// The repeated string field.
        strings: FieldDescriptor,
    },
    /// `enum-words`: an enum with words of its own.
    EnumWords(Arc<EnumWords>),
    /// `enum-names`: an enum by the names of its values, and by nothing else.
    EnumNames(Unknown),
    /// `free-form`: any JSON object, for `google.protobuf.Struct`.
    FreeForm,
    /// `on-off-text`: a string; true stands for `on` and false for `off`, because YAML reads these bare words so.
    OnOffText,
    /// `tagged`: a choice between messages of scalars, written as one object: [`TAG`] names the choice, and its members
    /// stand beside that.
    Tagged(Arc<[Choice]>),
}

/// The member that names the choice in a `tagged` object.
pub const TAG: &str = "type";

/// One alternative of a `tagged` object.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What its tag says.
    pub word: String,
    /// The field of the choice that holds it.
    pub field: FieldDescriptor,
    /// Its own fields, by JSON name.
    pub members: Vec<(String, FieldDescriptor)>,
}

/// What becomes of a word that an enum does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unknown {
    /// It is refused.
    #[default]
    Refuse,
    /// It is taken for the zero value, with a warning: what the official client does without one.
    Warn,
}

/// The words of an enum.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EnumWords {
    /// Accepted strings, folded.
    pub words: BTreeMap<String, i32>,
    /// Accepted booleans.
    pub bools: BTreeMap<bool, i32>,
    /// Accepted numbers, and what becomes of each.
    pub numbers: BTreeMap<i32, i32>,
    /// What is written for each number.
    pub print: BTreeMap<i32, Printed>,
    /// How a string is made comparable before it is looked up.
    pub fold: Fold,
    /// What becomes of other strings.
    pub unknown: Unknown,
}

/// What is written for one number of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Printed {
    /// A JSON string.
    Word(String),
    /// A JSON boolean.
    Bool(bool),
    /// The number itself.
    Number,
}

/// How strings are made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fold {
    /// Not at all.
    #[default]
    Exact,
    /// Lower case.
    Case,
    /// Lower case, without spaces.
    CaseAndSpaces,
}

impl Fold {
    /// The comparable form.
    pub fn apply(self, word: &str) -> String {
        match self {
            Self::Exact => word.to_owned(),
            Self::Case => word.to_lowercase(),
            Self::CaseAndSpaces => word.to_lowercase().replace(' ', ""),
        }
    }
}

impl Form {
    /// Its name in `types.toml`; the plain forms have none, nothing asks for them.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain(_) => "plain",
            Self::BoolWord => "bool-word",
            Self::DurationWords => "duration-words",
            Self::GoDuration => "go-duration",
            Self::Nanoseconds => "nanoseconds",
            Self::Seconds => "seconds",
            Self::Time(_) => "time",
            Self::StringOrList => "string-or-list",
            Self::StringList => "string-list",
            Self::MapOfStringOrList { .. } => "map-of-string-or-list",
            Self::MapOfStringLists { .. } => "map-of-string-lists",
            Self::KeyedLists { .. } => "keyed-lists",
            Self::EnumWords(_) => "enum-words",
            Self::EnumNames(_) => "enum-names",
            Self::FreeForm => "free-form",
            Self::OnOffText => "on-off-text",
            Self::Tagged(_) => "tagged",
        }
    }
}

/// The names that `repr = "…"` takes, besides `inline`, which is no representation of a value but of its place.
pub const NAMES: [&str; 16] = [
    "bool-word",
    "duration-words",
    "go-duration",
    "nanoseconds",
    "seconds",
    "time",
    "string-or-list",
    "string-list",
    "map-of-string-or-list",
    "map-of-string-lists",
    "keyed-lists",
    "enum-words",
    "enum-names",
    "free-form",
    "on-off-text",
    "tagged",
];

/// The representation of that name for a field of this type; `Err` says which types it is for.
/// `enum-words` is not made here: it has a table.
pub fn named(name: &str, field: &FieldDescriptor, unknown: Unknown) -> Result<Repr, &'static str> {
    match name {
        "bool-word" => scalar(field, Form::BoolWord, &[Kind::Bool]).ok_or("a bool, or a message of one bool"),
        "duration-words" => duration(field, Form::DurationWords),
        "go-duration" => duration(field, Form::GoDuration),
        "nanoseconds" => duration(field, Form::Nanoseconds),
        "seconds" => duration(field, Form::Seconds),
        "time" => whole(field, "google.protobuf.Timestamp", Form::Time(Json::Proto)),
        "free-form" => whole(field, "google.protobuf.Struct", Form::FreeForm),
        "on-off-text" => scalar(field, Form::OnOffText, &[Kind::String]).ok_or("a string"),
        "tagged" => tagged(field).ok_or("a message of one choice between messages of scalars"),
        "string-or-list" => strings(field, Form::StringOrList),
        "string-list" => strings(field, Form::StringList),
        "map-of-string-or-list" => map_of_strings(field, |strings| Form::MapOfStringOrList { strings }),
        "map-of-string-lists" => map_of_strings(field, |strings| Form::MapOfStringLists { strings }),
        "keyed-lists" => keyed(field).ok_or("a repeated message of one string and one list of strings"),
        "enum-names" => match field.kind() {
            Kind::Enum(_) => Ok(Repr { form: Form::EnumNames(unknown), within: None }),
            _ => Err("an enum"),
        },
        _ => Err("nothing: there is no such representation"),
    }
}

fn scalar(field: &FieldDescriptor, form: Form, kinds: &[Kind]) -> Option<Repr> {
    if kinds.contains(&field.kind()) {
        return Some(Repr { form, within: None });
    }
    let within = only_field(field)?;
    (kinds.contains(&within.kind()) && !within.is_list()).then_some(Repr { form, within: Some(within) })
}

fn duration(field: &FieldDescriptor, form: Form) -> Result<Repr, &'static str> {
    let is_message = matches!(field.kind(), Kind::Message(m) if m.full_name() == "google.protobuf.Duration");
    if is_message || field.kind() == Kind::Int64 {
        return Ok(Repr { form, within: None });
    }
    Err("a google.protobuf.Duration or an int64 of nanoseconds")
}

fn whole(field: &FieldDescriptor, message: &'static str, form: Form) -> Result<Repr, &'static str> {
    match field.kind() {
        Kind::Message(found) if found.full_name() == message => Ok(Repr { form, within: None }),
        _ => Err(message),
    }
}

fn strings(field: &FieldDescriptor, form: Form) -> Result<Repr, &'static str> {
    let within = only_field(field).filter(is_strings).ok_or("a message of one repeated string")?;
    Ok(Repr { form, within: Some(within) })
}

fn map_of_strings(
    field: &FieldDescriptor,
    form: impl Fn(FieldDescriptor) -> Form,
) -> Result<Repr, &'static str> {
    let expected = "a message of one map from string to a message of one repeated string";
    let within = only_field(field).filter(FieldDescriptor::is_map).ok_or(expected)?;
    let Kind::Message(entry) = within.kind() else { return Err(expected) };
    let value = entry.map_entry_value_field();
    let strings = only_field(&value).filter(is_strings).ok_or(expected)?;
    Ok(Repr { form: form(strings), within: Some(within) })
}

fn keyed(field: &FieldDescriptor) -> Option<Repr> {
    let Kind::Message(item) = field.kind() else { return None };
    let fields: Vec<_> = item.fields().collect();
    let key = fields.iter().find(|f| f.kind() == Kind::String && !f.is_list())?.clone();
    let strings = fields.iter().find(|f| is_strings(f))?.clone();
    (fields.len() == 2 && field.is_list())
        .then_some(Repr { form: Form::KeyedLists { key, strings }, within: None })
}

fn tagged(field: &FieldDescriptor) -> Option<Repr> {
    let Kind::Message(message) = field.kind() else { return None };
    let choices = message.fields().map(choice).collect::<Option<Vec<_>>>()?;
    (message.oneofs().len() == 1).then(|| Repr { form: Form::Tagged(choices.into()), within: None })
}

fn choice(field: FieldDescriptor) -> Option<Choice> {
    let Kind::Message(of) = field.kind() else { return None };
    let is_scalar = |f: &FieldDescriptor| !f.is_list() && f.kind().as_message().is_none();
    let members: Vec<_> = of.fields().map(|member| (json_name(&member), member)).collect();
    let fits = field.containing_oneof().is_some() && of.fields().all(|member| is_scalar(&member));
    fits.then(|| Choice { word: json_name(&field), field, members })
}

fn json_name(field: &FieldDescriptor) -> String {
    let options = FieldOptions::of(field);
    options.json_key().filter(|key| !key.is_empty()).unwrap_or(field.name()).to_owned()
}

fn is_strings(field: &FieldDescriptor) -> bool {
    field.is_list() && field.kind() == Kind::String
}

fn only_field(field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let Kind::Message(message) = field.kind() else { return None };
    let mut fields = message.fields();
    let only = fields.next()?;
    fields.next().is_none().then_some(only)
}
