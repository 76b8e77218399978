//! The schema of `spec`: what a structural schema can say of the JSON form that the plan resolved.
//!
//! It must never refuse what the translation accepts, nor what the official CRDs accept; what it lets pass beyond that,
//! the translation refuses with a better message. So each form gets the narrowest schema that is still wide enough
//! (observed on kube-apiserver 1.37, which refuses before the operator sees anything):
//!
//! - `duration-words`, `go-duration`, `seconds`: a string without `format: duration`, which refuses `never`, `1mo`, `1y`.
//! - `nanoseconds`: an integer or a string, because the official CRD asks for a string and the official decoder for
//!   a number.
//! - `time`: `format: date-time`, which accepts all of RFC 3339, the zero time and leap days included.
//! - `bool-word`, and `enum-words` that know `true` or `false`: anything, because no structural type takes both a
//!   boolean and a string, and kubectl reads a bare `off` as `false`. Strings that are no word at all are refused for
//!   `bool-word`: the official decoder takes them for false, the official CRD refuses them.
//! - other enums: an integer or a string.
//! - `string-or-list`, and the values of `map-of-string-or-list`: anything, for the same reason.
//! - `on-off-text`: anything: kubectl reads a bare `on` as `true`, and no structural type takes both.
//! - `tagged`: the tag and the members of all alternatives.
//! - `free-form`: an object whose unknown members are kept; `additionalProperties: true` would let strict validation
//!   refuse them, and pruning drop them.
//! - 64-bit integers by protobuf's rules: an integer or a string, because that is how protobuf prints them.
//! - `uint32`: `format: int64`, since `int32` refuses its upper half.
//! - A message within itself: an object whose members are not described, because CRDs have no references.
//!
//! - Objects and arrays are `nullable`, whether or not the Go type is a pointer: null is absence to the decoder. A create
//!   drops null where it is not nullable, a server-side apply refuses it. Single values stay as the official CRDs have
//!   them: a null that is kept would be refused by those types that have code of their own.
use prost_reflect::{FieldDescriptor, Kind};
use serde_json::{Map, Value, json};

use crate::mapping::plan::{Many, Member, Resource, Shape, ShapeId, Shapes, Spec};
use crate::mapping::repr::{Choice, Form, Json, Repr, TAG};

/// Strings that mean true or false; the API server applies a pattern to strings alone.
const BOOL_WORD: &str = "^(?i)(true|yes|yeah|y|on|1|false|no|nope|n|off|0)$";

/// The schema of a resource's specification.
pub(super) fn spec(resource: &Resource) -> Value {
    let mut walk = Walk { shapes: &resource.shapes, within: Vec::new() };
    let root = resource.shapes.root();
    match &resource.spec {
        Spec::Root(names) => object(names.iter().filter_map(|name| root.member(name)), &mut walk),
        Spec::Member(name) => match root.member(name) {
            Some(member) => walk.one(&member.value, &member.field),
            None => unknown_members(),
        },
    }
}

/// The schemas of the members that stand beside the specification.
pub(super) fn beside(resource: &Resource) -> impl Iterator<Item = (&str, Value)> {
    let members = resource.root.iter().filter_map(|name| resource.shapes.root().member(name));
    members.map(|member| {
        let mut walk = Walk { shapes: &resource.shapes, within: Vec::new() };
        (member.json.as_str(), walk.member(member))
    })
}

/// The way down, to see a message that contains itself.
struct Walk<'a> {
    shapes: &'a Shapes,
    within: Vec<ShapeId>,
}

fn object<'a>(members: impl Iterator<Item = &'a Member>, walk: &mut Walk<'_>) -> Value {
    let of_users = members.filter(|member| !member.rules.omit);
    let properties: Map<String, Value> =
        of_users.map(|member| (member.json.clone(), walk.member(member))).collect();
    json!({ "type": "object", "properties": properties })
}

