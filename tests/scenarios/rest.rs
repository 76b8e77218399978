//! All kinds at rest: scans, restarts and the writes of others that change nothing cost nothing, and all goes together.
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::manifests::{examples, is_synced, refusal};
use crate::world::World;

/// More than the cache's lag, and than the time for which a list may still be without our own writes.
const SCANS: u64 = 8;

/// There are roles among the examples.
const LIST_ROLES: &str = "/proto.AuthService/ListRoles";

/// A world with all examples that the server takes in sync, scanned each second.
fn world(namespace: &str) -> (World, Vec<Value>) {
    let mut world = World::without_operator(namespace);
    world.allow_all_kinds();
    world.run(&["--sync-period", "1s"]);
    let mut examples = examples();
    examples.retain(|example| refusal(&example["kind"]).is_none());
    world.apply_all(&examples);
    world.until_all_ready(examples.iter().filter(|example| is_synced(example)).count());
    world.until_listed(LIST_ROLES, SCANS);
    (world, examples)
}

/// Sees that nobody writes anything for a few scans.
fn rests(world: &World, why: &str) {
    let (target, kubernetes) = (world.target.writes().len(), world.all_kubernetes_writes());
    world.until_listed(LIST_ROLES, SCANS);
    let (target_now, kubernetes_now) = (world.target.writes(), world.all_kubernetes_writes());
    let more = (&target_now[target..], &kubernetes_now[kubernetes.len()..]);
    assert!(more.0.is_empty() && more.1.is_empty(), "{why}: {more:?}\n{}", world.report());
}

#[test]
fn scans_restarts_and_writes_that_change_nothing_cost_nothing() {
    let (mut world, _) = world("rest");
    let mut written: BTreeMap<_, usize> = BTreeMap::new();
    for write in world.target.writes() {
        *written.entry((write.kind, write.name)).or_default() += 1;
    }
    let twice: Vec<_> = written.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "written more than once: {twice:?}");
    rests(&world, "scans");

    world.operator().signal("TERM");
    assert!(world.operator().wait(Duration::from_secs(30)).is_some_and(|status| status.success()));
    world.run(&["--sync-period", "1s"]);
    rests(&world, "after a restart");

    for (kind, resources) in world.target.dump() {
        for (name, stored) in resources {
            if written.contains_key(&(kind.clone(), name.clone())) {
                world.target.put(&kind, &name, &stored.json);
            }
        }
    }
    rests(&world, "after writes that changed nothing");
}

#[test]
fn all_goes_in_one_go() {
    let (world, examples) = world("rest-deletion");
    let ours = |world: &World| {
        let dump = world.target.dump().into_values().flat_map(BTreeMap::into_values);
        dump.filter(|stored| stored.json["metadata"]["labels"]["teleport.dev/origin"] == "kubernetes").count()
    };
    assert!(ours(&world) > 0);
    // In this order roles would go before the users that have them: they are blocked until those are gone.
    let mut objects: Vec<_> = examples.iter().filter(|example| is_synced(example)).collect();
    objects
        .sort_by_key(|object| !object["kind"].as_str().is_some_and(|kind| kind.starts_with("TeleportRole")));
    world.delete_all(objects);
    world.until("all are gone", || world.all().is_empty().then_some(()));
    assert_eq!(ours(&world), 0);
}
