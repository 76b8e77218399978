//! Writes a first mapping for a message from its descriptors alone, with comments on what a person has to check. What is
//! guessed here is guessed once, into a file; plans are made of what stands in it.
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use super::discover::{self, Found, Verb, package_version};
use super::lint;
use super::naming::split_version;
use super::plan::{Many, Member, MessageShape, Shape, ShapeId, Shapes};
use super::shape;
use crate::diagnostic::{Diagnostic, Source, did_you_mean, refused};
use crate::schema::Schema;

/// A mapping of the message of that full name, or of the one that the service of that name serves, in TOML. `kind` is
/// the Kubernetes kind; without it one is made by the rules of the target in `layers`.
///
/// # Errors
/// When there is no such message or service, when no call serves it, when it serves several, or when `layers` are broken.
pub fn scaffold(
    layers: &[Vec<Source>],
    schema: &Schema,
    name: &str,
    kind: Option<&str>,
) -> Result<String, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let types = lint::all_types(layers, schema, &mut problems);
    let target = lint::last_target(layers, &mut problems);
    let Some(target) = target.filter(|_| !refused(&problems)) else { return Err(problems) };
    let prefix = target.table.table("kubernetes").text("kind-prefix").map(|text| text.text);
    let styles = target.table.table("metadata").entries().map(|(name, _)| name.text.clone()).collect();

    let services: Vec<_> = schema.pool().services().collect();
    let message = message(schema, &services, name).map_err(|problem| vec![*problem])?;
    let found = discover::calls(&services, &message);
    if found.is_empty() {
        let what = format!("no call takes or gives `{}`", message.full_name());
        let help = "the binary carries only the calls that its own mappings make: give the descriptors of its service";
        return Err(vec![Diagnostic::error(what).help(help)]);
    }
    let shapes = shape::resolve(&message, types.json(&message), &types, &[]).shapes;
    let draft = Draft { message, shapes, found, styles };
    Ok(draft.text(&prefix.unwrap_or_default(), kind))
}

/// The message meant by a message's or a service's name.
fn message(
    schema: &Schema,
    services: &[ServiceDescriptor],
    name: &str,
) -> Result<MessageDescriptor, Box<Diagnostic>> {
    if let Some(message) = schema.message(name) {
        return Ok(message);
    }
    if let Some(service) = services.iter().find(|service| service.full_name() == name) {
        let mut served = discover::messages(service);
        let names: Vec<_> = served.iter().map(|message| format!("`{}`", message.full_name())).collect();
        return match served.pop().filter(|_| names.len() == 1) {
            Some(only) => Ok(only),
            None if names.is_empty() => {
                let what = format!("`{name}` has no message that one call gives and another takes");
                Err(Diagnostic::error(what).help("give the message's own name").into())
            }
            None => {
                let what = format!("`{name}` serves {} messages", names.len());
                Err(Diagnostic::error(what).help(format!("say which: {}", names.join(", "))).into())
            }
        };
    }
    let mut names = schema.message_names();
    names.extend(services.iter().map(|service| service.full_name().to_owned()));
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let same = names.iter().find(|known| last(known) == last(name));
    let near = same.map(|same| format!("did you mean `{same}`?"));
    let near = near.or_else(|| did_you_mean(name, names.iter().map(String::as_str)));
    let help = near.unwrap_or_else(|| super::calls::NOT_CARRIED.to_owned());
    Err(Diagnostic::error(format!("there is no message or service `{name}`")).help(help).into())
}

struct Draft {
    message: MessageDescriptor,
    shapes: Shapes,
    found: Vec<Found>,
    /// Messages of metadata that the target knows.
    styles: Vec<String>,
}

/// A line of TOML, and what is to be said of it.
#[derive(Default)]
struct Entry {
    toml: String,
    notes: Vec<String>,
}

impl Draft {
    fn text(&self, prefix: &str, kind: Option<&str>) -> String {
        let mut out = format!(
            "# {}, mapped by its descriptors alone: check what has a comment, then `lint` it.\n",
            self.message.full_name()
        );
        self.metadata(&mut out);
        self.resource(&mut out);
        let guessed = format!("{prefix}{}{}", self.stem(), self.version().to_uppercase());
        let (kind, note) = match kind {
            Some(kind) => (kind, ""),
            None => (guessed.as_str(), "   # check: it can't be changed once there are objects"),
        };
        out += &format!("\n[[kubernetes]]\nkind = {}{note}\n", quoted(kind));
        self.rpc(&mut out);
        self.fields(&mut out);
        out
    }

    /// The message's name without a version: `RoleV6` is a `Role`.
    fn stem(&self) -> &str {
        split_version(self.message.name()).0
    }

    fn version(&self) -> String {
        match (split_version(self.message.name()).1, package_version(self.message.package_name())) {
            ("", Some(version)) => version.to_owned(),
            ("", None) => "v1".to_owned(),
            (version, _) => version.to_lowercase(),
        }
    }

