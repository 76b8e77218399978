//! TOML with the place of everything in it, checked against the grammar: unknown keys, wrong types and missing keys are
//! all reported at once. What a table gives afterwards is well formed or absent.
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::grammar::{Key, Takes};
use crate::diagnostic::{Diagnostic, Source, did_you_mean, nearest};

/// A string and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The string.
    pub text: String,
    /// Where.
    pub span: Range<usize>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where.
    pub span: Range<usize>,
}

/// A TOML value; those that no mapping takes are `Other`.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Whole(i64),
    /// A boolean.
    Flag(bool),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// A float or a time, with TOML's name for it; also what is malformed, once that is reported.
    Other(&'static str),
}

/// A table, in order of its keys.
#[derive(Debug, Clone, Default)]
pub struct Table {
    entries: Vec<(Text, Node)>,
}

/// A file's table, checked.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file.
    pub source: Arc<Source>,
    /// Its content.
    pub table: Table,
    /// Whether it is TOML at all.
    pub is_sound: bool,
}

/// Reads a file by a grammar. What is malformed is reported and left out.
pub fn read(source: Arc<Source>, grammar: &[Key], problems: &mut Vec<Diagnostic>) -> Document {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let is_sound = errors.is_empty();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        problems.push(Diagnostic::error(error.message().to_owned()).at(&source, span));
    }
    let mut table = table(root.get_ref());
    // What a parser makes of the rest after a mistake is not what somebody meant.
    if !is_sound {
        return Document { source, table: Table::default(), is_sound };
    }
    let mut check = Check { source: Arc::clone(&source), problems };
    check.table(&mut table, grammar, 0..0, "this file");
    Document { source, table, is_sound }
}

fn table(from: &DeTable<'_>) -> Table {
    let entries = from
        .iter()
        .map(|(key, value)| (Text { text: key.get_ref().to_string(), span: key.span() }, node(value)))
        .collect();
    Table { entries }
}

fn node(from: &Spanned<DeValue<'_>>) -> Node {
    let value = match from.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("integer out of range"), Value::Whole),
        DeValue::Array(items) => Value::List(items.iter().map(node).collect()),
        DeValue::Table(inner) => Value::Table(table(inner)),
        other => Value::Other(other.type_str()),
    };
    Node { value, span: from.span() }
}

impl Value {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Whole(_) => "integer",
            Self::Flag(_) => "boolean",
            Self::List(_) => "array",
            Self::Table(_) => "table",
            Self::Other(name) => name,
        }
    }
}

struct Check<'a> {
    source: Arc<Source>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Check<'_> {
    fn table(&mut self, table: &mut Table, keys: &[Key], span: Range<usize>, what: &str) {
        let mut meant = Vec::new();
        table.entries.retain_mut(|(name, value)| match keys.iter().find(|key| key.name == name.text) {
            Some(key) => {
                if !self.value(value, key.takes, &name.text) {
                    value.value = Value::Other("malformed value");
                }
                true
            }
            None => {
                meant.extend(self.unknown(name, keys));
                false
            }
        });
        let is_missing = |key: &&Key| table.get(key.name).is_none() && !meant.contains(&key.name);
        for key in keys.iter().filter(|key| key.required).filter(is_missing) {
            let message = format!("`{}` is missing in {what}", key.name);
            self.problems.push(Diagnostic::error(message).at(&self.source, span.clone()).help(key.doc));
        }
    }

    /// Reports a key that is not known, and gives the one that was probably meant.
    fn unknown(&mut self, name: &Text, keys: &[Key]) -> Option<&'static str> {
        let known = || keys.iter().map(|key| key.name);
        let near = nearest(&name.text, known());
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("unknown key `{}`", name.text);
        self.problems.push(Diagnostic::error(message).at(&self.source, name.span.clone()).help(help));
        near
    }

    /// Whether the value is well formed; what is not is reported.
    fn value(&mut self, node: &mut Node, takes: Takes, name: &str) -> bool {
        let span = node.span.clone();
        match (&mut node.value, takes) {
            (Value::Text(_), Takes::Text | Takes::Constant)
            | (Value::Whole(_), Takes::Whole | Takes::Constant)
            | (Value::Flag(_), Takes::Flag | Takes::Constant)
            | (_, Takes::Any) => true,
            (Value::Text(word), Takes::Word(words)) => {
                let is_known = words.contains(&word.as_str());
                if !is_known {
                    let message = format!("`{name}` can't be `{word}`");
                    let help = did_you_mean(word, words.iter().copied());
                    let help = help.unwrap_or_else(|| format!("it takes {}", words.join(", ")));
                    self.problems.push(Diagnostic::error(message).at(&self.source, span).help(help));
                }
                is_known
            }
            (Value::List(items), Takes::Calls(_) | Takes::Tables(_)) if items.is_empty() => {
                let message = format!("`{name}` is empty");
                self.problems.push(Diagnostic::error(message).at(&self.source, span));
                false
            }
            (Value::List(items), Takes::Texts) => {
                items.retain_mut(|item| self.value(item, Takes::Text, name));
                true
            }
            (Value::List(items), Takes::Tables(keys)) => {
                items.retain_mut(|item| self.value(item, Takes::Table(keys), name));
                true
            }
            (Value::List(items), Takes::Calls(keys)) => {
                items.retain_mut(|item| {
                    let takes = match item.value {
                        Value::Table(_) => Takes::Table(keys),
                        _ => Takes::Text,
                    };
                    self.value(item, takes, name)
                });
                true
            }
            (Value::Table(table), Takes::Table(keys)) => {
                self.table(table, keys, span, &format!("`{name}`"));
                true
            }
            (Value::Table(table), Takes::Map(each)) => {
                table.entries.retain_mut(|(key, value)| self.value(value, *each, &key.text));
                true
            }
            (found, _) => {
                let message = format!("`{name}` takes {}, not {}", expects(takes), found.type_name());
                let help = match (found, takes) {
                    (Value::Text(text), Takes::Texts | Takes::Calls(_)) => {
                        Some(format!("write it as a list: [{text:?}]"))
                    }
                    _ => None,
                };
                self.problems.push(Diagnostic::error(message).at(&self.source, span).maybe_help(help));
                false
            }
        }
    }
}

