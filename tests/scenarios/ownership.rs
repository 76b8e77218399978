//! What isn't the operator's is left alone, and what its owner wants left alone too.
use std::time::Duration;

use serde_json::json;

use crate::manifests::{role, stored_role};
use crate::world::World;

/// Long enough for what is done at once, and for a first retry.
const WHILE: Duration = Duration::from_secs(3);

#[test]
fn a_resource_of_somebody_else_is_refused_and_stays_as_it_is() {
    let world = World::without_operator("ownership");
    world.target.put("role", "my-role", &stored_role("my-role", &["somebody"], false));
    let before = world.target.resource("role", "my-role");
    let mut world = world;
    world.run(&[]);
    world.apply_all([&role("my-role", &["root"])]);
    let text = "A resource with the same name already exists in Teleport and does not have the Kubernetes origin \
                label. Refusing to reconcile. The annotation `resources.teleport.dev/adopt: always` has it taken over.";
    let says = ("TeleportResourceOwned", "False", "OriginLabelNotMatching", text);
    let object = world.until_says("TeleportRoleV7", "my-role", says);
    assert_eq!(object.condition("Ready").expect("a condition").0, "False");
    world.stays("the resource is untouched", WHILE, || world.target.resource("role", "my-role") == before);

    world.patch("TeleportRoleV7", "my-role", &json!({"spec": {"allow": {"logins": ["other"]}}}));
    world.until("the change is seen", || {
        let object = world.get("TeleportRoleV7", "my-role");
        (&object.0["status"]["observedGeneration"] == object.generation()).then_some(())
    });
    assert_eq!(world.target.resource("role", "my-role"), before);

    world.delete("TeleportRoleV7", "my-role");
    world.until_gone("TeleportRoleV7", "my-role");
    assert_eq!(world.target.resource("role", "my-role"), before);
}

#[test]
fn a_resource_that_is_marked_as_ours_is_taken_over() {
    let world = World::new("ownership-marked");
    world.target.put("role", "my-role", &stored_role("my-role", &["before"], true));
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready("TeleportRoleV7", "my-role");
    let live = world.target.resource("role", "my-role").expect("it is there");
    assert_eq!(live.json["spec"]["allow"]["logins"], json!(["root"]));
}

#[test]
fn a_kept_resource_stays_when_its_object_goes() {
    let world = World::new("ownership-keep");
    let mut kept = role("my-role", &["root"]);
    kept["metadata"]["annotations"] = json!({"teleport.dev/keep": "true"});
    world.apply_all([&kept]);
    world.until_ready("TeleportRoleV7", "my-role");
    let before = world.target.resource("role", "my-role");
    assert!(before.is_some());
    world.delete("TeleportRoleV7", "my-role");
    world.until_gone("TeleportRoleV7", "my-role");
    assert_eq!(world.target.resource("role", "my-role"), before);
}

#[test]
fn an_ignored_object_is_left_alone_until_it_is_no_longer() {
    let world = World::new("ownership-ignore");
    let mut ignored = role("my-role", &["root"]);
    ignored["metadata"]["annotations"] = json!({"teleport.dev/ignore": "true"});
    world.apply_all([&ignored]);
    let before = world.get("TeleportRoleV7", "my-role");
    world.stays("nothing is done", WHILE, || {
        let object = world.get("TeleportRoleV7", "my-role");
        object.version() == before.version() && world.target.resource("role", "my-role").is_none()
    });

    world.kubectl(&["annotate", "TeleportRoleV7", "my-role", "teleport.dev/ignore-"]);
    world.until_ready("TeleportRoleV7", "my-role");
    assert!(world.target.resource("role", "my-role").is_some());

    world.kubectl(&["annotate", "TeleportRoleV7", "my-role", "teleport.dev/ignore=true"]);
    let live = world.target.resource("role", "my-role");
    world.patch("TeleportRoleV7", "my-role", &json!({"spec": {"allow": {"logins": ["other"]}}}));
    world.delete("TeleportRoleV7", "my-role");
    world.stays("neither is changed", WHILE, || {
        let there = world.find("TeleportRoleV7", "my-role").is_some();
        there && world.target.resource("role", "my-role") == live
    });
}

/// A write that is under way while somebody replaces the resource must not hit theirs.
#[test]
fn a_resource_that_changes_hands_during_a_write_is_not_overwritten() {
    let world = World::new("ownership-race");
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready("TeleportRoleV7", "my-role");
    let updates = |world: &World| world.target.calls().get("/proto.AuthService/UpdateRole").copied();
    world.target.inject(&json!({"method": "UpdateRole", "latency_ms": 3000}));
    world.apply_all([&role("my-role", &["root", "admin"])]);
    world.until("the write is under way", || updates(&world));
    world.target.put("role", "my-role", &stored_role("my-role", &["somebody"], false));
    let theirs = world.target.resource("role", "my-role");

    world.until("it is refused", || {
        let object = world.get("TeleportRoleV7", "my-role");
        object.condition("TeleportResourceOwned").filter(|(status, ..)| status == "False")
    });
    assert_eq!(world.target.resource("role", "my-role"), theirs);
}