    /// The member that holds the metadata.
    fn metadata_member(&self) -> Option<(&str, MessageDescriptor)> {
        let mut messages = self
            .shapes
            .root()
            .members
            .iter()
            .filter_map(|member| Some((member.json.as_str(), member.field.kind().as_message()?.clone())));
        let is_known = |message: &MessageDescriptor| self.styles.contains(&message.full_name().to_owned());
        let known = messages.clone().find(|(_, message)| is_known(message));
        known.or_else(|| messages.find(|(json, _)| *json == "metadata"))
    }

    /// What the target has to know first.
    fn metadata(&self, out: &mut String) {
        let Some((_, message)) = self.metadata_member() else {
            if self.places().is_empty() {
                *out += "#\n# It has no metadata: without a name of its own it can't be mapped.\n";
            }
            return;
        };
        if self.styles.contains(&message.full_name().to_owned()) {
            return;
        }
        *out += "#\n# target.toml does not know its metadata yet: it needs a table such as\n#\n";
        *out += &format!("#     [metadata.{}]\n", quoted(message.full_name()));
        for key in ["name", "namespace", "description", "labels", "expires", "revision"] {
            if let Some(field) = message.fields().find(|field| field.name().to_lowercase() == key) {
                *out += &format!("#     {key} = {}\n", quoted(field.name()));
            }
        }
    }

    /// Where a message without metadata may keep what others have there: the name of each part, and the member.
    fn places(&self) -> Vec<(&'static str, &str)> {
        if self.metadata_member().is_some() {
            return Vec::new();
        }
        let members = &self.shapes.root().members;
        let is_text = |member: &&Member| member.many == Many::One && member.field.kind() == Kind::String;
        let name = ["name", "id"].iter().find_map(|word| {
            let is_it = |member: &&Member| member.json == *word || member.json.ends_with(&format!("_{word}"));
            members.iter().filter(is_text).find(is_it)
        });
        let labels = members.iter().find(|member| member.json == "labels" && member.many == Many::Map);
        let parts = [("name", name), ("labels", labels.filter(|_| name.is_some()))];
        parts.into_iter().filter_map(|(part, member)| Some((part, member?.json.as_str()))).collect()
    }

    fn resource(&self, out: &mut String) {
        let member = |name| self.shapes.root().member(name).is_some();
        *out += &format!("\n[resource]\nmessage = {}\n", quoted(self.message.full_name()));
        let note = if member("kind") { "check: the server's word for it" } else { "only shown to people" };
        *out += &format!("kind    = {}   # {note}\n", quoted(&snake(self.stem(), '_')));
        if member("version") {
            *out += &format!("version = {}\n", quoted(&self.version()));
        }
        if self.is_singleton() {
            let note =
                "check: there is one of these, since reading it takes no name; the server's name for it";
            *out += &format!("name    = {}   # {note}\n", quoted(&snake(self.stem(), '-')));
        }
        let places = self.places();
        if !places.is_empty() {
            let said = places.iter().map(|(part, json)| format!("{part} = {}", quoted(&format!("$.{json}"))));
            let said = said.collect::<Vec<_>>().join(", ");
            *out +=
                &format!("places  = {{ {said} }}   # check: it has no metadata, and this may be its name\n");
        }
        if places.len() == 1 {
            let note = "it has no labels for a mark: see docs/mapping.md";
            *out += &format!("owned-by = \"record\"   # {note}\n");
        }
        if !self.has(Verb::Update) && !self.has(Verb::Upsert) {
            *out += "immutable = true   # check: no call was found that changes one\n";
        }
        if !member("spec") {
            let metadata = self.metadata_member().map(|(json, _)| json);
            let own = ["kind", "sub_kind", "version", "status"];
            let members = self.shapes.root().members.iter().map(|member| member.json.as_str());
            let is_place = |json: &str| places.iter().any(|(_, place)| *place == json);
            let spec =
                members.filter(|json| !own.contains(json) && Some(*json) != metadata && !is_place(json));
            let spec: Vec<_> = spec.map(|json| quoted(&format!("$.{json}"))).collect();
            *out += &format!("spec    = [{}]   # these stand at the root, not under spec\n", spec.join(", "));
        }
    }

    /// Whether the request that reads it has no place for a name.
    fn is_singleton(&self) -> bool {
        let get = self.found.iter().find(|found| found.verb == Verb::Get);
        get.and_then(|get| get.calls.first()).is_some_and(|call| texts(&call.input()).is_empty())
    }

    fn rpc(&self, out: &mut String) {
        *out += "\n[rpc]\n";
        for (verb, key) in Verb::ALL {
            match self.found.iter().find(|found| found.verb == verb) {
                Some(found) => self.calls(key, found, out),
                None => *out += &self.none(verb, key),
            }
        }
    }

