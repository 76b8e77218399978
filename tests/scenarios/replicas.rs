//! Two operators for the same objects: one writes, the other takes over.
use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::manifests::role;
use crate::operator::Operator;
use crate::world::World;

/// Generous: it takes well under a second when nothing is under way.
const END: Duration = Duration::from_secs(20);

#[test]
fn one_replica_writes_and_the_other_takes_over() {
    let mut world = World::new("replicas");
    world.apply_all([&role("first", &["root"])]);
    world.until_ready("TeleportRoleV7", "first");
    let second = world.replica("second.log", &[]);
    world.until("the second one is ready", || second.health("/readyz").filter(|(status, _)| *status == 200));
    world.apply_all([&role("second", &["root"])]);
    world.until_ready("TeleportRoleV7", "second");
    let changes = |log: String| log.lines().filter(|line| line.contains(r#""component":"change""#)).count();
    assert_eq!((changes(world.log()), changes(second.log())), (2, 0));

    let written = world.kubernetes_writes();
    world.operator().signal("TERM");
    assert!(world.operator().wait(END).is_some_and(|status| status.success()));
    world.apply_all([&role("third", &["root"])]);
    world.until_ready("TeleportRoleV7", "third");
    assert_eq!((changes(world.log()), changes(second.log())), (2, 1));
    // The finalizer and one status of the third; those of the others are as the first replica left them.
    assert_eq!(world.kubernetes_writes().len(), written.len() + 2);
}

/// The shards for which a replica writes.
fn shards(replica: &Operator) -> BTreeSet<u64> {
    let state: Value = serde_json::from_str(&replica.metrics("/debug/state")).expect("JSON");
    let shards = state["shards"].as_array().expect("a list").iter().filter(|shard| shard["writes"] == true);
    shards.filter_map(|shard| shard["shard"].as_u64()).collect()
}

fn changes(replica: &Operator) -> usize {
    replica.log().lines().filter(|line| line.contains(r#""component":"change""#)).count()
}

/// Every object is written by one replica, and by another one when that ends, in peace or not.
#[test]
fn shards_are_shared_out_and_taken_over() {
    const ROLES: usize = 20;
    let world = World::without_operator("shards");
    let start = |log: &str| {
        let replica = world.replica(log, &["--shards", "2"]);
        world.until("it is ready", || replica.health("/readyz").filter(|(status, _)| *status == 200));
        replica
    };
    let mut first = start("first.log");
    world.until("the first replica has a shard", || (shards(&first).len() == 1).then_some(()));
    let second = start("second.log");
    world.until("each has one", || (shards(&second).len() == 1).then_some(()));
    assert!(shards(&first).is_disjoint(&shards(&second)));
    let roles = |logins: &[&str]| (0..ROLES).map(|n| role(&format!("role-{n}"), logins)).collect::<Vec<_>>();
    let edited = |logins: &[&str], writes: usize| {
        world.apply_all(&roles(logins));
        world.until("all are written", || (world.target.writes().len() >= writes).then_some(()));
        world.until_all_ready(ROLES);
        assert_eq!(world.target.writes().len(), writes, "each once, by one replica");
    };
    edited(&["root"], ROLES);
    let (by_first, by_second) = (changes(&first), changes(&second));
    assert!(by_first > 0 && by_second > 0 && by_first + by_second == ROLES, "{by_first} {by_second}");

    first.signal("TERM");
    assert!(first.wait(END).is_some_and(|status| status.success()));
    edited(&["root", "admin"], 2 * ROLES);
    assert_eq!((changes(&second), shards(&second).len()), (by_second + ROLES, 2));

    // The third one stands by until the second is dead, and the Leases have run out.
    let third = start("third.log");
    assert_eq!(shards(&third).len(), 0);
    second.kill();
    edited(&["root", "admin", "guest"], 3 * ROLES);
    assert_eq!((changes(&third), shards(&third).len()), (ROLES, 2));
}
