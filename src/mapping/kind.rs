//! Resolves one mapping: the resource, and the Kubernetes kinds that stand for it.
use std::ops::Range;
use std::sync::Arc;

use prost_reflect::MessageDescriptor;

use super::calls::{NOT_CARRIED, Resolver};
use super::naming::plural;
use super::path;
use super::plan::{
    Access, Column, Constant, Kind, Kubernetes, Many, Member, Metadata, OwnedBy, Resource, Shapes, Spec,
    SubKinds, Syncing, TOP,
};
use super::policy::{Named, Policies};
use super::raw::{Document, Node, Table, Text};
use super::repr::Json;
use super::shape::{self, At, Problem, Rule, Word};
use super::stream::{self, Stream};
use super::types::Types;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::schema::{FieldPath, Schema};

/// What holds for all kinds of a target.
pub(super) struct Context<'a> {
    pub schema: &'a Schema,
    pub types: &'a Types,
    /// `target.toml`.
    pub target: &'a Table,
    pub group: &'a str,
    pub prefix: &'a str,
    /// Names of features.
    pub features: Vec<String>,
    pub stream: Option<&'a Stream>,
}

/// The kinds of a mapping; fewer or none where it has mistakes, which are reported.
pub(super) fn resolve(
    document: &Document,
    context: &Context<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Kind> {
    let mut build = Build { document, context, problems };
    let Some(resource) = build.resource() else { return Vec::new() };
    let resource = Arc::new(resource);
    let kinds = document.table.list("kubernetes");
    kinds.iter().filter_map(|node| build.kind(node.table()?, &resource)).collect()
}

/// A member of the root that no custom resource can say is the server's own, such as a status.
fn mark_servers(shapes: &mut Shapes, spec: &Spec, root: &[String], metadata: &Metadata) {
    let of_spec = match spec {
        Spec::Member(name) => std::slice::from_ref(name),
        Spec::Root(names) => names,
    };
    for member in &mut shapes.0[0].members {
        let is_said = of_spec.contains(&member.json) || root.contains(&member.json);
        let is_ours = metadata.json.contains(&member.json) || CONSTANTS.contains(&member.json.as_str());
        member.rules.server |= !is_said && !is_ours;
    }
}

/// The members of the root that hold constants.
const CONSTANTS: [&str; 3] = ["kind", "sub_kind", "version"];

/// Whether a map's entries are strings by strings.
fn is_text_map(kind: &prost_reflect::Kind) -> bool {
    let is_text = |field: prost_reflect::FieldDescriptor| field.kind() == prost_reflect::Kind::String;
    kind.as_message()
        .is_some_and(|entry| is_text(entry.map_entry_key_field()) && is_text(entry.map_entry_value_field()))
}

/// What a word of the table means; the grammar lets no other word through.
fn policy<T: Named>(table: &Table, key: &str) -> Option<T> {
    T::of(&table.text(key)?.text).ok()
}

struct Build<'a> {
    document: &'a Document,
    context: &'a Context<'a>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Build<'_> {
    fn resource(&mut self) -> Option<Resource> {
        let table = self.document.table.table("resource");
        let message = self.message(&table.text("message")?)?;
        let json = self.json(table, &message);
        let fields = self.document.table.table("fields");
        let mut rules = self.rules(fields);
        rules.extend(self.identifying());
        let resolved = shape::resolve(&message, json, self.context.types, &rules);
        for problem in resolved.problems {
            self.report(problem, table);
        }
        let mut shapes = resolved.shapes;
        self.check_sub_kind(table, &shapes);
        let sub_kinds = self.sub_kinds(table, &shapes);
        let preserve = self.preserve(fields, &shapes);
        let spec = self.spec(table, &shapes);
        let scope = self.scope(table, &shapes);
        let root = self.root(table, &shapes, scope.clone());
        let metadata = self.metadata(table, &shapes);
        let requires = self.requires(table);
        let singleton = table.text("name").map(|name| name.text);
        let access = self.access(table);
        let owned_by = self.owned_by(table, metadata.as_ref());
        let immutable = table.flag("immutable").unwrap_or(false);
        let watched = stream::watched(
            self.document,
            self.context.target,
            self.context.stream,
            &message,
            &shapes,
            self.problems,
        );
        let calls = Resolver {
            document: self.document,
            schema: self.context.schema,
            message: &message,
            shapes: &shapes,
            singleton: singleton.is_some(),
            immutable,
            problems: self.problems,
        }
        .calls(self.document.table.table("rpc"));
        let name = self.document.source.stem().to_owned();
        let (spec, metadata) = (spec?, metadata?);
        mark_servers(&mut shapes, &spec, &root, &metadata);
        Some(Resource {
            name,
            message,
            shapes,
            spec,
            root,
            scope,
            sub_kinds,
            metadata,
            singleton,
            owned_by,
            immutable,
            calls,
            preserve,
            requires,
            access,
            watched,
        })
    }

    /// A rule of `types.toml` is wrong once, however many fields it is for.
    fn report(&mut self, problem: Problem, table: &Table) {
        let is_of_types = matches!(problem.at, At::Types(..));
        let own = || Arc::clone(&self.document.source);
        let (source, span) = match problem.at {
            At::Rule(span) => (own(), span),
            At::Types(source, span) => (source, span),
            At::Message => (own(), table.text("message").map_or(0..0, |text| text.span)),
        };
        let at = Some((Arc::clone(&source), span.clone()));
        let is_known =
            |known: &Diagnostic| known.at == at && (is_of_types || known.message == problem.message);
        if !self.problems.iter().any(is_known) {
            let diagnostic = Diagnostic::error(problem.message).at(&source, span);
            self.problems.push(diagnostic.maybe_help(problem.help));
        }
    }

    /// What the target's roles must say for it: its kind, unless the mapping says otherwise.
    fn access(&mut self, table: &Table) -> Access {
        let known = self.context.target.table("access").table("selectors").entries();
        let known: Vec<_> = known.map(|(name, _)| name.text.as_str()).collect();
        if let Some(text) = table.text("selector").filter(|text| !known.contains(&text.text.as_str())) {
            let help = did_you_mean(&text.text, known);
            self.error(format!("target.toml has no selector `{}`", text.text), text.span, help);
        }
        let text = |key| table.text(key).map(|text| text.text);
        Access {
            permission: text("permission").or_else(|| text("kind")).unwrap_or_default(),
            selector: text("selector"),
        }
    }

    fn message(&mut self, name: &Text) -> Option<MessageDescriptor> {
        let found = self.context.schema.message(&name.text);
        if found.is_none() {
            let names = self.context.schema.message_names();
            let help = did_you_mean(&name.text, names.iter().map(String::as_str));
            let help = help.or_else(|| Some(NOT_CARRIED.to_owned()));
            self.error(format!("there is no message `{}`", name.text), name.span.clone(), help);
        }
        found
    }

    fn json(&self, table: &Table, message: &MessageDescriptor) -> Json {
        match table.text("json") {
            Some(text) if text.text == "go" => Json::Go,
            Some(_) => Json::Proto,
            None => self.context.types.json(message),
        }
    }

    fn rules(&mut self, fields: &Table) -> Vec<Rule> {
        let words = [
            ("omit", Word::Omit),
            ("secret", Word::Secret),
            ("present", Word::Present),
            ("server", Word::Server),
        ];
        let mut rules = Vec::new();
        for (key, word) in words {
            for text in fields.texts(key) {
                match path::parse(&text.text) {
                    Ok(steps) => rules.push(Rule { steps, word, span: text.span }),
                    Err(message) => self.error(message, text.span, None),
                }
            }
        }
        rules
    }

    /// The members that a read asks for. What is wrong with their paths is reported where the call is resolved.
    fn identifying(&self) -> Vec<Rule> {
        let get = self.document.table.table("rpc").list("get").first().and_then(|node| node.table());
        let request = get.map(|call| call.table("request").entries().collect::<Vec<_>>()).unwrap_or_default();
        let texts = request.into_iter().filter_map(|(_, node)| node.text());
        let rule = |text: Text| {
            let steps = path::parse(text.text.strip_prefix('{')?.strip_suffix('}')?).ok()?;
            Some(Rule { steps, word: Word::Fixed, span: text.span })
        };
        texts.filter(|text| text.text.starts_with("{$")).filter_map(rule).collect()
    }

    fn preserve(&mut self, fields: &Table, shapes: &Shapes) -> Vec<FieldPath> {
        let texts = fields.texts("preserve");
        texts.iter().filter_map(|text| self.member_path(shapes, text)).map(|(path, _)| path).collect()
    }

    /// Follows a JSONPath of members down through single messages.
    fn member_path(&mut self, shapes: &Shapes, text: &Text) -> Option<(FieldPath, Member)> {
        let names = match path::members(&text.text) {
            Ok(names) => names,
            Err(message) => {
                self.error(message, text.span.clone(), None);
                return None;
            }
        };
        match shapes.follow(&names) {
            Ok((path, member)) => Some((path, member.clone())),
            Err((missing, known)) => {
                let of = shapes.root().message.full_name();
                let message = match known.is_empty() {
                    false => format!("there is no `{missing}` in the JSON form of {of}"),
                    true => format!("there is nothing below a list or a single value to call `{missing}`"),
                };
                self.error(message, text.span.clone(), did_you_mean(&missing, known));
                None
            }
        }
    }

    fn spec(&mut self, table: &Table, shapes: &Shapes) -> Option<Spec> {
        let said = table.texts("spec");
        if said.is_empty() {
            return self.usual_spec(shapes, table.text("message")?.span);
        }
        let members: Vec<_> = said
            .iter()
            .filter_map(|text| self.member_path(shapes, text))
            .map(|(_, member)| member.json)
            .collect();
        (members.len() == said.len()).then_some(Spec::Root(members))
    }

    fn usual_spec(&mut self, shapes: &Shapes, span: Range<usize>) -> Option<Spec> {
        const USUAL: &str = "spec";
        let root = shapes.root();
        if let Some(member) = root.member(USUAL) {
            return Some(Spec::Member(member.json.clone()));
        }
        let known: Vec<_> = root.members.iter().map(|member| format!("$.{}", member.json)).collect();
        let help = format!("say with `spec` which of these make it up: {}", known.join(", "));
        self.error(format!("{} has no `{USUAL}`", root.message.full_name()), span, Some(help));
        None
    }

    /// Of many, one that nothing says anything of can't be told from somebody else's.
    fn owned_by(&mut self, table: &Table, metadata: Option<&Metadata>) -> OwnedBy {
        let said = table.text("owned-by");
        let word = said.as_ref().map(|said| said.text.as_str()).unwrap_or_default();
        let owned_by = OwnedBy::NAMES.iter().find(|(name, _)| *name == word).map(|(_, by)| *by);
        let owned_by = owned_by.unwrap_or_default();
        let span = said.or_else(|| table.text("message")).map_or(0..0, |text| text.span);
        if owned_by == OwnedBy::Object && table.text("name").is_none() {
            let message = "only a resource that there is one of is its object's by itself".to_owned();
            self.error(message, span.clone(), Some("give its only `name`".to_owned()));
        }
        if owned_by == OwnedBy::Mark && metadata.is_some_and(|metadata| metadata.labels.is_none()) {
            let help = "with `owned-by = \"record\"` a resource is ours while the status of its object has the record of \
                        a write: what was there before, or after that record is lost, is refused";
            let message =
                "this resource has no labels, and so no place for the mark that it is ours".to_owned();
            self.error(message, span, Some(help.to_owned()));
        }
        owned_by
    }

    /// Members beside `spec`, which must not be taken for what Kubernetes has there.
    fn root(&mut self, table: &Table, shapes: &Shapes, scope: Option<String>) -> Vec<String> {
        let texts = table.texts("root").into_iter();
        let beside: Vec<_> = texts.filter_map(|text| self.beside(shapes, &text)).collect();
        scope.into_iter().chain(beside.into_iter().map(|member| member.json)).collect()
    }

    fn beside(&mut self, shapes: &Shapes, text: &Text) -> Option<Member> {
        let (path, member) = self.member_path(shapes, text)?;
        if path.fields() == member.path.fields() && !TOP.contains(&member.json.as_str()) {
            return Some(member);
        }
        let message = format!("`{}` can't stand at the root of a custom resource", text.text);
        self.error(message, text.span.clone(), None);
        None
    }

    /// The member that says which part of the target a resource belongs to.
    fn scope(&mut self, table: &Table, shapes: &Shapes) -> Option<String> {
        let text = table.text("scope")?;
        let member = self.beside(shapes, &text)?;
        if member.many != Many::One || member.field.kind() != prost_reflect::Kind::String {
            self.error(format!("`{}` is no string, which a scope is", text.text), text.span, None);
            return None;
        }
        if self.context.target.table("conditions").get("scoped").is_none() {
            let message = "target.toml does not say what a scope that is not ours is told with".to_owned();
            self.error(message, text.span, Some("it takes a table `conditions.scoped`".to_owned()));
        }
        Some(member.json)
    }

    /// Where the message itself keeps what others have in a message of metadata.
    fn places(&mut self, places: &Table, shapes: &Shapes) -> Option<Metadata> {
        let (mut json, before) = (Vec::new(), self.problems.len());
        let mut at = |build: &mut Self, key: &str| {
            let text = places.text(key)?;
            let (path, member) = build.member_path(shapes, &text)?;
            let fits = match (key, member.field.kind()) {
                ("labels", kind) => member.many == Many::Map && is_text_map(&kind),
                ("expires", kind) => kind.as_message().is_some(),
                (_, kind) => member.many == Many::One && kind == prost_reflect::Kind::String,
            };
            if !fits || path.fields() != member.path.fields() {
                build.error(format!("`{}` can't hold the {key}", text.text), text.span, None);
                return None;
            }
            json.push(member.json);
            Some(path)
        };
        let [name, labels, description, revision, expires, _] =
            ["name", "labels", "description", "revision", "expires", "version"].map(|key| at(self, key));
        if self.problems.len() > before {
            return None;
        }
        Some(Metadata {
            json,
            bare: true,
            name: name?,
            labels,
            description,
            revision,
            expires,
            namespace: None,
        })
    }

    /// The member of the root whose message is one that `target.toml` knows.
    fn metadata(&mut self, table: &Table, shapes: &Shapes) -> Option<Metadata> {
        if let Some(places) = table.get("places").and_then(Node::table) {
            return self.places(places, shapes);
        }
        let styles = self.context.target.table("metadata");
        let found = shapes.root().members.iter().find_map(|member| {
            let message = member.field.kind().as_message()?.clone();
            Some((member, styles.get(message.full_name())?.table()?, message))
        });
        let Some((member, style, message)) = found else {
            let known: Vec<_> = styles.entries().map(|(name, _)| name.text.as_str()).collect();
            let help = format!(
                "`metadata` in target.toml knows {}; where the message itself has a name, `places` says so",
                known.join(", ")
            );
            let span = table.text("message").map_or(0..0, |text| text.span);
            self.error("this message has no metadata that is known".to_owned(), span, Some(help));
            return None;
        };
        let at = |key: &str| {
            let name = style.text(key)?;
            Some(member.path.join(message.get_field_by_name(&name.text)?))
        };
        let namespace = match (at("namespace"), table.text("namespace")) {
            (Some(field), Some(text)) => Some((field, text.text)),
            (None, Some(text)) => {
                let message = format!("{} has no field for a namespace", message.full_name());
                self.error(message, text.span, None);
                None
            }
            _ => None,
        };
        Some(Metadata {
            json: vec![member.json.clone()],
            bare: false,
            name: at("name")?,
            labels: if style.get("labels").is_some() { Some(at("labels")?) } else { None },
            description: at("description"),
            revision: at("revision"),
            expires: at("expires"),
            namespace,
        })
    }

    fn requires(&mut self, table: &Table) -> Vec<String> {
        for text in table.texts("requires") {
            if !self.context.features.contains(&text.text) {
                let help = did_you_mean(&text.text, self.context.features.iter().map(String::as_str));
                self.error(format!("target.toml has no feature `{}`", text.text), text.span, help);
            }
        }
        table.texts("requires").into_iter().map(|text| text.text).collect()
    }

    fn kind(&mut self, table: &Table, resource: &Arc<Resource>) -> Option<Kind> {
        let name = table.text("kind")?;
        let prefix = self.context.prefix;
        if !name.text.starts_with(prefix) {
            let message = format!("all kinds of this target start with {prefix}");
            self.error(message, name.span.clone(), None);
        }
        let kind = name.text;
        let plural = table.text("plural").map_or_else(|| plural(&kind, prefix), |text| text.text);
        let singular = kind.to_lowercase();
        let prefix = prefix.to_lowercase();
        let short = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
        let short_names = match table.get("short-names") {
            Some(_) => table.texts("short-names").into_iter().map(|text| text.text).collect(),
            None if plural == singular => vec![short(&singular)],
            None => vec![short(&singular), short(&plural)],
        };
        let mut versions: Vec<_> = table.texts("versions").into_iter().map(|text| text.text).collect();
        if versions.is_empty() {
            versions.push("v1".to_owned());
        }
        let columns = table.list("columns").iter();
        let columns = columns.filter_map(|node| self.column(node.table()?, resource)).collect();
        let kubernetes = Kubernetes {
            group: self.context.group.to_owned(),
            kind,
            plural,
            singular,
            short_names,
            versions,
            columns,
            name_rule: table.flag("name-rule").unwrap_or(false),
        };
        let (constants, resource) = (self.constants(table, resource), Arc::clone(resource));
        Some(Kind { kubernetes, constants, resource, sync: self.sync() })
    }

    fn sync(&mut self) -> Syncing {
        let table = self.document.table.table("sync");
        let concurrent = table.whole("concurrent").and_then(|(number, span)| {
            let fits = usize::try_from(number).ok().filter(|number| *number > 0);
            if fits.is_none() {
                self.error("`concurrent` must be a positive number".to_owned(), span, None);
            }
            fits
        });
        let policies = Policies {
            management: policy(table, "management"),
            drift: policy(table, "drift"),
            adopt: policy(table, "adopt"),
        };
        Syncing { policies, concurrent }
    }

    fn column(&mut self, table: &Table, resource: &Resource) -> Option<Column> {
        let path = table.text("path")?;
        let names = match path::members(&path.text) {
            Ok(names) => names,
            Err(message) => {
                self.error(message, path.span, None);
                return None;
            }
        };
        self.check_column(&names, &path, resource);
        Some(Column {
            name: table.text("name")?.text,
            path: names.iter().map(|name| format!(".{name}")).collect(),
            description: table.text("description")?.text,
        })
    }

    /// A column shows a member of the custom resource: of its specification as the resource has it, or of what all objects
    /// have.
    fn check_column(&mut self, names: &[String], path: &Text, resource: &Resource) {
        let below = match (names, &resource.spec) {
            ([first, below @ ..], Spec::Root(_)) if first == "spec" => below,
            ([first, ..], Spec::Member(_)) if first == "spec" => names,
            ([first, ..], _) if first == "metadata" || first == "status" => return,
            ([first, ..], _) if resource.root.contains(first) => names,
            _ => {
                let help = Some("it starts with $.spec, $.metadata or $.status".to_owned());
                self.error("this is no place in a custom resource".to_owned(), path.span.clone(), help);
                return;
            }
        };
        let text = below.iter().fold("$".to_owned(), |path, name| format!("{path}['{name}']"));
        if !below.is_empty() {
            self.member_path(&resource.shapes, &Text { text, span: path.span.clone() });
        }
    }

    /// Kind, sub-kind and version: members of that name at the root, where the message has them.
    fn constants(&mut self, kubernetes: &Table, resource: &Resource) -> Vec<Constant> {
        let table = self.document.table.table("resource");
        let version = kubernetes.text("version").or_else(|| table.text("version"));
        let said = CONSTANTS.into_iter().zip([table.text("kind"), table.text("sub-kind"), version]);
        let constants = said.filter_map(|(json, text)| {
            let names = table.table("places").text(json).and_then(|text| path::members(&text.text).ok());
            let names = names.unwrap_or_else(|| vec![json.to_owned()]);
            let field = resource.shapes.follow(&names).ok().map(|(field, _)| field);
            Some(Constant { json: json.to_owned(), value: text?.text, field })
        });
        constants.collect()
    }

    /// The constant that tells resources of one kind apart must be in them.
    fn check_sub_kind(&mut self, table: &Table, shapes: &Shapes) {
        let Some(text) = table.text("sub-kind") else { return };
        if shapes.root().member("sub_kind").is_none() {
            let message = format!("{} has no sub-kind", shapes.root().message.full_name());
            self.error(message, text.span, None);
        }
    }

    /// Alternatives of one choice, each with a sub-kind of its own.
    fn sub_kinds(&mut self, table: &Table, shapes: &Shapes) -> Option<SubKinds> {
        let said = table.get("sub-kinds")?.table()?;
        let span = table.key_span("sub-kinds").unwrap_or(0..0);
        if table.get("sub-kind").is_some() {
            let help = "leave out one of `sub-kind` and `sub-kinds`".to_owned();
            self.error("a sub-kind is constant, or follows from what is set".to_owned(), span, Some(help));
            return None;
        }
        let Some(member) = shapes.root().member("sub_kind") else {
            self.error(format!("{} has no sub-kind", shapes.root().message.full_name()), span, None);
            return None;
        };
        let (json, field) = (member.json.clone(), member.path.clone());
        let (mut choice, mut of) = (None, Vec::<(FieldPath, String, String)>::new());
        for (path, node) in said.entries() {
            let Some(sub_kind) = node.text() else { continue };
            let Some((way, member)) = self.member_path(shapes, path) else { continue };
            let own = member.field.containing_oneof();
            let is_alternative =
                own.is_some() && choice.as_ref().is_none_or(|choice| own.as_ref() == Some(choice));
            choice = choice.or(own);
            if !is_alternative {
                let message = format!("`{}` is no alternative to the others: both may be set", path.text);
                let help = "all of them are of one `oneof`".to_owned();
                self.error(message, path.span.clone(), Some(help));
            }
            if of.iter().any(|(.., other)| *other == sub_kind.text) {
                let message = format!("`{}` follows from another alternative already", sub_kind.text);
                self.error(message, sub_kind.span.clone(), None);
            }
            let shown = path.text.trim_start_matches("$.").to_owned();
            of.push((way, shown, sub_kind.text));
        }
        Some(SubKinds { json, field, of })
    }

    fn error(&mut self, message: String, span: Range<usize>, help: Option<String>) {
        self.problems.push(Diagnostic::error(message).at(&self.document.source, span).maybe_help(help));
    }
}
