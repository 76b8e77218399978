//! Conformance: custom resources and what the official types make of them, through the public translation. The vectors
//! were made by running those types; what they hold is explained in `tests/vectors/README.md`.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::prost::Message as _;
use prost_reflect::text_format::FormatOptions;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _};
use serde_json::{Map, Value as Json};
use teleport_operator::diagnostic::{Diagnostic, Severity, refused};
use teleport_operator::mapping::embedded;
use teleport_operator::mapping::plan::{From, Kind, Target};
use teleport_operator::target::request::{self, Inputs};
use teleport_operator::translate::{Desired, compare, desired, print, read, secrets};

static TARGET: LazyLock<Target> = LazyLock::new(|| embedded().expect("the embedded mappings are sound"));

struct Vector {
    name: String,
    json: Json,
    kind: Arc<Kind>,
}

/// Mappings of what the library that makes the vectors is too old for, or has no decoder for.
const WITHOUT_VECTORS: [&str; 13] = [
    "access_graph_settings",
    "app_auth_config",
    "classifier",
    "health_check_config",
    "inference_model",
    "inference_policy",
    "inference_secret",
    "network_restrictions",
    "retrieval_model",
    "scoped_role",
    "scoped_role_assignment",
    "scoped_token",
    "sigstore_policy",
];

/// What a server makes of what it was sent, by vectors and path. One write is made for it; then the record of live as
/// that write left it says that nobody else changed anything.
const REWRITTEN: [(&str, &str); 2] = [
    ("git_server", "metadata.labels[\"teleport.internal/github-org\"]"),
    ("saml_idp_service_provider saml-idp-sp-attributes", "spec.attribute_mapping[1].name_format"),
];

/// All vectors: each is of a kind that there is a mapping for.
fn vectors() -> Vec<Vector> {
    let mut found = Vec::new();
    for file in files() {
        for json in list(&file) {
            let name = format!("{} {}", file.file_stem().unwrap().to_string_lossy(), text(&json, "name"));
            let kind = TARGET.kind_of(text(&json, "api_version"), text(&json, "kind"));
            let kind = Arc::clone(kind.unwrap_or_else(|| panic!("{name}: there is no kind for it")));
            found.push(Vector { name, json, kind });
        }
    }
    found
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_vectors =
        |file: &PathBuf| file.extension().is_some_and(|e| e == "json") && !file.ends_with("bad.json");
    let mut files: Vec<_> = files.filter(is_vectors).collect();
    files.sort();
    files
}

fn list(file: &Path) -> Vec<Json> {
    let text = fs::read_to_string(file).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text<'a>(json: &'a Json, member: &str) -> &'a str {
    json[member].as_str().unwrap_or_else(|| panic!("{member} in {json}"))
}

impl Vector {
    /// The translation, with references to Secrets written as they stood: the official types know none.
    fn desired(&self) -> Desired {
        let mut desired = desired(&self.kind, &TARGET.words, &TARGET.ownership, &self.json["cr"]);
        let errors = desired.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let paths: Vec<_> = errors.map(|error| error.path.as_deref().unwrap_or_default()).collect();
        assert_eq!(paths, self.expected(), "{}: {:#?}", self.name, desired.diagnostics);
        let values: Vec<_> = desired
            .secrets
            .iter()
            .map(|reference| (reference.clone(), format!("secret://{}/{}", reference.name, reference.key)))
            .collect();
        secrets::fill(&mut desired.message, &values);
        desired
    }

    /// Vectors of the one resource of its kind are named as it is not: that, and no more, is wrong with them.
    fn expected(&self) -> &[&str] {
        let only = self.kind.resource.singleton.as_deref();
        let is_misnamed = only.is_some_and(|only| self.json["cr"]["metadata"]["name"] != only);
        if is_misnamed { &["metadata.name"] } else { &[] }
    }

    fn decoded(&self, member: &str, descriptor: MessageDescriptor) -> DynamicMessage {
        let bytes = STANDARD.decode(text(&self.json, member)).unwrap();
        DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap()
    }

    fn normalised(&self, message: &DynamicMessage) -> DynamicMessage {
        compare::normalise(&self.kind.resource, message)
    }

