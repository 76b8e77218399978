//! The examples, applied in one go: in any order all become Ready, and Teleport has exactly what they say.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use teleport_operator::mapping;
use teleport_operator::translate::compare::differences;

use crate::world::World;

/// The example manifests, one document after the other.
fn examples() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/teleport");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("examples").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).expect("readable"));
    texts.flat_map(|text| serde_saphyr::from_multiple::<Value>(&text).expect("YAML")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The names of all resources, by kind.
fn names(world: &World) -> BTreeMap<String, BTreeSet<String>> {
    let dump = world.target.dump().into_iter();
    dump.map(|(kind, resources)| (kind, resources.into_keys().collect())).collect()
}

/// What of `expected` is not in `found`; `found` may have more members.
fn missing(path: &str, expected: &Value, found: &Value) -> Vec<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected
            .iter()
            .flat_map(|(key, value)| {
                missing(&format!("{path}.{key}"), value, found.get(key).unwrap_or(&Value::Null))
            })
            .collect(),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs.flat_map(|(index, (e, f))| missing(&format!("{path}[{index}]"), e, f)).collect()
        }
        (expected, found) if expected == found => Vec::new(),
        (expected, found) => vec![format!("{path}: {expected}, not {found}")],
    }
}

fn apply(namespace: &str, arrange: impl FnOnce(&mut Vec<Value>)) {
    let world = World::new(namespace);
    let mut wanted = names(&world);
    let mut documents = examples();
    arrange(&mut documents);
    world.apply_all(&documents);
    let synced = documents.iter().filter(|document| text(&document["kind"]).starts_with("Teleport")).count();
    world.until("all examples are Ready", || {
        let all = world.all();
        (all.len() == synced && all.iter().all(|object| object.is_ready())).then_some(())
    });

    let manifests: String = documents.iter().map(|document| format!("---\n{document}\n")).collect();
    let printed = world.translate(&manifests, "json");
    assert_eq!(printed.len(), synced);
    let dump = world.target.dump();
    for expected in &printed {
        let (kind, name) = (text(&expected["kind"]), text(&expected["metadata"]["name"]));
        wanted.get_mut(kind).expect("a kind").insert(name.to_owned());
        // The value of a secret is not printed; another scenario looks at it.
        let mut missing = missing("", expected, &dump[kind][name].json);
        missing.retain(|path| !path.starts_with(".spec.client_secret:"));
        assert!(missing.is_empty(), "{kind} {name}: {missing:#?}");
    }
    assert_eq!(names(&world), wanted, "nothing else is there");
    compare_messages(&world, &manifests);
}

/// Holds the messages that the operator sends against those that Teleport keeps.
fn compare_messages(world: &World, manifests: &str) {
    let target = mapping::embedded().expect("the embedded mappings are sound");
    let dump = world.target.dump();
    for line in world.translate(manifests, "grpc") {
        let kind = target.kind_of(text(&line["apiVersion"]), text(&line["kind"])).expect("a kind of ours");
        let decode = |base64: &str| {
            let bytes = STANDARD.decode(base64).expect("base64");
            DynamicMessage::decode(kind.resource.message.clone(), bytes.as_slice()).expect("a message")
        };
        let desired = decode(text(&line["resource"]));
        let name = kind.resource.singleton.as_deref().unwrap_or(text(&line["name"]));
        let live = decode(&dump[&kind.resource.name][name].resource_b64);
        let mut changed = differences(&kind.resource, &desired, &live);
        changed.retain(|path| path != "spec.client_secret");
        assert!(changed.is_empty(), "{} {name}: {changed:?}", kind.resource.name);
    }
}

#[test]
fn examples_become_ready_in_the_order_of_their_files() {
    apply("apply", |_| {});
}

#[test]
fn examples_become_ready_in_reverse() {
    apply("apply-reversed", |documents| documents.reverse());
}

#[test]
fn examples_become_ready_shuffled() {
    // By the end of their text: an order that has nothing to do with kinds.
    let key = |document: &Value| document.to_string().chars().rev().collect::<String>();
    apply("apply-shuffled", |documents| documents.sort_by_key(key));
}
