//! Kinds whose resources belong to a part of Teleport: an operator syncs those of its own scope, says of all others why
//! not, and deletes none of them.
use serde_json::{Value, json};

use crate::manifests::{object, role};
use crate::sandbox::Sandbox;
use crate::world::World;

const KIND: &str = "TeleportScopedRoleV1";
const MESSAGE: &str = "teleport.scopes.access.v1.ScopedRole";

fn scoped(name: &str, scope: &str) -> Value {
    let mut role = object("v1", KIND, name, &json!({"assignable_scopes": ["/staging"]}));
    role["scope"] = json!(scope);
    role
}

/// Waits until an object says this of its scope, and as a whole the same where that is the trouble.
fn until_says(world: &World, kind: &str, name: &str, (status, reason, message): (&str, &str, &str)) {
    world.until_says(kind, name, ("ValidScope", status, reason, message));
    if status == "False" {
        world.until_says(kind, name, ("Ready", status, reason, message));
    }
}

#[test]
fn an_operator_without_a_scope_leaves_scopes_to_others() {
    let world = World::new("scopes-none");
    world.until_operator_ready();
    world.apply_all([&scoped("shells", "/staging"), &role("my-role", &["root"])]);
    let unscoped = "Neither resource or operator are scoped";
    until_says(&world, "TeleportRoleV7", "my-role", ("True", "Unscoped", unscoped));
    world.until_ready("TeleportRoleV7", "my-role");
    let refused = "Resource is scoped but operator is not. Refusing to reconcile.";
    until_says(&world, KIND, "shells", ("False", "NonMatchingScope", refused));
    world.delete(KIND, "shells");
    world.until_gone(KIND, "shells");
    let methods = world.target.calls();
    assert!(!methods.keys().any(|method| method.contains("Scoped")), "it is asked for nothing: {methods:?}");
}

#[test]
fn an_operator_with_a_scope_has_that_scope_and_no_other() {
    let sandbox = Sandbox::start();
    let mut world = World::without_operator("scopes");
    let run = |world: &mut World, scope: &str| {
        let more: Vec<&str> = sandbox.flags().into_iter().chain(["--scope", scope]).collect();
        world.run(&more);
        world.until_operator_ready();
    };
    run(&mut world, "/staging");
    world.apply_all([
        &role("my-role", &["root"]),
        &scoped("shells", "/staging"),
        &scoped("nested", "/staging/eu"),
        &scoped("nowhere", ""),
    ]);
    until_says(
        &world,
        KIND,
        "shells",
        ("True", "MatchingScope", "Resource scope matches the operator scope."),
    );
    world.until_ready(KIND, "shells");
    let other = r#"Resource scope "/staging/eu" does not match the operator scope "/staging"."#;
    until_says(&world, KIND, "nested", ("False", "NonMatchingScope", other));
    let none = "Operator is scoped but resource is not. Refusing to reconcile.";
    until_says(&world, KIND, "nowhere", ("False", "NonMatchingScope", none));
    let untouched = world.get("TeleportRoleV7", "my-role");
    assert!(!untouched.has_finalizer() && untouched.0["status"].is_null(), "{untouched:?}");
    let stored =
        || sandbox.server.snapshot().remove(MESSAGE).unwrap_or_default().into_keys().collect::<Vec<_>>();
    assert_eq!(stored(), ["shells in /staging"]);

    world.operator.take().expect("it runs").kill();
    run(&mut world, "/staging/eu");
    world.until_ready(KIND, "nested");
    let other = r#"Resource scope "/staging" does not match the operator scope "/staging/eu"."#;
    until_says(&world, KIND, "shells", ("False", "NonMatchingScope", other));
    world.delete(KIND, "shells");
    world.until_gone(KIND, "shells");
    assert_eq!(stored(), ["nested in /staging/eu", "shells in /staging"], "another operator's stays");
    world.delete(KIND, "nested");
    world.until_gone(KIND, "nested");
    assert_eq!(stored(), ["shells in /staging"]);
}