    /// The official JSON; of the one kind whose vectors hold the plain form of the message, as its type would print it.
    fn official(&self) -> Json {
        let mut official = self.json["official_json"].clone();
        if let Some(Json::Object(traits)) = official.get_mut("traits_map") {
            for value in traits.values_mut() {
                *value = value.get("Values").cloned().unwrap_or_else(|| Json::Array(Vec::new()));
            }
        }
        // The type has labels, and the message that is made of it has no place for them.
        if self.kind.resource.metadata.labels.is_none() {
            official["metadata"].as_object_mut().unwrap().remove("labels");
        }
        official
    }
}

/// Equal messages; where they are not, both in a form that can be read.
#[track_caller]
fn assert_same(ours: &DynamicMessage, official: &DynamicMessage, name: &str) {
    let text = |message: &DynamicMessage| {
        let options = FormatOptions::new().pretty(true);
        let text = message.to_text_format_with_options(&options);
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    if ours != official {
        let (ours, official) = (text(ours), text(official));
        let only = |a: &[String], b: &[String]| {
            a.iter().filter(|line| !b.contains(line)).cloned().collect::<Vec<_>>().join("\n")
        };
        panic!("{name}\nours:\n{}\nofficial:\n{}", only(&ours, &official), only(&official, &ours));
    }
}

#[test]
fn the_resource_is_what_the_official_types_send() {
    let vectors = vectors();
    for vector in &vectors {
        let ours = vector.normalised(&vector.desired().message);
        let official = vector.decoded("resource_b64", vector.kind.resource.message.clone());
        assert_same(&ours, &vector.normalised(&official), &vector.name);
    }
    let covered: BTreeSet<_> = vectors.iter().map(|vector| vector.kind.resource.name.as_str()).collect();
    println!("{} vectors of {covered:?}", vectors.len());
    let mapped: BTreeSet<_> = TARGET.kinds.iter().map(|kind| kind.resource.name.as_str()).collect();
    let uncovered: Vec<_> = mapped.difference(&covered).copied().collect();
    assert_eq!(uncovered, WITHOUT_VECTORS, "every other mapping has vectors");
}

#[test]
fn the_request_is_what_the_official_client_sends() {
    let mut compared = BTreeSet::new();
    for vector in vectors() {
        let Some(call) = vector.kind.resource.calls.creating().first() else { continue };
        let method = format!("/{}/{}", call.method.parent_service().full_name(), call.method.name());
        if text(&vector.json, "method") != method {
            continue;
        }
        compared.insert(vector.kind.resource.name.clone());
        let message = vector.desired().message;
        let inputs = Inputs { resource: Some(&message), name: "", ..Inputs::default() };
        let (mut ours, mut official) =
            (request::fill(call, &inputs), vector.decoded("request_b64", call.method.input()));
        let resource = call.request.iter().find(|assign| assign.from == From::Resource).unwrap();
        let (a, b) = (resource.to.message(&ours).cloned(), resource.to.message(&official).cloned());
        assert_same(&vector.normalised(&a.unwrap()), &vector.normalised(&b.unwrap()), &vector.name);
        if !resource.to.is_empty() {
            resource.to.clear(&mut ours);
            resource.to.clear(&mut official);
            assert_same(&ours, &official, &vector.name);
        }
    }
    println!("requests of {compared:?}");
    assert!(compared.len() >= 5, "{compared:?}");
}

#[test]
fn printed_is_what_the_official_types_print() {
    for vector in vectors() {
        let Desired { message, diagnostics, .. } = vector.desired();
        let (mut ours, mut official) = (print::resource(&vector.kind, &message), vector.official());
        for constant in vector.kind.constants.iter().filter(|constant| constant.field.is_none()) {
            assert_eq!(ours[&constant.json], constant.value, "{}", vector.name);
            ours.as_object_mut().unwrap().remove(&constant.json);
            official.as_object_mut().unwrap().remove(&constant.json);
        }
        for path in warned(&diagnostics) {
            remove(&mut ours, &path);
            remove(&mut official, &path);
        }
        assert_eq!(without_zero(&ours), without_zero(&official), "{}", vector.name);
    }
}

#[test]
fn what_the_official_types_print_is_read_back() {
    for vector in vectors() {
        let (message, diagnostics) = read::resource(&vector.kind, &vector.official());
        assert!(!refused(&diagnostics), "{}: {diagnostics:#?}", vector.name);
        let official = vector.decoded("resource_b64", vector.kind.resource.message.clone());
        assert_same(&vector.normalised(&message), &vector.normalised(&official), &vector.name);
    }
}

#[test]
fn what_is_printed_is_read_back() {
    for vector in vectors() {
        let message = vector.desired().message;
        let printed = print::resource(&vector.kind, &message);
        let (again, diagnostics) = read::resource(&vector.kind, &printed);
        assert_eq!(diagnostics, [], "{}", vector.name);
        assert_same(&vector.normalised(&again), &vector.normalised(&message), &vector.name);
        assert_eq!(print::resource(&vector.kind, &again), printed, "{}", vector.name);
    }
}

/// What a server makes of a resource is no difference to what was asked for.
#[test]
fn defaults_of_the_server_are_no_differences() {
    let mut compared = 0;
    for vector in vectors() {
        // The library that made the vectors does not know this version of roles and stores another.
        if vector.json.get("after_defaults_b64").is_none() || vector.name.starts_with("role-v8") {
            continue;
        }
        compared += 1;
        let resource = &vector.kind.resource;
        let live = vector.decoded("after_defaults_b64", resource.message.clone());
        let message = vector.desired().message;
        let mut found = compare::differences(resource, &message, &live);
        found.retain(|path| !vector.expected().contains(&path.as_str()));
        let rewritten = REWRITTEN.iter().filter(|(name, _)| vector.name.starts_with(name));
        let rewritten: Vec<_> = rewritten.map(|(_, path)| *path).collect();
        assert_eq!(found, rewritten, "{}", vector.name);
    }
    assert!(compared >= 30, "{compared}");
}

#[test]
fn bad_resources_are_refused_at_the_right_place() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/bad.json");
    let mut refused_kinds = BTreeSet::new();
    for bad in list(&file) {
        let kind = TARGET.kind_of(text(&bad, "api_version"), text(&bad, "kind")).expect("a kind of ours");
        let Desired { diagnostics, .. } = desired(kind, &TARGET.words, &TARGET.ownership, &bad["cr"]);
        let mut errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let path = text(&bad, "path");
        let is_found = errors.any(|error| error.path.as_deref() == Some(path));
        assert!(is_found, "{}: {path} among {diagnostics:#?}", text(&bad, "name"));
        refused_kinds.insert(kind.kubernetes.kind.clone());
    }
    println!("bad resources of {refused_kinds:?}");
    assert!(refused_kinds.len() >= 8, "{refused_kinds:?}");
}

