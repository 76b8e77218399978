//! Objects that go, and what becomes of their resources.
use serde_json::{Value, json};

use crate::manifests::{role, user};
use crate::world::World;

#[test]
fn a_deleted_object_takes_its_resource_with_it() {
    let world = World::new("deletion");
    world.apply_all([&role("my-role", &["root"])]);
    assert!(world.until_ready("TeleportRoleV7", "my-role").has_finalizer());
    assert!(world.target.resource("role", "my-role").is_some());

    world.delete("TeleportRoleV7", "my-role");
    world.until_gone("TeleportRoleV7", "my-role");
    assert!(world.target.resource("role", "my-role").is_none());
}

/// A role that a user has can't be deleted: the object stays and says why.
fn blocked(namespace: &str) -> World {
    let world = World::new(namespace);
    world.apply_all([&role("my-role", &["root"]), &user("my-user", &["my-role"])]);
    world.until_ready("TeleportUser", "my-user");

    world.delete("TeleportRoleV7", "my-role");
    let refusal = "Teleport returned the error: failed to delete a role that is still in use by a user, check the \
                   system server logs for more details";
    let says = ("SuccessfullyReconciled", "False", "TeleportError", refusal);
    let object = world.until_says("TeleportRoleV7", "my-role", says);
    assert!(object.has_finalizer());
    assert_eq!(object.condition("Ready").expect("a condition").0, "False");
    world.until("an event tells why", || {
        let events = world.events("TeleportRoleV7", "my-role");
        events.into_iter().find(|(kind, reason, note)| {
            (kind.as_str(), reason.as_str(), note.as_str()) == ("Warning", "TeleportError", refusal)
        })
    });
    assert!(world.target.resource("role", "my-role").is_some());
    world
}

#[test]
fn a_role_in_use_stays_until_its_user_goes() {
    let world = blocked("deletion-blocked");
    world.delete("TeleportUser", "my-user");
    world.until_gone("TeleportUser", "my-user");
    world.until_gone("TeleportRoleV7", "my-role");
    assert!(world.target.resource("user", "my-user").is_none());
    assert!(world.target.resource("role", "my-role").is_none());
}

#[test]
fn a_blocked_object_is_released_by_hand_and_its_resource_stays() {
    let world = blocked("deletion-by-hand");
    let before = world.target.resource("role", "my-role");
    world.patch("TeleportRoleV7", "my-role", &json!({"metadata": {"finalizers": Value::Null}}));
    world.until_gone("TeleportRoleV7", "my-role");
    // What would delete it has its turn when a write goes through.
    world.apply_all([&role("another", &["root"])]);
    world.until_ready("TeleportRoleV7", "another");
    world.delete("TeleportUser", "my-user");
    world.until_gone("TeleportUser", "my-user");
    assert_eq!(world.target.resource("role", "my-role"), before);
}

#[test]
fn an_object_of_a_resource_that_is_gone_already_goes() {
    let world = World::new("deletion-gone");
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready("TeleportRoleV7", "my-role");
    world.target.remove("role", "my-role");
    world.delete("TeleportRoleV7", "my-role");
    world.until_gone("TeleportRoleV7", "my-role");
    assert!(world.target.resource("role", "my-role").is_none());
}

#[test]
fn an_object_that_never_was_valid_goes() {
    let world = World::new("deletion-invalid");
    let mut invalid = role("my-role", &["root"]);
    invalid["spec"]["options"] = json!({"max_session_ttl": "soon"});
    world.apply_all([&invalid]);
    world.until("it is refused", || {
        let object = world.get("TeleportRoleV7", "my-role");
        object.condition("ValidStructure").filter(|(status, ..)| status == "False")
    });
    world.delete("TeleportRoleV7", "my-role");
    world.until_gone("TeleportRoleV7", "my-role");
}
