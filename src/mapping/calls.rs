//! Resolves calls: which method, what its request is filled with, and where its answer holds the resource. What a mapping
//! does not say is inferred by type; where that is ambiguous, the candidates are listed.
use std::ops::Range;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, Value as ProtoValue};

use super::naming::call_meant;
use super::path;
use super::plan::{Answer, Assign, Call, Calls, From, Many, Shapes};
use super::raw::{Document, Node, Table, Text, Value};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::schema::{FieldPath, Schema};

/// What to do about a name that is near to none.
pub(super) const NOT_CARRIED: &str =
    "the binary carries what its own mappings need; --descriptors gives it further messages and calls";

/// What a call is to do, as far as its request and answer go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Get,
    List,
    Write,
    Delete,
}

/// What a mapping can fill a request with, besides constants.
const PLACEHOLDERS: [(&str, From); 5] = [
    ("{name}", From::Name),
    ("{revision}", From::Revision),
    ("{resource}", From::Resource),
    ("{page}", From::Page),
    ("{page-size}", From::PageSize),
];

pub(super) struct Resolver<'a> {
    pub document: &'a Document,
    pub schema: &'a Schema,
    pub message: &'a MessageDescriptor,
    pub shapes: &'a Shapes,
    /// Requests of the only resource of its kind carry no name.
    pub singleton: bool,
    /// Nothing changes it.
    pub immutable: bool,
    pub problems: &'a mut Vec<Diagnostic>,
}