    fn calls(&self, key: &str, found: &Found, out: &mut String) {
        let entries: Vec<_> = found.calls.iter().map(|call| self.entry(found.verb, call)).collect();
        if !found.is_certain {
            *out += "# check: found by type, not by name\n";
        }
        entries.iter().flat_map(|entry| &entry.notes).for_each(|note| *out += &format!("# check: {note}\n"));
        let calls: Vec<_> = entries.iter().map(|entry| entry.toml.as_str()).collect();
        // What replaces the whole is the better choice, where there is one.
        let is_partial = found.calls.iter().any(|call| mask(&call.input()).is_some());
        let is_left_out = found.verb == Verb::Update && is_partial && self.has(Verb::Upsert);
        let comment = if is_left_out { "# " } else { "" };
        *out += &format!("{comment}{key:<6} = [{}]\n", calls.join(", "));
    }

    fn has(&self, verb: Verb) -> bool {
        self.found.iter().any(|found| found.verb == verb)
    }

    /// What to say where no call was found.
    fn none(&self, verb: Verb, key: &str) -> String {
        match verb {
            Verb::Get | Verb::Delete => format!("# {key} = []   # none was found, and there must be one\n"),
            Verb::Update if !self.has(Verb::Upsert) => String::new(),
            Verb::Create if !self.has(Verb::Upsert) => {
                format!("# {key} = []   # none was found, nor an upsert: there must be one of them\n")
            }
            Verb::List if !self.is_singleton() => {
                format!("# {key} = []   # none was found: without it, each resource is read by itself\n")
            }
            _ => String::new(),
        }
    }

    /// One call, with as much of its request and answer as does not follow from types.
    fn entry(&self, verb: Verb, method: &MethodDescriptor) -> Entry {
        let name = quoted(&format!("{}/{}", method.parent_service().full_name(), method.name()));
        let (mut request, mut rest, mut notes) = (Vec::new(), String::new(), Vec::new());
        let mut choose = |fields: &[FieldDescriptor], words: &[&str], what: &str| {
            let chosen = best(fields, words)?;
            if fields.len() > 1 {
                let others =
                    fields.iter().filter(|field| *field != chosen).map(|field| format!("`{}`", field.name()));
                notes.push(format!("{what} may also be {}", others.collect::<Vec<_>>().join(" or ")));
                return Some(chosen.name().to_owned());
            }
            None
        };
        let (input, output) = (method.input(), method.output());
        match verb {
            Verb::Get | Verb::Delete if self.is_singleton() => {}
            Verb::Get | Verb::Delete => {
                let stem = format!("{}_name", snake(self.stem(), '_'));
                let field = choose(&texts(&input), &["name", &stem, "_name", "id"], "the name");
                request.extend(field.map(|field| format!("{field} = \"{{name}}\"")));
            }
            Verb::List => {
                let next = texts(&output);
                let field = choose(&next, &["next_page_token", "next"], "the next page's token");
                rest = field.map(|field| format!(", next = {}", quoted(&field))).unwrap_or_default();
                if !next.is_empty() {
                    let field =
                        choose(&texts(&input), &["page_token", "token", "start", "key"], "the page's token");
                    request.extend(field.map(|field| format!("{field} = \"{{page}}\"")));
                    let sizes: Vec<_> = single(&input).filter(|field| field.kind() == Kind::Int32).collect();
                    let field = choose(&sizes, &["page_size", "size", "limit"], "the page's size");
                    request.extend(field.map(|field| format!("{field} = \"{{page-size}}\"")));
                }
            }
            Verb::Create | Verb::Update | Verb::Upsert => {
                let is_it = |field: &FieldDescriptor| field.kind().as_message() == Some(&self.message);
                let fields: Vec<_> = single(&input).filter(is_it).collect();
                let field = choose(&fields, &[&snake(self.stem(), '_'), "resource"], "the resource");
                request.extend(field.map(|field| format!("{field} = \"{{resource}}\"")));
            }
        }
        notes.extend(lacking(verb, &input, &output, self.is_singleton()));
        let toml = match (request.as_slice(), rest.as_str()) {
            ([], "") => name,
            ([], rest) => format!("{{ call = {name}{rest} }}"),
            (request, rest) => format!("{{ call = {name}, request = {{ {} }}{rest} }}", request.join(", ")),
        };
        Entry { toml, notes }
    }

