//! A custom resource into the message that it asks for. Knows the Kubernetes side of a manifest; what stands below
//! `spec` is read by shape.
use std::collections::HashMap;

use prost_reflect::{DynamicMessage, MapKey, Value};
use serde_json::{Map, Value as Json};

use super::place::Place;
use super::read::Reader;
use super::refusal::{Refusal, quoted};
use super::secrets::SecretRef;
use crate::diagnostic::{Diagnostic, did_you_mean, refused};
use crate::mapping::plan::{Kind, Many, MessageShape, Ownership, Shape, Shapes, Spec, TOP, Words};
use crate::schema::FieldPath;

/// Members of `metadata`, to tell slips: Kubernetes drops what it does not know without a word.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What a custom resource asks for.
#[derive(Debug)]
pub struct Desired {
    /// The resource; where there are errors, what could be read of it. References to Secrets are placeholders in it.
    pub message: DynamicMessage,
    /// The references, to be filled in before the message is sent.
    pub secrets: Vec<SecretRef>,
    /// Paths of members that may be references and hold something else: a text that nobody else should see.
    pub literals: Vec<String>,
    /// All that is wrong or odd.
    pub diagnostics: Vec<Diagnostic>,
}

/// Translates a custom resource of a kind. Its `apiVersion` and `kind` are the caller's to look at.
pub fn desired(kind: &Kind, words: &Words, ownership: &Ownership, manifest: &Json) -> Desired {
    let namespace = manifest["metadata"]["namespace"].as_str().unwrap_or_default();
    let resource = &kind.resource;
    let mut build = Build {
        kind,
        message: DynamicMessage::new(resource.message.clone()),
        reader: Reader::new(&resource.shapes, Some(namespace)),
    };
    build.constants();
    match manifest {
        Json::Object(members) => build.manifest(members, words, ownership),
        _ => build.refuse("an object", manifest, &Place::Root),
    }
    build.sub_kind();
    present(&resource.shapes, resource.shapes.root(), &mut build.message);
    let Build { message, reader, .. } = build;
    let Reader { secrets, literals, problems, .. } = reader;
    Desired { message, secrets, literals, diagnostics: problems }
}

struct Build<'a> {
    kind: &'a Kind,
    message: DynamicMessage,
    reader: Reader<'a>,
}

