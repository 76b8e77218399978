//! `types.toml`: how types are written in JSON where that does not follow from their descriptors.
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::raw::{Document, Node, Table, Text, Value};
use super::repr::{self, EnumWords, Fold, Form, Json, Printed, Repr, Unknown};
use crate::diagnostic::{Diagnostic, Source, did_you_mean};
use crate::schema::{FieldOptions, Schema};

/// The rules of `types.toml`, by what they are for.
#[derive(Debug, Default)]
pub(super) struct Types {
    go: Vec<String>,
    rules: BTreeMap<(&'static str, String), Rule>,
    /// Whether a file of them is no TOML.
    pub is_broken: bool,
}

/// How a type is written, and where the file says so.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub written: Written,
    pub source: Arc<Source>,
    pub span: Range<usize>,
}

/// How a type is written.
#[derive(Debug, Clone)]
pub(super) enum Written {
    /// Its members stand one level up.
    Inline,
    /// With words of its own.
    Words(Arc<EnumWords>),
    /// As the representation of that name; `Unknown` is for enums.
    Named(String, Unknown),
}

impl Written {
    /// The representation for a field. `Err` says what the representation is for.
    pub fn repr(&self, field: &FieldDescriptor) -> Result<Repr, String> {
        match self {
            Self::Words(words) if matches!(field.kind(), Kind::Enum(_)) => {
                Ok(Repr { form: Form::EnumWords(Arc::clone(words)), within: None })
            }
            Self::Words(_) => Err(format!(
                "`enum-words` can't be the representation of {}: it is for an enum",
                field.full_name()
            )),
            Self::Named(name, unknown) => repr::named(name, field, *unknown).map_err(|expected| {
                format!("`{name}` can't be the representation of {}: it is for {expected}", field.full_name())
            }),
            Self::Inline => Err(format!("{} can't be inlined here", field.full_name())),
        }
    }
}

const BY: [&str; 5] = ["field", "customtype", "casttype", "message", "enum"];

impl Types {
    /// The rule for a field: the most special one there is.
    pub fn written(&self, field: &FieldDescriptor, options: &FieldOptions) -> Option<&Rule> {
        let of_kind = match field.kind() {
            Kind::Message(message) => Some(("message", message.full_name().to_owned())),
            Kind::Enum(found) => Some(("enum", found.full_name().to_owned())),
            _ => None,
        };
        let keys = [
            Some(("field", field.full_name().to_owned())),
            options.custom_type.clone().map(|name| ("customtype", name)),
            options.cast_type.clone().map(|name| ("casttype", name)),
            of_kind,
        ];
        keys.into_iter().flatten().find_map(|key| self.rules.get(&key))
    }

    /// Whose JSON rules hold for a message, by its package.
    pub fn json(&self, message: &MessageDescriptor) -> Json {
        if self.go.iter().any(|package| package == message.package_name()) { Json::Go } else { Json::Proto }
    }
}

/// Reads a `types.toml` on top of what other ones say: a rule for the same type replaces theirs.
pub(super) fn read(document: &Document, schema: &Schema, types: &mut Types, problems: &mut Vec<Diagnostic>) {
    types.is_broken |= !document.is_sound;
    types.go.extend(document.table.table("json").texts("go").into_iter().map(|text| text.text));
    for by in BY {
        for (name, node) in document.table.table(by).entries() {
            let Some(table) = node.table() else { continue };
            exists(by, name, document, schema, problems);
            if let Some(rule) = rule(table, document) {
                types.rules.insert((by, name.text.clone()), rule);
            }
        }
    }
}

/// A pruned interface has no message for a rule that only other mappings need, so this is about slips alone.
fn exists(by: &str, name: &Text, document: &Document, schema: &Schema, problems: &mut Vec<Diagnostic>) {
    let known = match by {
        "message" => schema.message_names(),
        "enum" => schema.enum_names(),
        _ => return,
    };
    if known.contains(&name.text) {
        return;
    }
    if let Some(help) = did_you_mean(&name.text, known.iter().map(String::as_str)) {
        let message = format!("there is no {by} `{}`", name.text);
        problems.push(Diagnostic::warning(message).at(&document.source, name.span.clone()).help(help));
    }
}

fn rule(table: &Table, document: &Document) -> Option<Rule> {
    let name = table.text("repr")?;
    let word = |key| table.text(key).map(|text| text.text);
    let unknown = if word("unknown").is_some() { Unknown::Warn } else { Unknown::Refuse };
    let fold = match word("fold").as_deref() {
        Some("case") => Fold::Case,
        Some(_) => Fold::CaseAndSpaces,
        None => Fold::Exact,
    };
    let written = match name.text.as_str() {
        "inline" => Written::Inline,
        "enum-words" => Written::Words(Arc::new(words(table, fold, unknown))),
        _ => Written::Named(name.text, unknown),
    };
    Some(Rule { written, source: Arc::clone(&document.source), span: name.span })
}

fn words(table: &Table, fold: Fold, unknown: Unknown) -> EnumWords {
    let print: BTreeMap<i32, Printed> = table
        .table("print")
        .entries()
        .filter_map(|(number, node)| Some((number.text.parse().ok()?, printed(node)?)))
        .collect();
    let mut numbers: BTreeMap<i32, i32> = match table.flag("numbers") {
        Some(false) => BTreeMap::new(),
        _ => print.keys().map(|number| (*number, *number)).collect(),
    };
    numbers.extend(wholes(table, "renumber"));
    EnumWords {
        words: wholes(table, "words")
            .map(|(word, number): (String, i32)| (fold.apply(&word), number))
            .collect(),
        bools: wholes(table, "bools").collect(),
        numbers,
        print,
        fold,
        unknown,
    }
}

fn printed(node: &Node) -> Option<Printed> {
    match &node.value {
        Value::Text(word) => Some(Printed::Word(word.clone())),
        Value::Flag(flag) => Some(Printed::Bool(*flag)),
        Value::Whole(_) => Some(Printed::Number),
        _ => None,
    }
}

fn wholes<'a, K: std::str::FromStr>(
    table: &'a Table,
    key: &str,
) -> impl Iterator<Item = (K, i32)> + use<'a, K> {
    table.table(key).entries().filter_map(|(name, node)| match node.value {
        Value::Whole(number) => Some((name.text.parse().ok()?, i32::try_from(number).ok()?)),
        _ => None,
    })
}
