//! The fields of a kind's specification: where each stands, what it takes, and what is special about it.
use std::collections::BTreeSet;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind as ProtoKind};

use crate::mapping::plan::{Many, Member, Resource, Shape, ShapeId, Spec};
use crate::mapping::repr::{Choice, Form, Json, Repr, TAG};
use crate::schema::FieldPath;
use crate::translate::repr::accepts;

use super::{Younger, code, codes};

/// The note of a field that came after the version that the list of younger ones is about.
pub(super) const NEWER: &str = "*newer*";

/// The fields of a specification.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// Those of the custom resource: path, type, what it takes, and notes.
    pub rows: Vec<[String; 4]>,
    /// Paths of those that are no part of it, and whether an update keeps what the server has.
    pub omitted: Vec<(String, bool)>,
}

pub(super) fn fields(resource: &Resource, younger: &Younger) -> Fields {
    let mut walk = Walk { resource, younger, open: Vec::new(), fields: Fields::default() };
    let root = resource.shapes.root();
    let none = FieldPath::default();
    match &resource.spec {
        Spec::Member(name) => {
            if let Some(Member { value: Shape::Message(id), path, .. }) = root.member(name) {
                walk.message(*id, "spec", path);
            }
        }
        Spec::Root(names) => {
            let members = names.iter().filter_map(|name| root.member(name));
            members.for_each(|member| walk.member(member, "spec", &none));
        }
    }
    let beside = resource.root.iter().filter_map(|name| root.member(name));
    beside.for_each(|member| walk.member(member, "", &none));
    walk.fields
}

struct Walk<'a> {
    resource: &'a Resource,
    younger: &'a Younger,
    /// Messages on the way down, with their paths, to see one that contains itself.
    open: Vec<(ShapeId, String)>,
    fields: Fields,
}

impl Walk<'_> {
    fn message(&mut self, id: ShapeId, at: &str, way: &FieldPath) {
        self.open.push((id, at.to_owned()));
        for member in &self.resource.shapes.get(id).members {
            self.member(member, at, way);
        }
        self.open.pop();
    }

    fn member(&mut self, member: &Member, at: &str, way: &FieldPath) {
        let each = match member.many {
            Many::One => "",
            Many::List => "[]",
            Many::Map => ".*",
        };
        let path = if at.is_empty() { member.json.clone() } else { format!("{at}.{}", member.json) };
        let way = member.path.fields().iter().fold(way.clone(), |way, field| way.join(field.clone()));
        let is_kept = self.resource.preserve.contains(&way);
        if member.rules.omit {
            self.fields.omitted.push((path, is_kept));
            return;
        }
        let (type_, takes) = self.described(member);
        let is_newer = member.path.fields().iter().any(|field| self.younger.has_field(field));
        self.fields.rows.push([code(&path), type_, takes, notes(member, is_kept, is_newer)]);
        let below = format!("{path}{each}");
        match &member.value {
            Shape::Message(id) if !self.is_open(*id) => self.message(*id, &below, &way),
            Shape::Repr(Repr { form: Form::Tagged(choices), .. }) => self.alternatives(&below, choices),
            _ => {}
        }
    }

    /// The members of all alternatives, with the tags that they go with.
    fn alternatives(&mut self, at: &str, choices: &[Choice]) {
        let words: Vec<String> = choices.iter().map(|choice| choice.word.clone()).collect();
        let row = |name: &str, type_: String, takes: String, notes: String| {
            [code(&format!("{at}.{name}")), type_, takes, notes]
        };
        self.fields.rows.push(row(TAG, "string".to_owned(), codes(&words), String::new()));
        let mut seen = BTreeSet::new();
        for (name, field) in choices.iter().flat_map(|choice| &choice.members) {
            if !seen.insert(name) {
                continue;
            }
            let has = |choice: &&Choice| choice.members.iter().any(|(other, _)| other == name);
            let with: Vec<String> = choices.iter().filter(has).map(|choice| choice.word.clone()).collect();
            let repr = Repr { form: Form::Plain(Json::Go), within: None };
            let notes = format!("where `{TAG}` is {}", codes(&with));
            self.fields.rows.push(row(name, type_name(&repr, field), takes(&repr, field), notes));
        }
    }

    fn is_open(&self, id: ShapeId) -> bool {
        self.open.iter().any(|(open, _)| *open == id)
    }

    /// Its type, and what it takes.
    fn described(&self, member: &Member) -> (String, String) {
        let field = value_field(&member.field);
        let (type_, takes) = match &member.value {
            Shape::Message(id) => {
                let outer = self.open.iter().find(|(open, _)| open == id);
                let takes = outer.map(|(_, path)| format!("the members of {}", code(path)));
                ("object".to_owned(), takes.unwrap_or_default())
            }
            Shape::Repr(repr) => (type_name(repr, &field), takes(repr, &field)),
        };
        match member.many {
            Many::One => (type_, takes),
            Many::List => (format!("list of {type_}"), takes),
            Many::Map => (format!("map of {type_}"), takes),
        }
    }
}

/// The field of a map's values; of anything else the field itself.
fn value_field(field: &FieldDescriptor) -> FieldDescriptor {
    match field.kind() {
        ProtoKind::Message(entry) if entry.is_map_entry() => entry.map_entry_value_field(),
        _ => field.clone(),
    }
}

fn type_name(repr: &Repr, field: &FieldDescriptor) -> String {
    match &repr.form {
        Form::Plain(_) => match repr.within.as_ref().unwrap_or(field).kind() {
            ProtoKind::Enum(_) => "enum".to_owned(),
            ProtoKind::Message(_) => "object".to_owned(),
            scalar => format!("{scalar:?}").to_lowercase(),
        },
        form => form.name().to_owned(),
    }
}

/// In words; nothing where the type says it all. The values of an enum that has no words of its own are listed.
fn takes(repr: &Repr, field: &FieldDescriptor) -> String {
    let kind = repr.within.as_ref().unwrap_or(field).kind();
    match (&repr.form, kind) {
        (Form::Plain(Json::Go), ProtoKind::Enum(found)) => {
            let values = values(&found).map(|(name, number)| format!("`{number}` ({name})"));
            format!("the number of a value: {}", values.collect::<Vec<_>>().join(", "))
        }
        (Form::Plain(Json::Proto) | Form::EnumNames(_), ProtoKind::Enum(found)) => {
            codes(&values(&found).map(|(name, _)| name).collect::<Vec<_>>())
        }
        (Form::Plain(_), ProtoKind::String | ProtoKind::Bool | ProtoKind::Double | ProtoKind::Float) => {
            String::new()
        }
        _ => accepts(repr, field),
    }
}

fn values(of: &EnumDescriptor) -> impl Iterator<Item = (String, i32)> {
    of.values().map(|value| (value.name().to_owned(), value.number()))
}

/// The note of a field that the server alone writes.
pub(super) const SERVER: &str = "set by the server";

fn notes(member: &Member, is_kept: bool, is_newer: bool) -> String {
    let rules = &member.rules;
    let notes = [
        (is_newer, NEWER),
        (rules.fixed, "part of what identifies the resource: it can't be changed"),
        (rules.secret, "secret: itself, or `secret://NAME/KEY` for the key of a Secret"),
        (rules.server, SERVER),
        (is_kept, "an update keeps what the server has"),
        (rules.present, "sent even when it is empty"),
    ];
    notes.iter().filter(|(holds, _)| *holds).map(|(_, note)| *note).collect::<Vec<_>>().join("; ")
}
