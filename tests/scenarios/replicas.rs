//! Two operators for the same objects: one writes, the other takes over.
use std::time::Duration;

use crate::manifests::role;
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