impl Build<'_> {
    fn constants(&mut self) {
        let fields = self.kind.constants.iter().filter_map(|c| Some((c.field.as_ref()?, &c.value)));
        let namespace = self.kind.resource.metadata.namespace.as_ref().map(|(field, value)| (field, value));
        for (field, value) in fields.chain(namespace) {
            field.set(&mut self.message, Value::String(value.clone()));
        }
    }

    /// What follows from what is set; of nothing nothing follows.
    fn sub_kind(&mut self) {
        let Some(sub_kinds) = &self.kind.resource.sub_kinds else { return };
        if let Some(sub_kind) = sub_kinds.of(&self.message) {
            return sub_kinds.field.set(&mut self.message, Value::String(sub_kind.to_owned()));
        }
        // Whatever is wrong with an alternative that stands there is said already.
        if !refused(&self.reader.problems) {
            let paths: Vec<_> = sub_kinds.of.iter().map(|(_, path, _)| path.as_str()).collect();
            let message = format!("one of {} must be given", paths.join(", "));
            self.reader.problems.push(Diagnostic::error(message).path("spec"));
        }
    }

    fn manifest(&mut self, members: &Map<String, Json>, words: &Words, ownership: &Ownership) {
        let resource = &self.kind.resource;
        let beside = only(resource.shapes.root(), &resource.root);
        let is_beside = |key: &str| beside.member(key).is_some();
        let given = members.iter().filter(|(key, _)| is_beside(key));
        let given = given.map(|(key, value)| (key.clone(), value.clone())).collect();
        self.reader.object(&beside, &given, &mut self.message, &Place::Root);
        for key in members.keys().filter(|key| !TOP.contains(&key.as_str()) && !is_beside(key)) {
            let problem = Diagnostic::error(format!("unknown field {}", quoted(key)));
            let problem = problem.path(Place::Member(&Place::Root, key).to_string());
            let is_spec_member = self.is_spec_member(key);
            let help = is_spec_member.then(|| format!("it belongs under `spec`: spec.{key}"));
            let known = TOP.into_iter().chain(resource.root.iter().map(String::as_str));
            self.reader.problems.push(problem.maybe_help(help.or_else(|| did_you_mean(key, known))));
        }
        let (at, marks) = (Place::Member(&Place::Root, "metadata"), self.marks(members, ownership));
        match members.get("metadata") {
            Some(Json::Object(metadata)) => self.metadata(metadata, words, marks, &at),
            Some(other) if !other.is_null() => self.refuse("an object", other, &at),
            _ => self.metadata(&Map::new(), words, marks, &at),
        }
        let at = Place::Member(&Place::Root, "spec");
        match members.get("spec") {
            None | Some(Json::Null) => {}
            Some(Json::Object(spec)) => self.spec(spec),
            Some(other) => self.refuse("an object", other, &at),
        }
    }

    /// The labels that say whose the resource is.
    fn marks(&self, members: &Map<String, Json>, ownership: &Ownership) -> Vec<(String, String)> {
        let mut marks = vec![(ownership.label.clone(), ownership.value.clone())];
        let text = |json: Option<&Json>| json.and_then(Json::as_str).unwrap_or_default().to_owned();
        let scope = self.kind.resource.scope.as_ref().map(|name| text(members.get(name)));
        if scope.is_none_or(|scope| scope.is_empty()) {
            return marks;
        }
        let metadata = members.get("metadata");
        let said = [
            ("{name}", text(metadata.and_then(|metadata| metadata.get("name")))),
            ("{namespace}", text(metadata.and_then(|metadata| metadata.get("namespace")))),
            ("{api-version}", text(members.get("apiVersion"))),
            ("{kind}", text(members.get("kind"))),
        ];
        for (label, value) in &ownership.scoped {
            let is_open = |word: &&&str| {
                said.iter().find(|(known, _)| known == *word).is_none_or(|(_, text)| text.is_empty())
            };
            if Ownership::WORDS.iter().filter(is_open).any(|word| value.contains(word)) {
                continue;
            }
            let value = said.iter().fold(value.clone(), |value, (word, text)| value.replace(word, text));
            marks.push((label.clone(), value));
        }
        marks
    }

    fn metadata(
        &mut self,
        metadata: &Map<String, Json>,
        words: &Words,
        marks: Vec<(String, String)>,
        at: &Place<'_>,
    ) {
        for key in metadata.keys().filter(|key| !METADATA.contains(&key.as_str())) {
            let problem = Diagnostic::warning(format!("unknown field {}: it is dropped", quoted(key)));
            let path = Place::Member(at, key).to_string();
            self.reader.problems.push(problem.path(path).maybe_help(did_you_mean(key, METADATA)));
        }
        self.name(metadata.get("name"), &Place::Member(at, "name"));
        let at_labels = Place::Member(at, "labels");
        let mut labels = self.texts(metadata.get("labels"), &at_labels);
        let places = &self.kind.resource.metadata;
        match &places.labels {
            Some(place) => {
                labels.extend(marks);
                let entries =
                    labels.into_iter().map(|(key, text)| (MapKey::String(key), Value::String(text)));
                place.set(&mut self.message, Value::Map(entries.collect()));
            }
            None if labels.is_empty() => {}
            None => {
                let problem = Diagnostic::warning("the resource has no labels: these stay with the object");
                self.reader.problems.push(problem.path(at_labels.to_string()));
            }
        }
        let mut annotations = self.texts(metadata.get("annotations"), &Place::Member(at, "annotations"));
        if let (Some(field), Some(text)) = (&places.description, annotations.remove(&words.description)) {
            super::set(field, &mut self.message, Value::String(text));
        }
    }

    fn name(&mut self, name: Option<&Json>, at: &Place<'_>) {
        let missing = || Diagnostic::error("a name is missing").path(at.to_string());
        let problem = match name.map(|name| (name, super::scalar::text(name))) {
            None | Some((Json::Null, _)) => Some(missing()),
            Some((found, Err(refusal))) => Some(refusal.found(found, at)),
            Some((_, Ok(name))) if name.is_empty() => Some(missing()),
            Some((_, Ok(name))) => {
                self.kind.resource.metadata.name.set(&mut self.message, Value::String(name.clone()));
                let only = self.kind.resource.singleton.as_ref().filter(|only| **only != name);
                only.map(|only| {
                    let message =
                        format!("there is one resource of this kind, and its name is {}", quoted(only));
                    Diagnostic::error(message)
                        .path(at.to_string())
                        .label("another name")
                        .help(format!("name it {only}"))
                })
            }
        };
        self.reader.problems.extend(problem);
    }

    /// A map of strings: labels or annotations.
    fn texts(&mut self, json: Option<&Json>, at: &Place<'_>) -> HashMap<String, String> {
        let entries = match json {
            None | Some(Json::Null) => return HashMap::new(),
            Some(Json::Object(entries)) => entries,
            Some(other) => {
                self.refuse("an object of strings", other, at);
                return HashMap::new();
            }
        };
        let mut texts = HashMap::new();
        for (key, value) in entries {
            match super::scalar::text(value) {
                Ok(text) => drop(texts.insert(key.clone(), text)),
                Err(refusal) => self.reader.problems.push(refusal.found(value, &Place::Key(at, key))),
            }
        }
        texts
    }

    fn spec(&mut self, spec: &Map<String, Json>) {
        let shapes = &self.kind.resource.shapes;
        match &self.kind.resource.spec {
            Spec::Member(name) => {
                let member = shapes.root().member(name);
                let Some((member, Shape::Message(id))) = member.map(|member| (member, &member.value)) else {
                    return;
                };
                let at = Place::Field(&Place::Root, "spec", &member.path);
                let mut message = DynamicMessage::new(shapes.get(*id).message.clone());
                self.reader.object(shapes.get(*id), spec, &mut message, &at);
                member.path.set(&mut self.message, Value::Message(message));
            }
            Spec::Root(names) => {
                let shape = only(shapes.root(), names);
                let at = Place::Member(&Place::Root, "spec");
                self.reader.object(&shape, spec, &mut self.message, &at);
            }
        }
    }

    fn is_spec_member(&self, key: &str) -> bool {
        let shapes = &self.kind.resource.shapes;
        match &self.kind.resource.spec {
            Spec::Member(name) => match shapes.root().member(name).map(|member| &member.value) {
                Some(Shape::Message(id)) => shapes.get(*id).member(key).is_some(),
                _ => false,
            },
            Spec::Root(names) => names.iter().any(|name| name == key),
        }
    }

    fn refuse(&mut self, expected: &str, json: &Json, at: &Place<'_>) {
        self.reader.problems.push(Refusal::new(expected).found(json, at));
    }
}

/// The shape with these members alone.
fn only(shape: &MessageShape, names: &[String]) -> MessageShape {
    shape.of(shape.members.iter().filter(|member| names.contains(&member.json)).cloned().collect())
}

/// Sets the messages that the server wants to see even when they are empty, below those that are set.
fn present(shapes: &Shapes, shape: &MessageShape, message: &mut DynamicMessage) {
    for member in shape.members.iter().filter(|member| member.many == Many::One) {
        let is_message = member.field.kind().as_message().is_some() && !member.field.is_list();
        let is_set = member.path.get(message).is_some();
        if !is_message || !is_set && !member.rules.present {
            continue;
        }
        let inner = FieldPath::message_mut(&member.path, message);
        if let Shape::Message(id) = &member.value {
            present(shapes, shapes.get(*id), inner);
        }
    }
}
