//! Resolves `target.toml`: what is the same for all kinds of a target.
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::errors::{CODES, Class, Errors, Operation};
use super::naming::call_meant;
use super::path;
use super::plan::{
    AnswerPath, Condition, Connection, Credentials, Features, Identity, Limits, Ownership, Role, Says, Setup,
    Target, Way, Within, Words,
};
use super::raw::{Document, Node, Table, Text, Value};
use super::stream;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::schema::{FieldPath, Schema};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

/// What `target.toml` says: a target without a name and kinds; none where it lacks something, which is reported.
pub(super) fn resolve(
    document: &Document,
    schema: &Schema,
    problems: &mut Vec<Diagnostic>,
) -> Option<Target> {
    let mut build = Build { document, schema, problems };
    let (features, errors) = (build.features(), build.errors());
    let (limits, role, connection) = (build.limits(), build.role(), build.connection());
    let setup = build.setup();
    build.check_metadata();
    build.check_ownership();
    let stream = stream::resolve(document, schema, problems);
    let absent = document.table.table("absent").entries();
    let absent = absent.filter_map(|(kind, why)| Some((kind.text.clone(), why.text()?.text))).collect();
    Some(Target {
        name: String::new(),
        kinds: Vec::new(),
        within: Within::default(),
        words: words(&document.table)?,
        ownership: ownership(&document.table)?,
        connection: connection?,
        features,
        stream,
        errors,
        limits: limits?,
        role,
        setup,
        absent,
    })
}

fn words(table: &Table) -> Option<Words> {
    let kubernetes = table.table("kubernetes");
    let annotations = kubernetes.table("annotations");
    let conditions = table.table("conditions");
    let text = |table: &Table, key| table.text(key).map(|text| text.text);
    let group = text(kubernetes, "group")?;
    let annotation = |key| text(annotations, key).unwrap_or_else(|| format!("{group}/{key}"));
    let status = kubernetes.table("status").entries();
    let status = status.filter_map(|(name, node)| Some((name.text.clone(), node.text()?.text))).collect();
    Some(Words {
        kind_prefix: text(kubernetes, "kind-prefix")?,
        category: text(kubernetes, "category")?,
        finalizer: text(kubernetes, "finalizer")?,
        lease: text(kubernetes, "lease")?,
        ignore: text(annotations, "ignore")?,
        keep: text(annotations, "keep")?,
        description: text(annotations, "description")?,
        lookup: text(annotations, "lookup")?,
        scoped_kind: text(annotations, "scoped-kind"),
        management: annotation("management"),
        drift: annotation("drift"),
        adopt: annotation("adopt"),
        paused: annotation("paused"),
        sync_requested: text(annotations, "sync-requested")
            .unwrap_or_else(|| format!("{group}/sync-requested-at")),
        group,
        status,
        decoded: condition(conditions.table("decoded"))?,
        scoped: condition(conditions.table("scoped")),
        owned: condition(conditions.table("owned"))?,
        synced: condition(conditions.table("synced"))?,
    })
}

fn condition(table: &Table) -> Option<Condition> {
    let says = table.entries().filter_map(|(name, node)| {
        let says = node.table()?;
        let says = Says { reason: says.text("reason")?.text, message: says.text("message")?.text };
        Some((name.text.clone(), says))
    });
    Some(Condition { type_: table.text("type")?.text, says: says.collect() })
}

fn ownership(table: &Table) -> Option<Ownership> {
    let table = table.table("ownership");
    let identity = table.table("identity");
    let identity = || {
        let keys = identity.texts("keys").into_iter().map(|key| key.text).collect();
        Some(Identity { label: identity.text("label")?.text, secret: identity.text("secret")?.text, keys })
    };
    let scoped = table.table("scoped").entries();
    let scoped = scoped.filter_map(|(label, node)| Some((label.text.clone(), node.text()?.text))).collect();
    Some(Ownership {
        label: table.text("label")?.text,
        value: table.text("value")?.text,
        scoped,
        identity: identity(),
    })
}

struct Build<'a> {
    document: &'a Document,
    schema: &'a Schema,
    problems: &'a mut Vec<Diagnostic>,
}

