//! Objects that refer to others which are not there yet.
use crate::manifests::{role, user};
use crate::world::World;

const NOT_SYNCED: (&str, &str, &str, &str) = (
    "SuccessfullyReconciled",
    "False",
    "TeleportError",
    "Teleport returned the error: role my-non-existing-role is not found",
);

#[test]
fn a_user_waits_for_its_role_and_heals_untouched() {
    let world = World::new("references");
    world.apply_all([&user("my-user", &["my-non-existing-role"])]);
    let waiting = world.until_says("TeleportUser", "my-user", NOT_SYNCED);
    let says = |condition| waiting.condition(condition).expect("a condition");
    assert_eq!(says("ValidStructure").0, "True");
    let (status, reason, message) = says("TeleportResourceOwned");
    assert_eq!((status.as_str(), reason.as_str()), ("True", "NewResource"));
    assert_eq!(
        message,
        "No existing Teleport Resource found with that name. The created Resource is owned by the operator."
    );
    assert_eq!(says("Ready").0, "False");
    assert!(world.target.resource("user", "my-user").is_none());

    world.apply_all([&role("my-non-existing-role", &["root"])]);
    let healed = world.until_ready("TeleportUser", "my-user");
    assert_eq!(healed.generation(), waiting.generation());
    assert!(world.target.resource("user", "my-user").is_some());
}

/// The texts that Teleport's documentation shows for a user that exists.
#[test]
fn a_user_that_exists_keeps_its_roles_while_a_new_one_is_missing() {
    let world = World::new("references-update");
    world.apply_all([&user("my-user", &["access"])]);
    world.until_ready("TeleportUser", "my-user");

    world.apply_all([&user("my-user", &["my-non-existing-role"])]);
    let waiting = world.until_says("TeleportUser", "my-user", NOT_SYNCED);
    let owned = waiting.condition("TeleportResourceOwned").expect("a condition");
    let text = "Teleport resource has the Kubernetes origin label.";
    assert_eq!(owned, ("True".into(), "OriginLabelMatching".into(), text.into()));
    let live = world.target.resource("user", "my-user").expect("it is there");
    assert_eq!(live.json["spec"]["roles"], serde_json::json!(["access"]));

    world.apply_all([&role("my-non-existing-role", &["root"])]);
    world.until_ready("TeleportUser", "my-user");
    let live = world.target.resource("user", "my-user").expect("it is there");
    assert_eq!(live.json["spec"]["roles"], serde_json::json!(["my-non-existing-role"]));
}
