//! A connector whose client secret stands in a Secret: created later, rotated, not allowed; and shown nowhere.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::manifests::object;
use crate::world::World;

const KIND: &str = "TeleportGithubConnector";
const ALLOW: &str = "resources.teleport.dev/allow-lookup-from-cr";

fn connector() -> Value {
    let spec = json!({
        "client_id": "an-id",
        "client_secret": "secret://my-secret/key",
        "redirect_url": "https://teleport.example.com/v1/webapi/github/callback",
        "teams_to_roles": [{"organization": "one", "team": "two", "roles": ["access"]}],
    });
    object("v3", KIND, "my-github", &spec)
}

fn secret(value: &str, allow: Option<&str>) -> Value {
    let annotations = allow.map(|readers| json!({ALLOW: readers}));
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "my-secret", "annotations": annotations},
        "data": {"key": STANDARD.encode(value)},
    })
}

/// The secret that Teleport has.
fn live(world: &World) -> Option<String> {
    let stored = world.target.resource("github", "my-github")?;
    Some(stored.json["spec"]["client_secret"].as_str()?.to_owned())
}

/// Waits until the connector can't be made for this reason; Teleport has none.
fn until_refused(world: &World, why: &str) {
    let message = format!(
        "The reconciliation failed, the operator failed to mutate the resource before creating it in Teleport. \
         Mutation failed with error: {why}"
    );
    world.until_says(KIND, "my-github", ("SuccessfullyReconciled", "False", "MutationError", &message));
    assert_eq!(live(world), None);
}

fn until_has(world: &World, value: &str) {
    world.until("Teleport has the secret", || live(world).filter(|found| found == value));
    world.until_ready(KIND, "my-github");
}

/// Sees that none of these stands anywhere where people look.
fn assert_shown_nowhere(world: &World, values: &[&str]) {
    let operator = world.operator.as_ref().expect("the operator runs");
    let places = [
        ("its log", operator.log()),
        ("its metrics", operator.metrics("/metrics")),
        ("its state", operator.metrics("/debug/state")),
        ("its readiness", operator.health("/readyz").expect("served").1),
        ("the objects", world.kubectl(&["get", "teleport", "-o", "yaml"])),
        ("events", world.kubectl(&["get", "events", "-o", "yaml"])),
    ];
    for (place, text) in &places {
        // What is looked through is what it is meant to be.
        assert!(!text.is_empty(), "{place} is empty");
        for value in values {
            let encoded = STANDARD.encode(value);
            assert!(!text.contains(value) && !text.contains(&encoded), "{place} shows a secret");
        }
    }
    assert!(places[0].1.contains("my-github"), "its log tells of the connector");
}

#[test]
fn a_secret_may_come_later_and_change_and_is_shown_nowhere() {
    let mut world = World::without_operator("secrets");
    world.run(&["--log-level", "TRACE"]);
    world.apply_all([&connector()]);
    until_refused(&world, "secrets \"my-secret\" not found");

    world.apply_all([&secret("first-value-hunter2", Some("my-github"))]);
    until_has(&world, "first-value-hunter2");
    world.apply_all([&secret("second-value-hunter3", Some("other, my-github"))]);
    until_has(&world, "second-value-hunter3");
    // A write that Teleport refuses must not show what was in it either.
    let fault =
        json!({"method": "Up*GithubConnector*", "code": "INVALID_ARGUMENT", "message": "no such luck"});
    world.target.inject(&fault);
    world.apply_all([&secret("third-value-hunter4", Some("*"))]);
    let message = "Teleport returned the error: no such luck";
    world.until_says(KIND, "my-github", ("SuccessfullyReconciled", "False", "TeleportError", message));
    world.apply_all([&secret("fourth-value-hunter5", Some("*"))]);
    until_has(&world, "fourth-value-hunter5");

    let values =
        ["first-value-hunter2", "second-value-hunter3", "third-value-hunter4", "fourth-value-hunter5"];
    assert_shown_nowhere(&world, &values);
}

#[test]
fn a_secret_that_does_not_allow_it_is_not_read() {
    let world = World::new("secrets-refused");
    world.apply_all([&secret("hidden-value-hunter2", None), &connector()]);
    until_refused(&world, &format!("secret \"my-secret\" doesn't have the \"{ALLOW}\" annotation"));

    world.apply_all([&secret("hidden-value-hunter2", Some("somebody,my-github-2"))]);
    let why =
        format!("secret \"my-secret\" have the annotation \"{ALLOW}\" but it does not contain \"my-github\"");
    until_refused(&world, &why);

    let mut other_key = secret("hidden-value-hunter2", Some("*"));
    other_key["data"] = json!({"other": STANDARD.encode("hidden-value-hunter2")});
    world.kubectl(&["delete", "secret", "my-secret"]);
    world.apply_all([&other_key]);
    until_refused(&world, "secret \"my-secret\" is missing key \"key\"");
    assert_shown_nowhere(&world, &["hidden-value-hunter2"]);
}

#[test]
fn a_secret_that_changes_while_it_is_first_used_is_used_again() {
    let world = World::new("secrets-race");
    let mut plain = connector();
    plain["spec"]["client_secret"] = json!("in the object itself");
    world.apply_all([&secret("first-value", Some("*")), &plain]);
    until_has(&world, "in the object itself");

    let method = "/proto.AuthService/UpdateGithubConnector";
    world.target.inject(&json!({"method": "UpdateGithubConnector", "latency_ms": 3000}));
    world.apply_all([&connector()]);
    world.until("the write is under way", || world.target.calls().get(method).copied());
    assert_eq!(live(&world).as_deref(), Some("in the object itself"));
    world.apply_all([&secret("second-value", Some("*"))]);
    until_has(&world, "second-value");
}