impl Build<'_> {
    fn features(&mut self) -> Features {
        let table = self.document.table.table("features");
        let call: Vec<MethodDescriptor> =
            table.texts("call").into_iter().filter_map(|name| self.call(&name)).collect();
        let Some(answer) = call.first().map(MethodDescriptor::output) else { return Features::default() };
        let mut paths = BTreeMap::new();
        for (name, _) in table.table("paths").entries() {
            let places = table.table("paths").texts(&name.text);
            let places = places.iter().filter_map(|text| self.answer_path(&answer, text, &Kind::Bool));
            paths.insert(name.text.clone(), places.collect());
        }
        let mut text = |key| self.answer_path(&answer, &table.text(key)?, &Kind::String);
        let (cluster, version) = (text("cluster"), text("version"));
        Features { call, paths, cluster, version }
    }

    fn role(&mut self) -> Option<Role> {
        let table = self.document.table.get("access")?.table()?.clone();
        let mut way = |key: &str| self.members(&table.text(key)?);
        let (rules, within) = (way("rules"), way("within"));
        let selectors = table.table("selectors").entries();
        let selectors = selectors.map(|(name, node)| (name.text.clone(), node.json())).collect();
        let verbs = table.table("verbs").entries();
        let verbs = verbs.map(|(call, _)| {
            let verbs = table.table("verbs").texts(&call.text).into_iter();
            (call.text.clone(), verbs.map(|verb| verb.text).collect())
        });
        Some(Role {
            document: table.get("document")?.json(),
            rules: rules?,
            rule: table.get("rule")?.json(),
            verbs: verbs.collect(),
            within: within.unwrap_or_default(),
            selectors,
        })
    }

    fn setup(&mut self) -> Option<Setup> {
        let table = self.document.table.get("setup")?.table()?.clone();
        let documents = table.get("documents")?;
        self.placeholders(documents);
        let Value::List(items) = &documents.value else {
            self.error("`documents` is not a list".to_owned(), documents.span.clone(), None);
            return None;
        };
        let ways = table.table("ways").entries();
        let ways = ways.map(|(name, node)| {
            self.placeholders(node);
            (name.text.clone(), node.json())
        });
        Some(Setup { ways: ways.collect(), documents: items.iter().map(Node::json).collect() })
    }

    /// Every text in braces must be one that can be asked for.
    fn placeholders(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) if !text.starts_with('{') || Setup::WORDS.contains(&text.as_str()) => {}
            Value::Text(text) => {
                let help = did_you_mean(text, Setup::WORDS);
                let help = help.or_else(|| Some(format!("known here: {}", Setup::WORDS.join(", "))));
                self.error(format!("`{text}` stands for nothing"), node.span.clone(), help);
            }
            Value::List(items) => items.iter().for_each(|item| self.placeholders(item)),
            Value::Table(table) => table.entries().for_each(|(_, node)| self.placeholders(node)),
            _ => {}
        }
    }

    /// What stands in braces in a label must stand for something, and the identity in the label that it is in.
    fn check_ownership(&mut self) {
        let table = self.document.table.table("ownership");
        let (scoped, identity) = (table.table("scoped"), table.table("identity"));
        if let Some(label) = identity.text("label")
            && scoped.text(&label.text).is_none_or(|text| text.text != Ownership::IDENTITY)
        {
            let message = format!("`{}` is no label that is the operator's identity", label.text);
            let help = format!("in `ownership.scoped`: \"{}\" = \"{}\"", label.text, Ownership::IDENTITY);
            self.error(message, label.span, Some(help));
        }
        for (_, node) in scoped.entries() {
            let Some(text) = node.text() else { continue };
            let mut rest = text.text.as_str();
            while let Some((word, after)) = rest
                .find('{')
                .map(|at| &rest[at..])
                .and_then(|found| Some(found.split_at(found.find('}')? + 1)))
            {
                if word == Ownership::IDENTITY && identity.text("label").is_none() {
                    let message = "nothing says where the operator's identity is kept".to_owned();
                    let help = "`[ownership.identity]` does".to_owned();
                    self.error(message, text.span.clone(), Some(help));
                }
                if !Ownership::WORDS.contains(&word) {
                    let help = did_you_mean(word, Ownership::WORDS);
                    let help = help.or_else(|| Some(format!("known here: {}", Ownership::WORDS.join(", "))));
                    self.error(format!("`{word}` stands for nothing"), text.span.clone(), help);
                }
                rest = after;
            }
        }
    }

    /// The fields that metadata styles name must be there; a message that is not there is another interface's.
    fn check_metadata(&mut self) {
        for (name, style) in self.document.table.table("metadata").entries() {
            let (Some(message), Some(style)) = (self.schema.message(&name.text), style.table()) else {
                continue;
            };
            for text in style.entries().filter_map(|(_, node)| node.text()) {
                self.fields(&message, &mut std::iter::once(text.text.clone()), &text);
            }
        }
    }

    fn members(&mut self, text: &Text) -> Option<Vec<String>> {
        let names = path::members(&text.text);
        names.map_err(|message| self.error(message, text.span.clone(), None)).ok()
    }

    fn call(&mut self, name: &Text) -> Option<MethodDescriptor> {
        let found = self.schema.method(&name.text);
        if found.is_none() {
            let help = call_meant(&name.text, self.schema);
            self.error(format!("there is no call `{}`", name.text), name.span.clone(), help);
        }
        found
    }

    /// A JSONPath over field names to a value of that type; the step after a map is a key of it.
    fn answer_path(&mut self, answer: &MessageDescriptor, text: &Text, wanted: &Kind) -> Option<AnswerPath> {
        let mut names = self.members(text)?.into_iter();
        let to = self.fields(answer, &mut names, text)?;
        let mut last = to.last()?.clone();
        let mut entry = None;
        if let (true, Kind::Message(map)) = (last.is_map(), last.kind())
            && let Some(key) = names.next()
        {
            last = map.map_entry_value_field();
            let below = match last.kind() {
                Kind::Message(value) => self.fields(&value, &mut names, text)?,
                _ => Vec::new(),
            };
            last = below.last().cloned().unwrap_or(last);
            entry = Some((key, FieldPath::new(below)));
        }
        if last.kind() != *wanted || last.is_list() || names.next().is_some() {
            let wanted = if *wanted == Kind::Bool { "a boolean" } else { "a string" };
            self.error(format!("this does not lead to {wanted}"), text.span.clone(), None);
            return None;
        }
        Some(AnswerPath { to: FieldPath::new(to), entry })
    }

    /// The fields that the names lead through, up to the first map.
    fn fields(
        &mut self,
        from: &MessageDescriptor,
        names: &mut impl Iterator<Item = String>,
        text: &Text,
    ) -> Option<Vec<FieldDescriptor>> {
        let mut at = from.clone();
        let mut fields = Vec::new();
        for name in names {
            let Some(field) = at.get_field_by_name(&name) else {
                let known: Vec<_> = at.fields().map(|field| field.name().to_owned()).collect();
                let help = did_you_mean(&name, known.iter().map(String::as_str));
                self.error(format!("{} has no field `{name}`", at.full_name()), text.span.clone(), help);
                return None;
            };
            let stop = field.is_map();
            if let Some(inner) = field.kind().as_message() {
                at = inner.clone();
            }
            fields.push(field);
            if stop {
                break;
            }
        }
        Some(fields)
    }

    fn errors(&mut self) -> Errors {
        let table = self.document.table.table("errors");
        let mut errors =
            Errors { any: self.codes(table.table("any")).into_iter().collect(), ..Errors::default() };
        for (name, operation) in Operation::NAMES {
            for (code, class) in self.codes(table.table(name)) {
                errors.of.insert((operation, code), class);
            }
        }
        errors
    }

    fn codes(&mut self, table: &Table) -> Vec<(i32, Class)> {
        let mut codes = Vec::new();
        for (name, node) in table.entries() {
            let Some(text) = node.text() else { continue };
            let code = CODES.iter().position(|code| *code == name.text);
            if code.is_none() {
                let help = did_you_mean(&name.text, CODES);
                self.error(format!("there is no gRPC code `{}`", name.text), name.span.clone(), help);
            }
            let class = Class::NAMES.iter().find(|(class, _)| *class == text.text).map(|(_, class)| *class);
            if let (Some(code), Some(class)) = (code.and_then(|code| i32::try_from(code).ok()), class) {
                codes.push((code, class));
            }
        }
        codes
    }

    fn limits(&mut self) -> Option<Limits> {
        let table = self.document.table.table("limits");
        Some(Limits {
            page_size: self.positive(table, "page-size")?,
            message_bytes: self.positive(table, "message-bytes")?,
            concurrent: self.positive(table, "concurrent")?,
            concurrent_kind: self.positive(table, "concurrent-kind")?,
        })
    }

    fn connection(&mut self) -> Option<Connection> {
        let table = self.document.table.table("connection");
        let (kind, address) = (table.text("kind")?, table.text("address")?.text);
        let (_, way) = Way::NAMES.into_iter().find(|(name, _)| *name == kind.text)?;
        if way != Way::Grpc {
            for (name, _) in table.entries().filter(|(name, _)| !["kind", "address"].contains(&&*name.text)) {
                self.error(format!("`{}` is for the kind grpc alone", name.text), name.span.clone(), None);
            }
        }
        Some(Connection { way, address, credentials: self.credentials(table) })
    }

    fn credentials(&mut self, table: &Table) -> Credentials {
        // As everything in a file, relative to it: a target is a folder that can be put anywhere.
        let folder = Path::new(&self.document.source.name).parent().unwrap_or(Path::new(""));
        let file = |key: &str| table.text(key).map(|text| folder.join(text.text));
        let identity = match (file("certificate-file"), file("key-file")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (certificate, _) => {
                let (there, missing) = match certificate {
                    Some(_) => ("certificate-file", "key-file"),
                    None => ("key-file", "certificate-file"),
                };
                let span = table.key_span(there).unwrap_or(0..0);
                self.error(format!("`{there}` is nothing without `{missing}`"), span, None);
                None
            }
        };
        Credentials {
            authorities: file("ca-file"),
            identity,
            token: file("token-file"),
            server_name: table.text("server-name").map(|text| text.text),
        }
    }

    fn positive<T: TryFrom<i64>>(&mut self, table: &Table, key: &str) -> Option<T> {
        let (number, span) = table.whole(key)?;
        let fits = T::try_from(number).ok().filter(|_| number > 0);
        if fits.is_none() {
            self.error(format!("`{key}` must be a positive number, and not too large"), span, None);
        }
        fits
    }

    fn error(&mut self, message: String, span: Range<usize>, help: Option<String>) {
        self.problems.push(Diagnostic::error(message).at(&self.document.source, span).maybe_help(help));
    }
}
