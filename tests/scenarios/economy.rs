//! What a change costs: no call and no write more than it takes.
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::Entry;
use crate::manifests::{object, role, user};
use crate::world::World;

/// Long enough for an echo of our own writes to come back through watches and caches.
const WHILE: Duration = Duration::from_secs(3);

/// Applies an object and waits until it is in sync and stays quiet; gives the writes to Kubernetes and the calls of the
/// target that it took. Its watch gave all that there was to know of it: it is not read.
fn cost(world: &World, object: &Value) -> (Vec<Entry>, BTreeMap<String, u64>) {
    let (written, called) = (world.kubernetes_writes(), world.target.calls());
    let read = world.kubernetes_reads();
    world.apply_all([object]);
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    world.until_ready(&kind, &name);
    let (writes, calls) = (world.kubernetes_writes(), world.target.calls());
    world.stays("nothing more is done", WHILE, || {
        world.kubernetes_writes() == writes && world.target.calls() == calls
    });
    assert_eq!(world.kubernetes_reads(), read);
    let mut more = BTreeMap::new();
    for (method, count) in calls {
        let count = count - called.get(&method).copied().unwrap_or_default();
        more.extend((count > 0).then_some((method, count)));
    }
    (writes[written.len()..].to_vec(), more)
}

fn patched(resource: &str, name: &str) -> Entry {
    Entry { verb: "patch".to_owned(), resource: resource.to_owned(), name: name.to_owned(), code: 200 }
}

fn calls<const N: usize>(methods: [&str; N]) -> BTreeMap<String, u64> {
    methods.map(|method| (method.to_owned(), 1)).into()
}

/// A new object costs its finalizer, one status, and one call: the create that fails on an existing name.
#[test]
fn a_new_object_takes_two_writes_and_one_call() {
    let world = World::new("economy");
    world.until_operator_ready();
    let bot = object("v1", "TeleportBotV1", "my-bot", &json!({"roles": ["access"]}));
    for (object, resource, method) in [
        (role("my-role", &["root"]), "teleportrolesv7", "/proto.AuthService/CreateRole"),
        (user("my-user", &["access"]), "teleportusers", "/teleport.users.v1.UsersService/CreateUser"),
        (bot, "teleportbotsv1", "/teleport.machineid.v1.BotService/CreateBot"),
    ] {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let (writes, called) = cost(&world, &object);
        assert_eq!(writes, [patched(resource, name), patched(&format!("{resource}/status"), name)]);
        assert_eq!(called, calls([method]));
    }
}

#[test]
fn an_edit_takes_one_write_and_two_calls() {
    let world = World::new("economy-edit");
    world.until_operator_ready();
    cost(&world, &role("my-role", &["root"]));
    let (writes, called) = cost(&world, &role("my-role", &["root", "admin"]));
    assert_eq!(writes, [patched("teleportrolesv7/status", "my-role")]);
    assert_eq!(called, calls(["/proto.AuthService/GetRole", "/proto.AuthService/UpdateRole"]));

    // What does not change the resource costs nothing.
    world.kubectl(&["annotate", "TeleportRoleV7", "my-role", "somebody.example.com/note=hello"]);
    let (writes, called) = (world.kubernetes_writes(), world.target.calls());
    world.stays("a note of somebody else costs nothing", WHILE, || {
        world.kubernetes_writes() == writes && world.target.calls() == called
    });
}
