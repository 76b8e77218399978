//! What counts as a difference between what is desired and what is there, and what a hash depends on: truth tables.
use std::sync::{Arc, LazyLock};

use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};
use teleport_operator::diagnostic::refused;
use teleport_operator::mapping::embedded;
use teleport_operator::mapping::plan::{Kind, Target};
use teleport_operator::translate::{compare, read};

static TARGET: LazyLock<Target> = LazyLock::new(|| embedded().expect("the embedded mappings are sound"));

fn kind(name: &str) -> &'static Arc<Kind> {
    let found = TARGET.kinds.iter().find(|kind| kind.kubernetes.kind == name);
    found.unwrap_or_else(|| panic!("there is a kind {name}"))
}

/// A resource with this specification and more at the root.
fn message(kind: &Kind, spec: &Json, more: &Json) -> DynamicMessage {
    let mut resource = json!({ "metadata": { "name": "x" }, "spec": spec });
    for (key, value) in more.as_object().into_iter().flatten() {
        resource[key] = value.clone();
    }
    let (message, diagnostics) = read::resource(kind, &resource);
    assert!(!refused(&diagnostics), "{diagnostics:#?}");
    message
}

fn differences(name: &str, desired: &Json, live: &Json) -> Vec<String> {
    let kind = kind(name);
    let none = Json::Null;
    compare::differences(&kind.resource, &message(kind, desired, &none), &message(kind, live, &none))
}

#[test]
fn only_what_desired_says_can_differ() {
    let table = [
        // equal
        (json!({ "allow": { "logins": ["root"] } }), json!({ "allow": { "logins": ["root"] } }), vec![]),
        // what live has besides is the server's
        (json!({}), json!({ "allow": { "logins": ["root"] } }), vec![]),
        (
            json!({ "options": { "max_sessions": 3 } }),
            json!({ "options": { "max_sessions": 3, "forward_agent": true } }),
            vec![],
        ),
        // missing, other
        (json!({ "allow": { "logins": ["root"] } }), json!({}), vec!["spec"]),
        (
            json!({ "allow": { "logins": ["root"] } }),
            json!({ "deny": { "logins": ["a"] } }),
            vec!["spec.allow"],
        ),
        (
            json!({ "options": { "max_sessions": 3 } }),
            json!({ "options": { "max_sessions": 4 } }),
            vec!["spec.options.max_sessions"],
        ),
        // lists: items by place, lengths as a whole
        (
            json!({ "allow": { "logins": ["a", "b"] } }),
            json!({ "allow": { "logins": ["a", "c"] } }),
            vec!["spec.allow.logins[1]"],
        ),
        (
            json!({ "allow": { "logins": ["a"] } }),
            json!({ "allow": { "logins": ["a", "c"] } }),
            vec!["spec.allow.logins"],
        ),
        // a default within an element is the server's too
        (
            json!({ "allow": { "rules": [{ "resources": ["role"] }] } }),
            json!({ "allow": { "rules": [{ "resources": ["role"], "verbs": ["read"] }] } }),
            vec![],
        ),
        (
            json!({ "allow": { "rules": [{ "resources": ["role"] }] } }),
            json!({ "allow": { "rules": [{ "resources": ["user"], "verbs": ["read"] }] } }),
            vec!["spec.allow.rules[0].resources[0]"],
        ),
        // maps as a whole: what is there besides was put there by somebody
        (
            json!({ "allow": { "node_labels": { "a": "1" } } }),
            json!({ "allow": { "node_labels": { "a": "1", "b.c": "2" } } }),
            vec![r#"spec.allow.node_labels["b.c"]"#],
        ),
        (
            json!({ "allow": { "node_labels": { "a": "1" } } }),
            json!({ "allow": { "node_labels": { "a": ["1", "2"] } } }),
            vec!["spec.allow.node_labels.a"],
        ),
        // presence counts where it means something
        (
            json!({ "options": { "port_forwarding": false } }),
            json!({ "options": { "lock": "strict" } }),
            vec!["spec.options.port_forwarding"],
        ),
        (
            json!({ "options": { "forward_agent": false } }),
            json!({ "options": { "forward_agent": true } }),
            vec![],
        ),
        // two spellings of the same
        (
            json!({ "options": { "max_session_ttl": "1d" } }),
            json!({ "options": { "max_session_ttl": "24h0m0s" } }),
            vec![],
        ),
    ];
    for (desired, live, paths) in table {
        assert_eq!(differences("TeleportRoleV7", &desired, &live), paths, "{desired} {live}");
    }
}

#[test]
fn labels_are_replaced() {
    let kind = kind("TeleportUser");
    let with =
        |labels: Json| message(kind, &json!({}), &json!({ "metadata": { "name": "x", "labels": labels } }));
    let paths = compare::differences(
        &kind.resource,
        &with(json!({ "a": "1", "b": "2" })),
        &with(json!({ "b": "3", "c": "4" })),
    );
    assert_eq!(paths, ["metadata.labels.a", "metadata.labels.b", "metadata.labels.c"]);
}

#[test]
fn secrets_take_no_part() {
    let (a, b) = (json!({ "client_secret": "one" }), json!({ "client_secret": "two" }));
    assert_eq!(differences("TeleportGithubConnector", &a, &b), [] as [&str; 0]);
    let kind = kind("TeleportGithubConnector");
    let hash = |spec| compare::hash(&kind.resource, &message(kind, spec, &Json::Null));
    assert_eq!(hash(&a), hash(&b));
    assert_ne!(hash(&a), hash(&json!({ "client_secret": "one", "client_id": "c" })));
}

#[test]
fn what_the_server_writes_takes_no_part() {
    let kind = kind("TeleportUser");
    let plain = message(kind, &json!({}), &json!({ "metadata": { "name": "x" } }));
    let written = message(kind, &json!({}), &json!({ "metadata": { "name": "x", "revision": "r1" } }));
    let zero = json!({ "expires": "0001-01-01T00:00:00Z", "created_by": { "time": "0001-01-01T00:00:00Z" } });
    let zero = message(kind, &zero, &json!({ "metadata": { "name": "x" }, "status": {} }));
    let hash = |message| compare::hash(&kind.resource, message);
    assert_eq!(hash(&plain), hash(&written));
    assert_eq!(hash(&plain), hash(&zero));
    let expires = json!({ "metadata": { "name": "x", "expires": "2030-01-01T00:00:00Z" } });
    assert_ne!(hash(&plain), hash(&message(kind, &json!({}), &expires)));
}

#[test]
fn a_hash_is_the_same_in_every_run() {
    let kind = kind("TeleportUser");
    let traits: Json = (0..40)
        .map(|n| (format!("trait-{n}"), json!([format!("value-{n}")])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let message = message(kind, &json!({ "roles": ["a"], "traits": traits }), &Json::Null);
    // Fixed on purpose: every running operator compares with hashes that an earlier version has stored. Where this
    // changes, the version that hashes begin with must change as well.
    assert_eq!(compare::hash(&kind.resource, &message), "1:1456f32b9d1c1995");
}
