//! Teleport is away, or answers a write that it made with an error.
use std::time::Duration;

use serde_json::json;

use crate::manifests::{role, user};
use crate::world::World;

const KIND: &str = "TeleportRoleV7";

#[test]
fn an_outage_churns_no_status_and_all_is_in_sync_soon_after() {
    const ROLES: [&str; 3] = ["one", "two", "three"];
    let world = World::new("outages");
    world.apply_all(&ROLES.map(|name| role(name, &["root"])));
    for name in ROLES {
        world.until_ready(KIND, name);
    }
    let (writes, written) = (world.target.writes().len(), world.kubernetes_writes());
    world.target.unavailable(true);
    world.apply_all(&ROLES.map(|name| role(name, &["root", "admin"])));
    world.stays("no status is written", Duration::from_secs(5), || world.kubernetes_writes() == written);
    for name in ROLES {
        let (status, ..) = world.get(KIND, name).condition("Ready").expect("a condition");
        assert_eq!(status, "True", "{name}: an outage says nothing about an object");
    }

    world.target.unavailable(false);
    for name in ROLES {
        world.until_ready(KIND, name);
        let live = world.target.resource("role", name).expect("it is there");
        assert_eq!(live.json["spec"]["allow"]["logins"], json!(["root", "admin"]));
    }
    assert_eq!(world.target.writes().len(), writes + ROLES.len());
}

/// The next call of this method takes effect, and is answered as if it had not.
fn lose_answer(world: &World, method: &str) {
    let message = "the answer is lost";
    world
        .target
        .inject(&json!({"method": method, "code": "UNAVAILABLE", "message": message, "applied": true}));
}

#[test]
fn a_write_whose_answer_is_lost_is_neither_lost_nor_doubled() {
    let world = World::new("outages-lost-answers");
    let writes = |method: &str| {
        let writes = world.target.writes();
        writes.iter().filter(|write| write.method.ends_with(method)).count()
    };
    let logins = || {
        world.target.resource("role", "my-role").expect("it is there").json["spec"]["allow"]["logins"].take()
    };
    lose_answer(&world, "CreateRole");
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready(KIND, "my-role");
    assert_eq!((writes("/CreateRole"), logins()), (1, json!(["root"])));

    lose_answer(&world, "UpdateRole");
    world.apply_all([&role("my-role", &["root", "admin"])]);
    world.until("the edit has arrived", || (logins() == json!(["root", "admin"])).then_some(()));
    world.until_ready(KIND, "my-role");
    assert_eq!(writes("/CreateRole"), 1);

    lose_answer(&world, "DeleteRole");
    world.delete(KIND, "my-role");
    world.until_gone(KIND, "my-role");
    assert!(world.target.resource("role", "my-role").is_none());
    assert_eq!(writes("/DeleteRole"), 1);
}

#[test]
fn what_is_deleted_during_an_outage_goes_after_it() {
    let world = World::new("outages-deletion");
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready(KIND, "my-role");
    world.target.unavailable(true);
    world.delete(KIND, "my-role");
    world.stays("it waits", Duration::from_secs(3), || {
        world.find(KIND, "my-role").is_some_and(|object| object.has_finalizer())
    });
    world.target.unavailable(false);
    world.until_gone(KIND, "my-role");
    assert!(world.target.resource("role", "my-role").is_none());
}

/// As after a restore from nothing: other authorities, another identity, and an empty store.
#[test]
fn a_target_that_is_replaced_by_an_empty_one_is_filled_again() {
    let mut world = World::without_operator("outages-replaced");
    world.run(&["--sync-period", "2s"]);
    world.apply_all([&role("my-role", &["root"]), &user("my-user", &["my-role"])]);
    world.until_ready("TeleportUser", "my-user");
    world.replace_target();
    world.until("all is made again", || {
        world.target.resource("role", "my-role").and(world.target.resource("user", "my-user"))
    });
    world.until_ready(KIND, "my-role");
    world.until_ready("TeleportUser", "my-user");
}

#[test]
fn a_target_that_wants_fewer_calls_gets_them_all_in_the_end() {
    let world = World::new("outages-limited");
    let fault =
        json!({"method": "CreateRole", "code": "RESOURCE_EXHAUSTED", "message": "slow down", "times": 8});
    world.target.inject(&fault);
    let roles: Vec<_> = (0..6).map(|index| role(&format!("role-{index}"), &["root"])).collect();
    world.apply_all(&roles);
    world.until_all_ready(roles.len());
    assert_eq!(world.target.writes().len(), roles.len());
}
