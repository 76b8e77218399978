//! Changes that somebody else makes in Teleport: undone where they matter, left alone where they don't.
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::role;
use crate::world::World;

const KIND: &str = "TeleportRoleV7";

/// A world that is scanned often, with a role in sync.
fn world(namespace: &str) -> World {
    let mut world = World::without_operator(namespace);
    world.run(&["--sync-period", "2s"]);
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready(KIND, "my-role");
    world
}

fn live(world: &World) -> Option<Value> {
    world.target.resource("role", "my-role").map(|stored| stored.json)
}

/// Stores the role as `change` leaves it, and waits until it is again as it was.
fn is_undone(world: &World, change: impl FnOnce(&mut Value)) {
    let before = live(world).expect("it is there");
    let mut changed = before.clone();
    change(&mut changed);
    assert_ne!(changed, before);
    world.target.put("role", "my-role", &changed);
    world.until("the change is undone", || (live(world).as_ref() == Some(&before)).then_some(()));
    world.until("an event tells", || {
        world.events(KIND, "my-role").into_iter().find(|(_, reason, _)| reason == "Reverted")
    });
    world.until_ready(KIND, "my-role");
}

#[test]
fn a_change_is_undone() {
    let world = world("drift");
    is_undone(&world, |role| role["spec"]["allow"]["logins"] = json!(["root", "intruder"]));
}

/// The object says nothing of it, but it is not as it was when the operator wrote it.
#[test]
fn a_change_of_what_was_left_to_the_server_is_undone() {
    let world = world("drift-default");
    is_undone(&world, |role| role["spec"]["options"]["max_session_ttl"] = json!("1000h0m0s"));
}

#[test]
fn a_deleted_resource_is_made_again() {
    let world = world("drift-deletion");
    let before = live(&world);
    world.target.remove("role", "my-role");
    world.until("it is there again", || live(&world).filter(|live| Some(live) == before.as_ref()));
    world.until_ready(KIND, "my-role");
}

#[test]
fn a_write_that_changes_nothing_is_let_be() {
    let world = world("drift-nothing");
    let before = world.target.resource("role", "my-role").expect("it is there");
    let (writes, version) = (world.target.writes().len(), world.get(KIND, "my-role").version().to_owned());
    world.target.put("role", "my-role", &before.json);
    let scans = |world: &World| world.target.calls().into_iter().find(|(m, _)| m.ends_with("/ListRoles"));
    let scanned = scans(&world).map_or(0, |(_, count)| count);
    // What was written lately is looked at in a later scan.
    world.stays("only that write was made", Duration::from_secs(10), || {
        world.target.writes().len() == writes + 1
    });
    assert!(scans(&world).map_or(0, |(_, count)| count) >= scanned + 3, "scans went on");
    assert_eq!(world.get(KIND, "my-role").version(), version);
}
