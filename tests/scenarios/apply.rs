//! The examples, applied in one go: in any order all become Ready, and Teleport has exactly what they say.
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use teleport_operator::mapping;
use teleport_operator::mapping::plan::Target;
use teleport_operator::translate::compare::differences;

use crate::control::Stored;
use crate::manifests::{examples, is_synced, official_refusal, refusal};
use crate::world::{Object, World};

/// The server has only its message: no package of the API has the JSON that people see. Messages are compared, too.
const NO_OFFICIAL_JSON: &str = "login_rule";

/// Differences that are as they should be, by kind, name and path: the value of a secret is not printed (another scenario
/// looks at it), the server's types are older than versions 8 and 9 of roles and keep such a role as version 7, and the
/// server writes labels of its own: over our mark in the settings that keep none, and of what a Git server is of.
const KNOWN: [(&str, &str, &str); 12] = [
    ("github", "github", "spec.client_secret"),
    ("oidc", "example-oidc", "spec.client_secret"),
    ("trusted_cluster", "root.example.com", "spec.token"),
    ("role", "orders-on-call", "version"),
    ("role", "orders-reviewer", "version"),
    ("cluster_auth_preference", "cluster-auth-preference", ORIGIN.0),
    ("cluster_auth_preference", "cluster-auth-preference", ORIGIN.1),
    ("cluster_networking_config", "cluster-networking-config", ORIGIN.0),
    ("cluster_networking_config", "cluster-networking-config", ORIGIN.1),
    ("session_recording_config", "session-recording-config", ORIGIN.0),
    ("session_recording_config", "session-recording-config", ORIGIN.1),
    ("git_server", "example-on-github", "metadata.labels[\"teleport.internal/github-org\"]"),
];

/// Our mark, as messages and as the server's JSON have it.
const ORIGIN: (&str, &str) =
    ("metadata.labels[\"teleport.dev/origin\"]", "metadata.labels.teleport.dev/origin");

/// A bot has a user and a role of its own.
const MADE_BY_THE_SERVER: [(&str, &str); 2] =
    [("user", "bot-orders-deployer"), ("role", "bot-orders-deployer")];

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
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                missing(&path, value, found.get(key).unwrap_or(&Value::Null))
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

/// The words with which a kind is refused, if it is.
type Refusal = fn(&Value) -> Option<&'static str>;

/// Applies all examples, and looks at each as Teleport keeps it; then all go.
fn apply(world: &World, refusal: Refusal, arrange: impl FnOnce(&mut Vec<Value>)) {
    let before = names(world);
    let mut wanted = before.clone();
    let mut documents = examples();
    arrange(&mut documents);
    world.apply_all(&documents);
    documents.retain(is_synced);
    world.until("all examples are Ready, or refused as they must be", || {
        let all = world.all();
        (all.len() == documents.len() && all.iter().all(|object| is_as_expected(object, refusal)))
            .then_some(())
    });
    documents.retain(|document| refusal(&document["kind"]).is_none());
    let synced = documents.len();

    let manifests: String = documents.iter().map(|document| format!("---\n{document}\n")).collect();
    let (printed, sent) = (world.translate(&manifests, "json"), world.translate(&manifests, "grpc"));
    assert_eq!((printed.len(), sent.len()), (synced, synced));
    let target = mapping::embedded().expect("the embedded mappings are sound");
    let dump = world.target.dump();
    let mut wrongs = Vec::new();
    for (printed, sent) in printed.iter().zip(&sent) {
        let (kind, name) = (text(&printed["kind"]), text(&printed["metadata"]["name"]));
        // A member of a list is stored under both names.
        let of_kind = dump.get(kind).into_iter().flatten();
        let stored = of_kind.clone().find(|(stored, _)| stored.rsplit('/').next() == Some(name));
        let Some((stored, live)) = stored else {
            wrongs.push(format!(
                "no {kind} {name} in the store, but {:?}",
                of_kind.map(|(n, _)| n).collect::<Vec<_>>()
            ));
            continue;
        };
        wanted.entry(kind.to_owned()).or_default().insert(stored.clone());
        let mut wrong = changed(&target, sent, live);
        if kind != NO_OFFICIAL_JSON {
            wrong.extend(missing("", printed, &live.json));
        }
        let known = KNOWN.iter().filter(|(of, named, _)| (*of, *named) == (kind, name));
        let known: Vec<_> = known.map(|(.., path)| *path).collect();
        wrong.retain(|wrong| !known.iter().any(|known| wrong.split(':').next() == Some(known)));
        wrongs.extend(wrong.into_iter().map(|wrong| format!("{kind} {name}: {wrong}")));
    }
    assert!(wrongs.is_empty(), "{wrongs:#?}");
    for (kind, name) in MADE_BY_THE_SERVER {
        wanted.get_mut(kind).expect("a kind").insert(name.to_owned());
    }
    assert_eq!(names(world), wanted, "nothing else is there");

    world.delete_all(&documents);
    for document in &documents {
        world.until_gone(text(&document["kind"]), text(&document["metadata"]["name"]));
    }
    assert_eq!(names(world), before, "all went, and what can't go stays");
}

/// A world in which the operator may do what it says itself that it needs for all kinds.
fn world(namespace: &str) -> World {
    let mut world = World::without_operator(namespace);
    world.allow_all_kinds();
    world.run(&[]);
    world
}

/// Ready, or refused in the words in which it has to be: by the server, or for its scope.
fn is_as_expected(object: &Object, refusal: Refusal) -> bool {
    let Some(words) = refusal(&object.0["kind"]) else { return object.is_ready() };
    let (condition, expected) = match object.0["scope"].is_string() {
        true => ("ValidScope", "NonMatchingScope"),
        false => ("SuccessfullyReconciled", "TeleportError"),
    };
    let says = object.condition(condition);
    says.is_some_and(|(status, reason, message)| {
        status == "False" && reason == expected && message.contains(words)
    })
}

/// Where the message that the operator sends differs from the one that Teleport keeps.
fn changed(target: &Target, sent: &Value, live: &Stored) -> Vec<String> {
    let kind = target.kind_of(text(&sent["apiVersion"]), text(&sent["kind"])).expect("a kind of ours");
    let decode = |base64: &str| {
        let bytes = STANDARD.decode(base64).expect("base64");
        DynamicMessage::decode(kind.resource.message.clone(), bytes.as_slice()).expect("a message")
    };
    differences(&kind.resource, &decode(text(&sent["resource"])), &decode(&live.resource_b64))
}

#[test]
fn examples_become_ready_in_the_order_of_their_files() {
    apply(&world("apply"), refusal, |_| {});
}

#[test]
fn the_official_role_lets_in_what_the_official_operator_syncs() {
    apply(&World::new("apply-official"), official_refusal, |_| {});
}

#[test]
fn examples_become_ready_in_reverse() {
    apply(&world("apply-reversed"), refusal, |documents| documents.reverse());
}

#[test]
fn examples_become_ready_shuffled() {
    // By the end of their text: an order that has nothing to do with kinds.
    let key = |document: &Value| document.to_string().chars().rev().collect::<String>();
    apply(&world("apply-shuffled"), refusal, |documents| documents.sort_by_key(key));
}