impl Walk<'_> {
    fn member(&mut self, member: &Member) -> Value {
        let mut schema = nullable(match member.many {
            Many::One => self.one(&member.value, &member.field),
            Many::List => json!({ "type": "array", "items": self.one(&member.value, &member.field) }),
            Many::Map => map(nullable(self.one(&member.value, &map_value(&member.field)))),
        });
        if member.rules.fixed {
            let message = "this is part of what identifies the resource: make another object for another one";
            schema["x-kubernetes-validations"] = json!([{ "rule": "self == oldSelf", "message": message }]);
        }
        if member.rules.secret {
            schema["description"] = json!(
                "The value itself, or `secret://NAME/KEY` for the key of a Secret in the same namespace that \
                 allows it by its annotation."
            );
        }
        schema
    }

    fn one(&mut self, shape: &Shape, field: &FieldDescriptor) -> Value {
        match shape {
            Shape::Repr(repr) => form(repr, field),
            Shape::Message(id) if self.within.contains(id) => unknown_members(),
            Shape::Message(id) => {
                self.within.push(*id);
                let schema = object(self.shapes.get(*id).members.iter(), self);
                self.within.pop();
                schema
            }
        }
    }
}

fn form(repr: &Repr, field: &FieldDescriptor) -> Value {
    match &repr.form {
        Form::Plain(json) => plain(*json, &repr.within.as_ref().unwrap_or(field).kind()),
        Form::BoolWord => json!({ "x-kubernetes-preserve-unknown-fields": true, "pattern": BOOL_WORD }),
        Form::StringOrList => anything(),
        Form::DurationWords => described(
            "A duration such as `1h30m`; also in days, months and years (`1d`, `1mo`, `1y`), or `never`.",
        ),
        Form::GoDuration => described("A duration such as `1h30m`."),
        Form::Seconds => described("A duration in seconds, such as `1.5s`."),
        Form::Nanoseconds => number_or_word(),
        Form::Time(_) => json!({ "type": "string", "format": "date-time" }),
        Form::StringList => strings(),
        Form::MapOfStringOrList { .. } => map(anything()),
        Form::MapOfStringLists { .. } | Form::KeyedLists { .. } => map(nullable(strings())),
        Form::EnumWords(words) if words.bools.is_empty() => number_or_word(),
        Form::EnumWords(_) => anything(),
        Form::EnumNames(_) => number_or_word(),
        Form::FreeForm => unknown_members(),
        Form::OnOffText => anything(),
        Form::Tagged(choices) => tagged(choices),
    }
}

fn plain(json: Json, kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::String | Kind::Bytes => json!({ "type": "string" }),
        Kind::Double | Kind::Float => json!({ "type": "number" }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
        Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "int64" }),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => match json {
            Json::Go => json!({ "type": "integer", "format": "int64" }),
            Json::Proto => number_or_word(),
        },
        Kind::Enum(_) => number_or_word(),
        Kind::Message(_) => anything(),
    }
}

/// The members of all alternatives beside the tag: which go together, the translation says.
fn tagged(choices: &[Choice]) -> Value {
    let words: Vec<_> = choices.iter().map(|choice| format!("`{}`", choice.word)).collect();
    let mut properties = Map::new();
    properties.insert(TAG.to_owned(), described(&format!("One of {}.", words.join(", "))));
    for (name, field) in choices.iter().flat_map(|choice| &choice.members) {
        properties.entry(name).or_insert_with(|| plain(Json::Go, &field.kind()));
    }
    json!({ "type": "object", "properties": properties })
}

fn map_value(field: &FieldDescriptor) -> FieldDescriptor {
    match field.kind() {
        Kind::Message(entry) if entry.is_map_entry() => entry.map_entry_value_field(),
        _ => field.clone(),
    }
}

/// Lets objects and arrays be null.
fn nullable(mut schema: Value) -> Value {
    if matches!(schema["type"].as_str(), Some("object" | "array")) {
        schema["nullable"] = json!(true);
    }
    schema
}

fn described(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn number_or_word() -> Value {
    json!({ "x-kubernetes-int-or-string": true })
}

fn anything() -> Value {
    json!({ "x-kubernetes-preserve-unknown-fields": true })
}

fn unknown_members() -> Value {
    json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

fn strings() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn map(values: Value) -> Value {
    json!({ "type": "object", "additionalProperties": values })
}
