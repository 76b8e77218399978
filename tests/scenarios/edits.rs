//! Changes of an object, and what Teleport has afterwards.
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::{object, role};
use crate::world::World;

/// Waits until the object is in sync; gives what Teleport has.
fn live(world: &World, object: (&str, &str), resource: (&str, &str)) -> Value {
    world.until_ready(object.0, object.1);
    world.target.resource(resource.0, resource.1).expect("it is there").json
}

/// The origin label is ours, the others are the object's.
fn labels(mut more: Value) -> Value {
    more["teleport.dev/origin"] = json!("kubernetes");
    more
}

#[test]
fn edits_labels_and_the_description_are_reflected() {
    let world = World::new("edits");
    let (kind, name) = ("TeleportRoleV7", "my-role");
    let mut edited = role(name, &["root"]);
    edited["metadata"]["labels"] = json!({"team": "one", "env": "test"});
    edited["metadata"]["annotations"] = json!({"description": "the first"});
    world.apply_all([&edited]);
    let live = || live(&world, (kind, name), ("role", name));
    let first = live();
    assert_eq!(first["spec"]["allow"]["logins"], json!(["root"]));
    assert_eq!(first["metadata"]["labels"], labels(json!({"team": "one", "env": "test"})));
    assert_eq!(first["metadata"]["description"], "the first");

    world.patch(kind, name, &json!({"spec": {"allow": {"logins": ["root", "admin"]}}}));
    assert_eq!(live()["spec"]["allow"]["logins"], json!(["root", "admin"]));

    // A change of labels or annotations leaves the generation as it is: only Teleport tells that it has arrived.
    let becomes = |what: &str, path: &str, expected: Value| {
        world.until(what, || (live().pointer(path).unwrap_or(&Value::Null) == &expected).then_some(()));
    };
    world.kubectl(&["label", kind, name, "team=two", "env-", "--overwrite"]);
    becomes("labels follow", "/metadata/labels", labels(json!({"team": "two"})));
    world.kubectl(&["annotate", kind, name, "description=the second", "--overwrite"]);
    becomes("the description follows", "/metadata/description", json!("the second"));
    world.kubectl(&["annotate", kind, name, "description-"]);
    becomes("the description goes", "/metadata/description", Value::Null);
    assert_eq!(live()["spec"]["allow"]["logins"], json!(["root", "admin"]));
}

#[test]
fn a_removed_field_goes_back_to_the_default_of_the_server() {
    let world = World::new("edits-removal");
    let (kind, name) = ("TeleportRoleV7", "my-role");
    world.apply_all([&role("plain", &["root"])]);
    let default = live(&world, (kind, "plain"), ("role", "plain"))["spec"]["options"].take();
    assert_eq!(default["max_session_ttl"], "30h0m0s");

    let mut object = role(name, &["root"]);
    object["spec"]["options"] = json!({"max_session_ttl": "8h", "forward_agent": true});
    world.apply_all([&object]);
    let set = live(&world, (kind, name), ("role", name));
    assert_eq!(set["spec"]["options"]["max_session_ttl"], "8h0m0s");
    assert_eq!(set["spec"]["options"]["forward_agent"], true);

    world.apply_all([&role(name, &["root"])]);
    assert_eq!(live(&world, (kind, name), ("role", name))["spec"]["options"], default);
}

/// A kind of the newer style, with a service of its own and no spelled-out update.
#[test]
fn a_bot_is_edited_as_a_whole() {
    let world = World::new("edits-bot");
    let bot = |roles: &[&str], traits: Value| {
        object("v1", "TeleportBotV1", "my-bot", &json!({"roles": roles, "traits": traits}))
    };
    world.apply_all([&bot(&["access"], json!([{"name": "logins", "values": ["root"]}]))]);
    let live = || live(&world, ("TeleportBotV1", "my-bot"), ("bot", "my-bot"));
    assert_eq!(live()["spec"]["traits"], json!([{"name": "logins", "values": ["root"]}]));

    world.apply_all([&bot(&["access", "auditor"], json!([]))]);
    let spec = &live()["spec"];
    assert_eq!(spec["roles"], json!(["access", "auditor"]));
    assert!(spec["traits"].as_array().is_none_or(Vec::is_empty), "{spec}");
}

/// What the operator does not manage survives its writes.
#[test]
fn who_created_a_user_is_kept() {
    let world = World::new("edits-preserve");
    let user = |login: &str| {
        let spec = json!({"roles": ["access"], "traits": {"logins": [login]}});
        object("v2", "TeleportUser", "my-user", &spec)
    };
    world.apply_all([&user("one")]);
    let live = || live(&world, ("TeleportUser", "my-user"), ("user", "my-user"));
    let created_by = live()["spec"]["created_by"].take();
    assert_eq!(created_by["user"]["name"], "bot-operator");

    world.apply_all([&user("two")]);
    let edited = live();
    assert_eq!(edited["spec"]["traits"]["logins"], json!(["two"]));
    assert_eq!(edited["spec"]["created_by"], created_by);
}

/// Teleport answers reads from a cache that is behind its own writes: no edit is lost or undone by that.
#[test]
fn edits_in_quick_succession_end_with_the_last() {
    let world = World::new("edits-quick");
    let (kind, name) = ("TeleportRoleV7", "my-role");
    for index in 0..8 {
        world.apply_all([&role(name, &[&format!("login-{index}")])]);
    }
    assert_eq!(live(&world, (kind, name), ("role", name))["spec"]["allow"]["logins"], json!(["login-7"]));
    world.stays("it stays so", Duration::from_secs(3), || {
        let live = world.target.resource("role", name).expect("it is there");
        live.json["spec"]["allow"]["logins"] == json!(["login-7"])
    });

    world.kubectl(&["delete", kind, name]);
    world.apply_all([&role(name, &["again"])]);
    assert_eq!(live(&world, (kind, name), ("role", name))["spec"]["allow"]["logins"], json!(["again"]));
}