fn expects(takes: Takes) -> &'static str {
    match takes {
        Takes::Text | Takes::Word(_) => "a string",
        Takes::Texts => "a list of strings",
        Takes::Whole => "an integer",
        Takes::Flag => "true or false",
        Takes::Constant => "a string, an integer, or true or false",
        Takes::Calls(_) => "a list of calls",
        Takes::Table(_) | Takes::Map(_) => "a table",
        Takes::Tables(_) => "a list of tables",
        Takes::Any => "anything",
    }
}

impl Table {
    fn entry(&self, key: &str) -> Option<&(Text, Node)> {
        self.entries.iter().find(|(name, _)| name.text == key)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Where a key itself stands.
    pub fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.entry(key).map(|(name, _)| name.span.clone())
    }

    /// All entries.
    pub fn entries(&self) -> impl Iterator<Item = (&Text, &Node)> {
        self.entries.iter().map(|(name, node)| (name, node))
    }

    /// A string.
    pub fn text(&self, key: &str) -> Option<Text> {
        self.get(key).and_then(Node::text)
    }

    /// A list of strings; empty where there is none.
    pub fn texts(&self, key: &str) -> Vec<Text> {
        self.list(key).iter().filter_map(Node::text).collect()
    }

    /// A list; empty where there is none.
    pub fn list(&self, key: &str) -> &[Node] {
        match self.get(key).map(|node| &node.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// A table; empty where there is none.
    pub fn table(&self, key: &str) -> &Table {
        static NONE: Table = Table { entries: Vec::new() };
        self.get(key).and_then(Node::table).unwrap_or(&NONE)
    }

    /// A boolean; false where there is none.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)?.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// An integer and where it stands.
    pub fn whole(&self, key: &str) -> Option<(i64, Range<usize>)> {
        let node = self.get(key)?;
        match node.value {
            Value::Whole(number) => Some((number, node.span.clone())),
            _ => None,
        }
    }
}

impl Node {
    /// The string, if it is one.
    pub fn text(&self) -> Option<Text> {
        match &self.value {
            Value::Text(text) => Some(Text { text: text.clone(), span: self.span.clone() }),
            _ => None,
        }
    }

    /// The value in JSON, with its keys in order.
    pub fn json(&self) -> Json {
        match &self.value {
            Value::Text(text) => Json::from(text.as_str()),
            Value::Whole(number) => Json::from(*number),
            Value::Flag(flag) => Json::from(*flag),
            Value::List(items) => items.iter().map(Self::json).collect(),
            Value::Table(table) => {
                table.entries().map(|(name, node)| (name.text.clone(), node.json())).collect()
            }
            Value::Other(_) => Json::Null,
        }
    }

    /// The table, if it is one.
    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}
