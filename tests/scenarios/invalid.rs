//! Manifests that the API server takes but that ask for nothing that can be made: the status says what is wrong, Teleport
//! is not asked, and nothing is tried again.
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::{object, role};
use crate::world::World;

/// Longer than the first pauses of a backoff.
const WHILE: Duration = Duration::from_secs(4);

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a path");
    let mut at = &mut object;
    for part in parent.split('/').skip(1) {
        at = &mut at[part];
    }
    at[key] = value;
    object
}

/// Objects with one mistake each, and a piece of what the status must say of it.
fn mistakes() -> Vec<(Value, &'static [&'static str])> {
    let plain = |name: &str| role(name, &["root"]);
    vec![
        (
            with(plain("bad-duration"), "/spec/options/max_session_ttl", json!("1 fortnight")),
            &["spec.options.max_session_ttl", "1 fortnight"],
        ),
        (
            with(plain("bad-labels"), "/spec/allow/node_labels", json!({"env": {"not": "a list"}})),
            &["spec.allow.node_labels"],
        ),
        (
            with(plain("bad-word"), "/spec/options/create_host_user_mode", json!("keeep")),
            &["spec.options.create_host_user_mode", "keeep", "did you mean `keep`?"],
        ),
        (
            with(
                with(plain("two-mistakes"), "/spec/options/max_session_ttl", json!("soon")),
                "/spec/options/require_session_mfa",
                json!("perhaps"),
            ),
            &["spec.options.max_session_ttl", "spec.options.require_session_mfa"],
        ),
    ]
}

#[test]
fn mistakes_are_told_and_neither_sent_nor_tried_again() {
    let world = World::new("invalid");
    world.until_operator_ready();
    let before = (world.target.calls(), world.target.writes().len());
    let mistakes = mistakes();
    world.apply_all(mistakes.iter().map(|(object, _)| object));
    for (object, pieces) in &mistakes {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let (_, reason, message) = world.until(&format!("{name} is refused"), || {
            let object = world.get("TeleportRoleV7", name);
            object.condition("ValidStructure").filter(|(status, ..)| status == "False")
        });
        assert_eq!(reason, "FailedToDecode", "{name}");
        assert!(message.starts_with("Failed to decode Kubernetes CR: "), "{message}");
        for piece in *pieces {
            assert!(message.contains(piece), "{name}: `{piece}` is not in: {message}");
        }
        let object = world.get("TeleportRoleV7", name);
        assert_eq!(object.condition("Ready").expect("a condition").0, "False", "{name}");
        assert_eq!(&object.0["status"]["observedGeneration"], object.generation(), "{name}");
    }

    let written = world.kubernetes_writes();
    world.stays("no call is made and no status written", WHILE, || {
        (world.target.calls(), world.target.writes().len()) == before && world.kubernetes_writes() == written
    });
    world.apply_all([&role("bad-duration", &["root"])]);
    world.until_ready("TeleportRoleV7", "bad-duration");
}

#[test]
fn a_singleton_has_but_one_name() {
    let world = World::new("invalid-singleton");
    world.until_operator_ready();
    let before = world.target.calls();
    let spec = json!({"tools": {"mode": "enabled"}});
    world.apply_all([&object("v1", "TeleportAutoupdateConfigV1", "my-config", &spec)]);
    let (_, _, message) = world.until("it is refused", || {
        let object = world.get("TeleportAutoupdateConfigV1", "my-config");
        object.condition("Ready").filter(|(status, ..)| status == "False")
    });
    assert!(message.contains("autoupdate-config"), "{message}");
    let written = world.kubernetes_writes();
    world.stays("no call is made and no status written", WHILE, || {
        world.target.calls() == before && world.kubernetes_writes() == written
    });

    // The only one there is belongs to the object of its name, and stays when the other goes.
    let rightly_named = object("v1", "TeleportAutoupdateConfigV1", "autoupdate-config", &spec);
    world.apply_all([&rightly_named]);
    world.until_ready("TeleportAutoupdateConfigV1", "autoupdate-config");
    let live = world.target.resource("autoupdate_config", "autoupdate-config");
    assert!(live.is_some());
    world.delete("TeleportAutoupdateConfigV1", "my-config");
    world.until_gone("TeleportAutoupdateConfigV1", "my-config");
    world.stays("the resource is there", WHILE, || {
        world.target.resource("autoupdate_config", "autoupdate-config") == live
    });
}

/// The API server itself refuses what its schema can tell, before it is stored.
#[test]
fn unknown_fields_and_wrong_types_are_refused_by_the_api_server() {
    let world = World::new("invalid-schema");
    for (mistake, said) in [
        (
            with(role("my-role", &["root"]), "/spec/allow/loggins", json!(["root"])),
            "unknown field \"spec.allow.loggins\"",
        ),
        (with(role("my-role", &["root"]), "/spec/allow/logins", json!("root")), "spec.allow.logins"),
    ] {
        let answer = world.apply_refused(&mistake.to_string());
        assert!(answer.contains(said), "{answer}");
    }
    assert!(world.all().is_empty());
}
