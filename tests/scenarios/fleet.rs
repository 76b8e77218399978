//! `status`: the fleet as the cluster's own statuses tell it, to people and to programs.
use std::process::Command;

use serde_json::Value;

use crate::manifests::{role, user};
use crate::operator::PROGRAM;
use crate::world::World;

/// What `status` prints of the world's namespace, and its exit code.
fn status(world: &World, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(PROGRAM);
    command.args(["status", "--namespace", "fleet", "--kubeconfig"]).arg(world.admin()).args(arguments);
    let output = command.output().expect("it runs");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.is_empty(), "{said}");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code())
}

#[test]
fn the_fleet_is_counted_and_who_needs_a_person_is_named() {
    let world = World::new("fleet");
    world.apply_all([&role("one", &["root"]), &role("two", &["root"])]);
    world.until_ready("TeleportRoleV7", "one");
    world.until_ready("TeleportRoleV7", "two");
    let (text, code) = status(&world, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.lines().any(|line| line.split_whitespace().take(3).eq(["TeleportRoleV7", "2", "2"])),
        "{text}"
    );

    world.apply_all([&user("lost", &["no-such-role"])]);
    world.until("it fails", || {
        let (status, ..) = world.find("TeleportUser", "lost")?.condition("SuccessfullyReconciled")?;
        (status == "False").then_some(())
    });
    let (text, code) = status(&world, &[]);
    assert_eq!(code, Some(1), "{text}");
    let named = text
        .lines()
        .find(|line| line.starts_with("TeleportUser fleet/lost: SuccessfullyReconciled TeleportError"));
    assert!(named.is_some_and(|line| line.contains("no-such-role")), "{text}");
    let (text, code) = status(&world, &["-o", "json"]);
    assert_eq!(code, Some(1), "{text}");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["needsAPerson"][0]["name"], "lost");
    let users = json["kinds"].as_array().expect("a list").iter().find(|kind| kind["kind"] == "TeleportUser");
    assert_eq!(users.expect("there is one")["states"]["failed"], 1);
}
