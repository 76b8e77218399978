//! Resolves the target's event stream: how it is asked for, and where an event says what happened to which resource.
//! The values here are part of the plan.
use std::ops::Range;
use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value as ProtoValue};

use super::calls::{NOT_CARRIED, constant};
use super::naming::call_meant;
use super::plan::Shapes;
use super::raw::{Document, Table, Text};
use crate::diagnostic::{Diagnostic, Source, did_you_mean};
use crate::schema::{FieldPath, Schema};

/// A stream that tells of changes as they happen.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The method; its answers are events.
    pub method: MethodDescriptor,
    /// What fields of the request always get.
    pub request: Vec<(FieldPath, ProtoValue)>,
    /// Where the request names the kinds that are wanted; none: there is no choice.
    pub kinds: Option<WordsAt>,
    /// Where the first event names the kinds that are in the stream; none: all that were asked for are.
    pub begun: Option<WordsAt>,
    /// Where an event says what happened; none: whether it holds a resource or the name of a deleted one says it.
    pub what: Option<What>,
    /// Where an event names a resource that is gone.
    pub deleted: Option<Deleted>,
}

/// A list of words.
#[derive(Debug, Clone, PartialEq)]
pub struct WordsAt {
    /// The repeated field.
    pub list: FieldPath,
    /// From one element to its word; empty: the element is it.
    pub word: FieldPath,
}

/// Where an event says what happened, and in which words.
#[derive(Debug, Clone, PartialEq)]
pub struct What {
    /// A string or an enum.
    pub field: FieldPath,
    /// Values that say that the stream begins; empty: it has begun when it is answered.
    pub begin: Vec<ProtoValue>,
    /// Values that say that a resource was written.
    pub write: Vec<ProtoValue>,
    /// Values that say that a resource was deleted.
    pub delete: Vec<ProtoValue>,
}

/// Where an event names a resource that is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Deleted {
    /// Its name.
    pub name: FieldPath,
    /// The stream's word for its kind; none: there is one kind in the stream.
    pub kind: Option<FieldPath>,
}

/// How a resource is in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// The stream's word for its kind.
    pub word: String,
    /// Where an event holds it.
    pub event: FieldPath,
    /// A constant in the resource that tells it from others that stand in the same place.
    pub constant: Option<(FieldPath, String)>,
}

/// The stream that `watch` in `target.toml` describes, if it is there and has no mistakes.
pub(super) fn resolve(
    document: &Document,
    schema: &Schema,
    problems: &mut Vec<Diagnostic>,
) -> Option<Stream> {
    let table = document.table.get("watch")?.table()?;
    let mut build = Build { source: &document.source, problems };
    let method = build.method(&table.text("call")?, schema)?;
    let (input, event) = (method.input(), method.output());
    let request = table.table("request").entries();
    let request = request.filter_map(|(name, node)| {
        let path = build.single(&input, name)?;
        let value = path.last().and_then(|field| constant(field, &node.value));
        if value.is_none() {
            build.error(format!("this is no value for {path}"), node.span.clone(), None);
        }
        Some((path, value?))
    });
    let request = request.collect();
    Some(Stream {
        request,
        kinds: table.text("kinds").and_then(|text| build.words(&input, &text)),
        begun: table.text("begun").and_then(|text| build.words(&event, &text)),
        what: table.get("type").and_then(|node| build.what(&event, node.table()?)),
        deleted: table.get("deleted").and_then(|node| build.deleted(&event, node.table()?)),
        method,
    })
}

/// How the resource of a mapping is in the stream, if its mapping says that it is.
pub(super) fn watched(
    document: &Document,
    target: &Table,
    stream: Option<&Stream>,
    message: &MessageDescriptor,
    shapes: &Shapes,
    problems: &mut Vec<Diagnostic>,
) -> Option<Watched> {
    let table = document.table.get("watch")?.table()?;
    let mut build = Build { source: &document.source, problems };
    let span = document.table.key_span("watch").unwrap_or(0..0);
    // One with mistakes is no mistake of the mapping's.
    if stream.is_none() && target.get("watch").is_some() {
        return None;
    }
    let Some(stream) = stream else {
        build.error("target.toml describes no stream".to_owned(), span, Some("give it `watch`".to_owned()));
        return None;
    };
    let event = build.place(&stream.method.output(), message, table.text("event"), span)?;
    let kind = document.table.table("resource").text("kind")?.text;
    let constant = shapes.root().member("kind").map(|member| (member.path.clone(), kind.clone()));
    Some(Watched { word: table.text("kind").map_or(kind, |text| text.text), event, constant })
}

/// Where nothing tells whose deletion an event is, one kind alone can be in the stream.
pub(super) fn check_deletions<'a>(
    stream: &Stream,
    mappings: impl Iterator<Item = &'a Document>,
    problems: &mut Vec<Diagnostic>,
) {
    if stream.deleted.as_ref().is_none_or(|deleted| deleted.kind.is_some()) {
        return;
    }
    for document in mappings.filter(|document| document.table.get("watch").is_some()).skip(1) {
        let span = document.table.key_span("watch").unwrap_or(0..0);
        let message = "another mapping is in the stream, and its events don't tell whose deletion they are";
        let help = "say in target.toml where they do: `deleted.kind` of `watch`";
        problems.push(Diagnostic::error(message.to_owned()).at(&document.source, span).help(help));
    }
}

