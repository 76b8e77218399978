//! The operator as a process: how it ends, and what it tells of itself.
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::role;
use crate::world::World;

/// Generous: it takes well under a second when nothing is under way.
const END: Duration = Duration::from_secs(20);

fn holder(world: &World) -> String {
    world.kubectl(&["get", "lease", "431e83f4.teleport.dev", "-o", "jsonpath={.spec.holderIdentity}"])
}

#[test]
fn a_signal_ends_it_well_and_frees_the_lease() {
    let world = World::new("process");
    world.until_operator_ready();
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready("TeleportRoleV7", "my-role");
    assert!(!holder(&world).is_empty());
    world.operator().signal("TERM");
    let status = world.operator().wait(END).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", world.report());
    assert_eq!(holder(&world), "");
}

/// The first one waits for what is under way, and that may be long.
#[test]
fn a_second_signal_ends_it_at_once() {
    let world = World::new("process-twice");
    world.until_operator_ready();
    world.target.inject(&json!({"method": "*/CreateRole", "latency_ms": 60_000, "times": 1}));
    world.apply_all([&role("my-role", &["root"])]);
    let called = || world.target.calls().keys().any(|method| method.ends_with("/CreateRole"));
    world.until("the call is under way", || called().then_some(()));
    world.operator().signal("TERM");
    world.until("it is told", || world.log().contains("a second signal stops at once").then_some(()));
    assert!(world.operator().wait(Duration::from_millis(500)).is_none(), "{}", world.report());
    world.operator().signal("INT");
    let status = world.operator().wait(END).expect("it ends");
    assert_eq!(status.code(), Some(1), "{}", world.report());
    assert!(world.log().contains("stopped before all was done"));
}

#[test]
fn readiness_tells_the_truth_about_the_target() {
    let mut world = World::without_operator("process-ready");
    world.target.unavailable(true);
    world.run(&[]);
    let operator = world.operator.as_ref().expect("the operator runs");
    let (status, text) = world.until("health is served", || operator.health("/readyz"));
    assert_eq!(status, 503, "{text}");
    assert_eq!(operator.health("/healthz").map(|(status, _)| status), Some(200));
    world.until("it says what it lacks", || {
        operator.health("/readyz").filter(|(_, text)| text.contains("the auth server is unavailable"))
    });

    world.target.unavailable(false);
    world.until_operator_ready();
    world.target.unavailable(true);
    // It is seen with the next call at the latest.
    world.apply_all([&role("my-role", &["root"])]);
    world.until("it is not ready", || operator.health("/readyz").filter(|(status, _)| *status == 503));
    assert_eq!(operator.health("/healthz").map(|(status, _)| status), Some(200));
    world.target.unavailable(false);
    world.until_operator_ready();
    world.until_ready("TeleportRoleV7", "my-role");
}

#[test]
fn logs_are_json_lines_and_metrics_count() {
    let world = World::new("process-logs");
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready("TeleportRoleV7", "my-role");
    for line in world.log().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["timestamp", "level", "component"] {
            assert!(line[key].is_string(), "no {key}: {line}");
        }
    }
    let operator = world.operator.as_ref().expect("the operator runs");
    let metrics = operator.metrics("/metrics");
    let created = |line: &&str| line.contains(r#"kind="TeleportRoleV7""#) && line.contains(r#""create"#);
    assert!(metrics.lines().any(|line| created(&line) && line.ends_with(" 1")), "{metrics}");
}