fn warned(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics.iter().filter_map(|diagnostic| diagnostic.path.clone()).collect()
}

/// Removes what stands at a path of plain keys and indices.
fn remove(json: &mut Json, path: &str) {
    let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    if let Some(Json::Object(members)) = json.pointer_mut(parent) {
        members.remove(last);
    }
}

/// Without members that are null or zero. Elements of lists stay.
fn without_zero(json: &Json) -> Json {
    const ZERO_TIME: &str = "0001-01-01T00:00:00Z";
    // The one zero that the official types print as a word, even in a message that is not there.
    const ZERO_WORD: &str = "IAM_POLICY_STATUS_UNSPECIFIED";
    let is_zero = |json: &Json| match json {
        Json::Null | Json::Bool(false) => true,
        Json::Bool(true) => false,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => ["", "0s", ZERO_TIME, ZERO_WORD].contains(&text.as_str()),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
    };
    match json {
        Json::Object(members) => {
            let kept = members.iter().map(|(key, value)| (key.clone(), without_zero(value)));
            Json::Object(kept.filter(|(_, value)| !is_zero(value)).collect::<Map<_, _>>())
        }
        Json::Array(items) => Json::Array(items.iter().map(without_zero).collect()),
        other => other.clone(),
    }
}

/// The comparison above is only as good as the bytes: they must hold nothing that the descriptors do not know.
#[test]
fn the_descriptors_know_all_that_the_vectors_hold() {
    for vector in vectors() {
        let official = vector.decoded("resource_b64", vector.kind.resource.message.clone());
        assert_eq!(official.unknown_fields().count(), 0, "{}", vector.name);
        assert_eq!(official.descriptor(), vector.kind.resource.message);
        assert!(!official.encode_to_vec().is_empty());
    }
}