impl Resolver<'_> {
    pub fn calls(&mut self, rpc: &Table) -> Calls {
        let calls = Calls {
            get: self.group(rpc, "get", Role::Get),
            list: self.group(rpc, "list", Role::List),
            create: self.group(rpc, "create", Role::Write),
            update: self.group(rpc, "update", Role::Write),
            upsert: self.group(rpc, "upsert", Role::Write),
            delete: self.group(rpc, "delete", Role::Delete),
        };
        let Some(span) = self.document.table.key_span("rpc") else { return calls };
        for (what, key) in [("creates", "create"), ("updates", "update")] {
            let needs_none = self.immutable && key == "update";
            if !needs_none && rpc.get("upsert").is_none() && rpc.get(key).is_none() {
                let or =
                    if key == "update" { "; or, where the API has neither, `immutable = true`" } else { "" };
                let help = format!("give `{key}` or `upsert`{or}");
                self.error(format!("nothing here {what} the resource"), span.clone(), Some(help));
            }
        }
        let changing = ["update", "upsert"].into_iter().find_map(|key| rpc.key_span(key));
        if let Some(span) = changing.filter(|_| self.immutable) {
            let help = "leave out `immutable`".to_owned();
            self.error("this changes a resource that is said to be immutable".to_owned(), span, Some(help));
        }
        calls
    }

    fn group(&mut self, rpc: &Table, key: &str, role: Role) -> Vec<Call> {
        rpc.list(key).iter().filter_map(|node| self.call(node, role)).collect()
    }

    fn call(&mut self, node: &Node, role: Role) -> Option<Call> {
        let none = Table::default();
        let table = node.table().unwrap_or(&none);
        let name = node.text().or_else(|| table.text("call"))?;
        let Some(method) = self.schema.method(&name.text) else {
            let help = call_meant(&name.text, self.schema).or_else(|| Some(NOT_CARRIED.to_owned()));
            self.error(format!("there is no call `{}`", name.text), name.span, help);
            return None;
        };
        if method.is_client_streaming() || method.is_server_streaming() {
            self.error(format!("`{}` is a stream, not a call", name.text), name.span, None);
            return None;
        }
        let mut request = self.said(&method.input(), table, role);
        let answer = self.answer(&method.output(), table, role, &name)?;
        self.infer(&method.input(), &mut request, role, &answer, &name);
        Some(Call { method, request, answer })
    }

    /// The assignments that the mapping says.
    fn said(&mut self, input: &MessageDescriptor, table: &Table, role: Role) -> Vec<Assign> {
        let request = table.table("request");
        request.entries().filter_map(|(field, node)| self.assign(input, field, node, role)).collect()
    }

    fn assign(&mut self, input: &MessageDescriptor, field: &Text, node: &Node, role: Role) -> Option<Assign> {
        let to = self.field(input, field)?;
        let last = to.last()?.clone();
        let from = match &node.value {
            Value::Text(text) if text.starts_with('{') => self.placeholder(text, &last, role, &node.span)?,
            value => From::Constant(self.constant(&last, value, node.span.clone())?),
        };
        Some(Assign { to, from })
    }

    /// A word in braces: one that there is, for a call that knows it, and for a field that can take it.
    fn placeholder(
        &mut self,
        word: &str,
        field: &FieldDescriptor,
        role: Role,
        span: &Range<usize>,
    ) -> Option<From> {
        if word.starts_with("{$") {
            return self.member(field, word, span).map(From::Member);
        }
        let known = PLACEHOLDERS.iter().find(|(known, _)| *known == word).map(|(_, from)| from.clone());
        let Some(from) = known else {
            let help = did_you_mean(word, PLACEHOLDERS.iter().map(|(known, _)| *known));
            self.error(format!("there is no {word} to fill a request with"), span.clone(), help);
            return None;
        };
        let is_known = match from {
            From::Page | From::PageSize => role == Role::List,
            From::Resource => role == Role::Write,
            _ => role != Role::List,
        };
        if !is_known {
            self.error(format!("this call knows no {word}"), span.clone(), None);
            return None;
        }
        let fits = match from {
            From::PageSize => is_size(&field.kind()),
            From::Resource => field.kind().as_message() == Some(self.message),
            _ => field.kind() == Kind::String,
        };
        if !fits || field.is_list() || field.is_map() {
            self.error(format!("{} can't take {word}", field.full_name()), span.clone(), None);
            return None;
        }
        Some(from)
    }

    /// The member of the resource that `{$.…}` names: a text, for a text.
    fn member(&mut self, to: &FieldDescriptor, text: &str, span: &Range<usize>) -> Option<FieldPath> {
        let names = path::members(text.trim_start_matches('{').trim_end_matches('}'));
        let found = names.map_err(|message| (message, None)).and_then(|names| {
            let missing = |(name, known): (String, _)| {
                let message =
                    format!("there is no `{name}` in the JSON form of {}", self.message.full_name());
                (message, did_you_mean(&name, known))
            };
            self.shapes.follow(&names).map_err(missing)
        });
        let is_text = |field: &FieldDescriptor| field.kind() == Kind::String && !field.is_list();
        match found {
            Ok((path, member)) if member.many == Many::One && is_text(&member.field) && is_text(to) => {
                Some(path)
            }
            Ok(_) => {
                let message = format!("only a string can be put into {}, and only from one", to.full_name());
                self.error(message, span.clone(), None);
                None
            }
            Err((message, help)) => {
                self.error(message, span.clone(), help);
                None
            }
        }
    }

    fn constant(&mut self, field: &FieldDescriptor, value: &Value, span: Range<usize>) -> Option<ProtoValue> {
        let found = constant(field, value);
        if found.is_none() {
            self.error(format!("this is no value for {}", field.full_name()), span, None);
        }
        found
    }

    /// Adds what follows from types: the resource, the name, the page.
    fn infer(
        &mut self,
        input: &MessageDescriptor,
        request: &mut Vec<Assign>,
        role: Role,
        answer: &Answer,
        at: &Text,
    ) {
        let said = |from: &From, request: &[Assign]| request.iter().any(|assign| assign.from == *from);
        let free = |request: &[Assign], wanted: fn(&Kind) -> bool| -> Vec<FieldDescriptor> {
            let taken = |field: &FieldDescriptor| {
                request.iter().any(|assign| assign.to.fields().first() == Some(field))
            };
            input.fields().filter(|f| !f.is_list() && wanted(&f.kind()) && !taken(f)).collect()
        };
        match role {
            Role::Write if input == self.message => {
                request.push(Assign { to: FieldPath::default(), from: From::Resource });
            }
            Role::Write if !said(&From::Resource, request) => {
                let candidates = input
                    .fields()
                    .filter(|f| !f.is_list() && f.kind().as_message() == Some(self.message))
                    .collect();
                self.only(candidates, From::Resource, "the resource", request, at);
            }
            Role::Get | Role::Delete if !self.singleton && !said(&From::Name, request) => {
                let candidates = free(request, |kind| *kind == Kind::String);
                self.only(candidates, From::Name, "the name", request, at);
            }
            Role::List if matches!(answer, Answer::Page { next: Some(_), .. }) => {
                if !said(&From::Page, request) {
                    let candidates = free(request, |kind| *kind == Kind::String);
                    self.only(candidates, From::Page, "the token of the page", request, at);
                }
                if !said(&From::PageSize, request) {
                    let candidates = free(request, is_size);
                    self.only(candidates, From::PageSize, "the size of the page", request, at);
                }
            }
            _ => {}
        }
    }

    fn only(
        &mut self,
        candidates: Vec<FieldDescriptor>,
        from: From,
        what: &str,
        request: &mut Vec<Assign>,
        at: &Text,
    ) {
        if let [only] = candidates.as_slice() {
            request.push(Assign { to: FieldPath::new(vec![only.clone()]), from });
            return;
        }
        let word = PLACEHOLDERS.iter().find(|(_, known)| *known == from).map_or("", |(word, _)| word);
        let names = candidates.iter().map(|field| format!("`{}`", field.name())).collect::<Vec<_>>();
        let message = match names.as_slice() {
            [] => format!("no field of the request of `{}` can take {what}", at.text),
            _ => format!("{what} could go into {} of the request of `{}`", names.join(" or "), at.text),
        };
        let help = match candidates.first() {
            Some(first) => format!(
                "say which: {{ call = \"{}\", request = {{ {} = \"{word}\" }} }}",
                at.text,
                first.name()
            ),
            None => "is it the right call?".to_owned(),
        };
        self.error(message, at.span.clone(), Some(help));
    }

    fn answer(&mut self, output: &MessageDescriptor, table: &Table, role: Role, at: &Text) -> Option<Answer> {
        match role {
            Role::List => self.page(output, table, at),
            Role::Delete => Some(Answer::Nothing),
            Role::Get | Role::Write => {
                if output == self.message {
                    return Some(Answer::Resource(FieldPath::default()));
                }
                let holds: Vec<_> = output
                    .fields()
                    .filter(|f| !f.is_list() && f.kind().as_message() == Some(self.message))
                    .collect();
                match (holds.as_slice(), role) {
                    ([only], _) => Some(Answer::Resource(FieldPath::new(vec![only.clone()]))),
                    ([], Role::Write) => Some(Answer::Nothing),
                    _ => {
                        let message =
                            format!("the answer of `{}` holds no {}", at.text, self.message.full_name());
                        self.error(message, at.span.clone(), None);
                        None
                    }
                }
            }
        }
    }

    fn page(&mut self, output: &MessageDescriptor, table: &Table, at: &Text) -> Option<Answer> {
        let (items, item) = match table.text("items") {
            Some(items) => {
                let fields = self.items(output, &items)?;
                let repeated = fields.iter().position(FieldDescriptor::is_list)?;
                let (items, item) = fields.split_at(repeated + 1);
                (FieldPath::new(items.to_vec()), FieldPath::new(item.to_vec()))
            }
            None => {
                let lists: Vec<_> = output
                    .fields()
                    .filter(|f| f.is_list() && f.kind().as_message() == Some(self.message))
                    .collect();
                let [only] = lists.as_slice() else {
                    let of = self.message.full_name();
                    let names = lists.iter().map(|field| format!("`{}`", field.name())).collect::<Vec<_>>();
                    let message = match names.as_slice() {
                        [] => format!("the answer of `{}` has no list of {of}", at.text),
                        _ => format!("the answer of `{}` lists {of} in {}", at.text, names.join(" and ")),
                    };
                    let help = "say where the resources are with `items`".to_owned();
                    self.error(message, at.span.clone(), Some(help));
                    return None;
                };
                (FieldPath::new(vec![only.clone()]), FieldPath::default())
            }
        };
        let next = match table.text("next") {
            Some(next) => Some(self.token(output, &next)?),
            None => {
                let texts: Vec<_> =
                    output.fields().filter(|f| f.kind() == Kind::String && !f.is_list()).collect();
                match texts.as_slice() {
                    [] => None,
                    [only] => Some(FieldPath::new(vec![only.clone()])),
                    many => {
                        let names: Vec<_> = many.iter().map(|f| format!("`{}`", f.name())).collect();
                        let message = format!("the token of the next page could be {}", names.join(" or "));
                        self.error(message, at.span.clone(), Some("say which with `next`".to_owned()));
                        None
                    }
                }
            }
        };
        Some(Answer::Page { items, item, next })
    }

    /// A way that may lead through one repeated message, and must end at the resource.
    fn items(&mut self, output: &MessageDescriptor, text: &Text) -> Option<Vec<FieldDescriptor>> {
        let mut at = output.clone();
        let mut fields: Vec<FieldDescriptor> = Vec::new();
        for name in text.text.split('.') {
            let field = self.field_of(&at, name, &text.span)?;
            if let Kind::Message(inner) = field.kind() {
                at = inner;
            }
            fields.push(field);
        }
        let lists = fields.iter().filter(|field| field.is_list()).count();
        if at != *self.message || lists != 1 {
            let message = format!("this leads to no list of {}", self.message.full_name());
            self.error(message, text.span.clone(), None);
            return None;
        }
        Some(fields)
    }

    fn token(&mut self, output: &MessageDescriptor, text: &Text) -> Option<FieldPath> {
        let path = self.field(output, text)?;
        let last = path.last()?;
        if last.kind() != Kind::String || last.is_list() {
            let message = format!("{} is no string: it can't be the token of a page", last.full_name());
            self.error(message, text.span.clone(), None);
            return None;
        }
        Some(path)
    }

    fn field(&mut self, message: &MessageDescriptor, text: &Text) -> Option<FieldPath> {
        let mut fields: Vec<FieldDescriptor> = Vec::new();
        let mut at = Some(message.clone());
        for name in text.text.split('.') {
            let Some(of) = at else {
                let last = fields.last().map(FieldDescriptor::full_name).unwrap_or_default();
                self.error(format!("there are no fields below {last}"), text.span.clone(), None);
                return None;
            };
            let field = self.field_of(&of, name, &text.span)?;
            at = field.kind().as_message().filter(|_| !field.is_list() && !field.is_map()).cloned();
            fields.push(field);
        }
        Some(FieldPath::new(fields))
    }

    fn field_of(
        &mut self,
        of: &MessageDescriptor,
        name: &str,
        span: &Range<usize>,
    ) -> Option<FieldDescriptor> {
        let found = of.get_field_by_name(name);
        if found.is_none() {
            let fields: Vec<_> = of.fields().map(|field| field.name().to_owned()).collect();
            let help = did_you_mean(name, fields.iter().map(String::as_str));
            self.error(format!("{} has no field `{name}`", of.full_name()), span.clone(), help);
        }
        found
    }

    fn error(&mut self, message: String, span: Range<usize>, help: Option<String>) {
        self.problems.push(Diagnostic::error(message).at(&self.document.source, span).maybe_help(help));
    }
}

/// What a mapping writes, as a value of a field.
pub(super) fn constant(field: &FieldDescriptor, value: &Value) -> Option<ProtoValue> {
    if field.is_list() {
        return None;
    }
    match (value, field.kind()) {
        (Value::Text(text), Kind::String) => Some(ProtoValue::String(text.clone())),
        (Value::Flag(flag), Kind::Bool) => Some(ProtoValue::Bool(*flag)),
        (Value::Whole(number), Kind::Int32) => i32::try_from(*number).ok().map(ProtoValue::I32),
        (Value::Whole(number), Kind::Int64) => Some(ProtoValue::I64(*number)),
        (Value::Text(text), Kind::Enum(of)) => {
            of.get_value_by_name(text).map(|value| ProtoValue::EnumNumber(value.number()))
        }
        _ => None,
    }
}

/// What the size of a page can be given in.
fn is_size(kind: &Kind) -> bool {
    matches!(kind, Kind::Int32 | Kind::Uint32 | Kind::Int64)
}