struct Build<'a> {
    source: &'a Arc<Source>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Build<'_> {
    fn method(&mut self, name: &Text, schema: &Schema) -> Option<MethodDescriptor> {
        let Some(method) = schema.method(&name.text) else {
            let help = call_meant(&name.text, schema).or_else(|| Some(NOT_CARRIED.to_owned()));
            self.error(format!("there is no call `{}`", name.text), name.span.clone(), help);
            return None;
        };
        if !method.is_server_streaming() || method.is_client_streaming() {
            self.error(format!("`{}` is no stream of events", name.text), name.span.clone(), None);
            return None;
        }
        Some(method)
    }

    fn what(&mut self, event: &MessageDescriptor, table: &Table) -> Option<What> {
        let text = table.text("field")?;
        let field = self.single(event, &text)?;
        let kind = field.last()?.kind();
        if !matches!(kind, Kind::String | Kind::Enum(_)) {
            self.error("only a string or an enum says what happened".to_owned(), text.span, None);
            return None;
        }
        let mut words = |key| -> Vec<ProtoValue> {
            table.texts(key).iter().filter_map(|text| self.word(&kind, text)).collect()
        };
        Some(What { begin: words("begin"), write: words("write"), delete: words("delete"), field })
    }

    fn word(&mut self, kind: &Kind, text: &Text) -> Option<ProtoValue> {
        let Kind::Enum(names) = kind else { return Some(ProtoValue::String(text.text.clone())) };
        let found = names.get_value_by_name(&text.text);
        if found.is_none() {
            let known: Vec<_> = names.values().map(|value| value.name().to_owned()).collect();
            let help = did_you_mean(&text.text, known.iter().map(String::as_str));
            let message = format!("{} has no value `{}`", names.full_name(), text.text);
            self.error(message, text.span.clone(), help);
        }
        found.map(|value| ProtoValue::EnumNumber(value.number()))
    }

    fn deleted(&mut self, event: &MessageDescriptor, table: &Table) -> Option<Deleted> {
        let kind = table.text("kind").map(|text| self.string(event, &text));
        let name = self.string(event, &table.text("name")?)?;
        Some(Deleted { name, kind: kind.flatten() })
    }

    fn string(&mut self, event: &MessageDescriptor, text: &Text) -> Option<FieldPath> {
        let path = self.single(event, text)?;
        if path.last()?.kind() != Kind::String {
            self.error("this does not lead to a string".to_owned(), text.span.clone(), None);
            return None;
        }
        Some(path)
    }

    /// Where an event holds a message: said, or the only field of that type.
    fn place(
        &mut self,
        event: &MessageDescriptor,
        message: &MessageDescriptor,
        said: Option<Text>,
        span: Range<usize>,
    ) -> Option<FieldPath> {
        if let Some(text) = said {
            let path = self.single(event, &text)?;
            if path.last()?.kind().as_message() != Some(message) {
                self.error(format!("{path} holds no {}", message.full_name()), text.span, None);
                return None;
            }
            return Some(path);
        }
        let holds = |field: &FieldDescriptor| !field.is_list() && field.kind().as_message() == Some(message);
        let candidates: Vec<_> = event.fields().filter(holds).collect();
        if let [only] = candidates.as_slice() {
            return Some(FieldPath::new(vec![only.clone()]));
        }
        let names = candidates.iter().map(|field| format!("`{}`", field.name())).collect::<Vec<_>>();
        let (of, message) = (event.full_name(), message.full_name());
        let (message, help) = match candidates.first() {
            None => (format!("{of} holds no {message}: it is not in the stream"), None),
            Some(first) => (
                format!("{of} could hold a {message} in {}", names.join(" or ")),
                Some(format!("say which: event = \"{}\"", first.name())),
            ),
        };
        self.error(message, span, help);
        None
    }

    /// A way through one repeated field to a string.
    fn words(&mut self, from: &MessageDescriptor, text: &Text) -> Option<WordsAt> {
        let fields = self.fields(from, text)?;
        let lists = fields.iter().filter(|field| field.is_list()).count();
        let list = fields.iter().position(FieldDescriptor::is_list);
        let (Some(list), 1, Some(Kind::String)) = (list, lists, fields.last().map(FieldDescriptor::kind))
        else {
            self.error("this leads to no list of strings".to_owned(), text.span.clone(), None);
            return None;
        };
        let (list, word) = fields.split_at(list + 1);
        Some(WordsAt { list: FieldPath::new(list.to_vec()), word: FieldPath::new(word.to_vec()) })
    }

    /// A way through single fields.
    fn single(&mut self, from: &MessageDescriptor, text: &Text) -> Option<FieldPath> {
        let fields = self.fields(from, text)?;
        if fields.iter().any(|field| field.is_list() || field.is_map()) {
            self.error("this leads through a list or a map".to_owned(), text.span.clone(), None);
            return None;
        }
        Some(FieldPath::new(fields))
    }

    fn fields(&mut self, from: &MessageDescriptor, text: &Text) -> Option<Vec<FieldDescriptor>> {
        let mut at = Some(from.clone());
        let mut fields: Vec<FieldDescriptor> = Vec::new();
        for name in text.text.split('.') {
            let Some(of) = at else {
                let last = fields.last().map(FieldDescriptor::full_name).unwrap_or_default();
                self.error(format!("there are no fields below {last}"), text.span.clone(), None);
                return None;
            };
            let Some(field) = of.get_field_by_name(name) else {
                let known: Vec<_> = of.fields().map(|field| field.name().to_owned()).collect();
                let help = did_you_mean(name, known.iter().map(String::as_str));
                self.error(format!("{} has no field `{name}`", of.full_name()), text.span.clone(), help);
                return None;
            };
            at = field.kind().as_message().filter(|_| !field.is_map()).cloned();
            fields.push(field);
        }
        Some(fields)
    }

    fn error(&mut self, message: String, span: Range<usize>, help: Option<String>) {
        self.problems.push(Diagnostic::error(message).at(self.source, span).maybe_help(help));
    }
}