    fn fields(&self, out: &mut String) {
        let mut walk =
            Walk { draft: self, open: Vec::new(), omit: Vec::new(), secret: Vec::new(), server: Vec::new() };
        walk.message(ShapeId(0), "$");
        let Walk { omit, secret, server, .. } = walk;
        if omit.is_empty() && secret.is_empty() && server.is_empty() {
            return;
        }
        *out += "\n[fields]\n";
        let list = |paths: &[String]| paths.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(", ");
        if !omit.is_empty() {
            *out += &format!("omit   = [{}]   # these have no JSON form here\n", list(&omit));
        }
        if !server.is_empty() {
            *out += &format!("server = [{}]   # check: what the server alone writes\n", list(&server));
        }
        if !secret.is_empty() {
            *out += &format!(
                "secret = [{}]   # check: may name a Secret's key, and are never shown\n",
                list(&secret)
            );
        }
    }
}

/// Goes over all members for those that `[fields]` may have to name.
struct Walk<'a> {
    draft: &'a Draft,
    open: Vec<ShapeId>,
    omit: Vec<String>,
    secret: Vec<String>,
    server: Vec<String>,
}

impl Walk<'_> {
    fn message(&mut self, id: ShapeId, at: &str) {
        let draft = self.draft;
        let shape = draft.shapes.get(id);
        self.open.push(id);
        self.omit.extend(formless(shape).map(|name| format!("{at}.{name}")));
        for member in &shape.members {
            let each = if member.many == Many::One { "" } else { "[*]" };
            let path = format!("{at}.{}{each}", member.json);
            if at == "$" && member.json == "status" {
                self.server.push(path);
                continue;
            }
            let is_text = member.field.kind() == Kind::String && member.many == Many::One;
            if is_text && ["secret", "password", "private_key"].iter().any(|word| member.json.contains(word))
            {
                self.secret.push(path.clone());
            }
            if let Shape::Message(below) = member.value
                && !self.open.contains(&below)
            {
                self.message(below, &path);
            }
        }
        self.open.pop();
    }
}

/// Names of the fields of a message that are no members, because their type has no JSON form.
fn formless(shape: &MessageShape) -> impl Iterator<Item = String> {
    let is_formless = |field: &FieldDescriptor| {
        field.kind().as_message().is_some_and(|message| shape::has_no_form(message.full_name()))
    };
    let is_member = |field: &FieldDescriptor| shape.members.iter().any(|member| member.field == *field);
    shape
        .message
        .fields()
        .filter(move |field| is_formless(field) && !is_member(field))
        .map(|f| f.name().to_owned())
}

/// What a request or an answer has no place for, or does besides.
fn lacking(
    verb: Verb,
    input: &MessageDescriptor,
    output: &MessageDescriptor,
    singleton: bool,
) -> Option<String> {
    match verb {
        Verb::Get | Verb::Delete if !singleton && texts(input).is_empty() => {
            Some("its request has no text that could be the name".to_owned())
        }
        Verb::List if !texts(output).is_empty() && texts(input).is_empty() => {
            Some("its request has no text that could be the page's token".to_owned())
        }
        Verb::Update => {
            let mask = mask(input)?;
            Some(format!("it may change only what `{}` names, which is not sent", mask.name()))
        }
        _ => None,
    }
}

/// The field that names what a request is to change.
fn mask(input: &MessageDescriptor) -> Option<FieldDescriptor> {
    let is_mask = |message: &MessageDescriptor| message.full_name() == "google.protobuf.FieldMask";
    input.fields().find(|field| field.kind().as_message().is_some_and(is_mask))
}

/// The field whose name is the first of the words, or else has it in it; or else the first one.
fn best<'a>(fields: &'a [FieldDescriptor], words: &[&str]) -> Option<&'a FieldDescriptor> {
    let named = |exact: bool| {
        let fits = |field: &FieldDescriptor, word: &str| {
            let name = field.name().to_lowercase();
            if exact { name == word } else { name.contains(word) }
        };
        words.iter().find_map(|word| fields.iter().find(|field| fits(field, word)))
    };
    named(true).or_else(|| named(false)).or(fields.first())
}

fn single(message: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> {
    message.fields().filter(|field| !field.is_list() && !field.is_map())
}

fn texts(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    single(message).filter(|field| field.kind() == Kind::String).collect()
}

/// `AutoUpdateConfig` is `auto_update_config`; capitals in a row are one word.
fn snake(name: &str, separator: char) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let is_upper = |at: usize| letters.get(at).is_some_and(char::is_ascii_uppercase);
        let is_lower = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
        if at > 0 && is_upper(at) && (!is_upper(at - 1) || is_lower(at + 1)) {
            out.push(separator);
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A TOML string. Names of descriptors need no escapes, and what a user gives may.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_by_capitals() {
        for (name, expected) in [
            ("Bot", "bot"),
            ("AutoUpdateConfig", "auto_update_config"),
            ("SAMLIdPServiceProvider", "saml_id_p_service_provider"),
            ("DBObjectImportRule", "db_object_import_rule"),
            ("UIConfig", "ui_config"),
        ] {
            assert_eq!(snake(name, '_'), expected);
        }
    }
}
