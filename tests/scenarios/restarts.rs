//! The operator dies and comes back: what it was doing is finished, and what was done is not done again.
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::manifests::role;
use crate::world::World;

/// As many as the issue of the hour takes to be interrupted in the middle.
const MANY: usize = 200;

fn name(index: usize) -> String {
    format!("role-{index:03}")
}

fn versions(world: &World) -> BTreeMap<String, String> {
    world.all().iter().map(|object| (object.name().to_owned(), object.version().to_owned())).collect()
}

#[test]
fn a_killed_operator_loses_and_doubles_nothing_and_a_restart_writes_nothing() {
    let mut world = World::new("restarts");
    world.until_operator_ready();
    let roles: Vec<Value> = (0..MANY).map(|index| role(&name(index), &["root"])).collect();
    let ours = |world: &World| world.target.writes().len();
    let operator = world.operator.take().expect("the operator runs");
    thread::scope(|scope| {
        scope.spawn(|| world.apply_all(&roles));
        world.until("a few are made", || (ours(&world) > MANY / 10).then_some(()));
        operator.kill();
    });
    assert!(ours(&world) < MANY, "it was killed in the middle");
    world.run(&[]);
    world.until_all_ready(MANY);
    let mut created = BTreeMap::new();
    for write in world.target.writes().iter().filter(|write| write.method.ends_with("/CreateRole")) {
        *created.entry(write.name.clone()).or_insert(0) += 1;
    }
    assert_eq!(created, (0..MANY).map(|index| (name(index), 1)).collect());

    world.operator().signal("TERM");
    assert!(world.operator().wait(Duration::from_secs(30)).is_some_and(|status| status.success()));
    let (versions_before, writes, kubernetes) =
        (versions(&world), ours(&world), world.all_kubernetes_writes());
    let reads = world.kubernetes_reads();
    // With scans: what they find must be as it is remembered.
    world.run(&["--sync-period", "1s"]);
    world.until_operator_ready();
    world.stays("nothing is written", Duration::from_secs(5), || {
        ours(&world) == writes && world.all_kubernetes_writes() == kubernetes
    });
    assert!(world.target.calls().keys().any(|method| method.ends_with("/ListRoles")), "there was a scan");
    assert_eq!(versions(&world), versions_before);
    assert_eq!(world.kubernetes_reads(), reads);
    // What is at rest as its watch gives it does not even have a pass.
    let metrics = world.operator().metrics("/metrics");
    let of_roles = |name: &str| {
        let mut lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.find(|line| line.contains(r#"kind="TeleportRoleV7""#) && !line.ends_with(" 0"))
    };
    assert_eq!(of_roles("teleport_operator_reconcile_total"), None);
    let ready = of_roles("teleport_operator_objects{").expect("they are counted");
    assert!(ready.contains(r#"state="ready""#) && ready.ends_with(&format!(" {MANY}")), "{ready}");
}
