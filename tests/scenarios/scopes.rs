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

/// What a Role of the chart allows an operator of a scope beyond one without, and the Secret that it is about.
pub const STATE: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: teleport-shared-state}
---
apiVersion: v1
kind: Secret
metadata: {name: another-shared-state}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator-state}
rules:
- {apiGroups: [""], resources: [secrets], resourceNames: [teleport-shared-state, another-shared-state], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator-state}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator-state}
subjects: [{kind: ServiceAccount, name: operator}]
"#;

/// Starts the operator of a release with this scope, in the place of the one that runs.
fn run(world: &mut World, sandbox: &Sandbox, release: &str, scope: &str) {
    drop(world.operator.take());
    world.environment = vec![("RELEASE_NAME".to_owned(), release.to_owned())];
    let more: Vec<&str> = sandbox.flags().into_iter().chain(["--scope", scope]).collect();
    world.run(&more);
    world.until_operator_ready();
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
    world.apply(STATE);
    run(&mut world, &sandbox, "teleport", "/staging");
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

    run(&mut world, &sandbox, "teleport", "/staging/eu");
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

#[test]
fn operators_of_one_scope_tell_their_resources_apart() {
    let sandbox = Sandbox::start();
    let mut world = World::without_operator("scopes-shared");
    world.apply(STATE);
    run(&mut world, &sandbox, "teleport", "/staging");
    world.apply_all([&scoped("shells", "/staging")]);
    world.until_ready(KIND, "shells");
    let label = || {
        let stored =
            serde_json::to_value(&sandbox.server.snapshot()[MESSAGE]["shells in /staging"]).expect("JSON");
        stored["metadata"]["labels"]["resources.teleport.dev/operator-id"].clone()
    };
    let uid = |name: &str| {
        let text = world.kubectl(&["get", "secret", name, "-o", "jsonpath={.metadata.uid}"]);
        Value::String(text)
    };
    let (one, another) = (uid("teleport-shared-state"), uid("another-shared-state"));
    assert_eq!(label(), one);

    // The same objects in the hands of another operator: as when they are moved, with their statuses, to another cluster.
    run(&mut world, &sandbox, "another", "/staging");
    world.apply_all([&scoped("own", "/staging")]);
    world.until_ready(KIND, "own");
    let whose = format!("`resources.teleport.dev/operator-id` is `{}`", one.as_str().expect("a text"));
    let message = format!(
        "A resource with the same name already exists in Teleport and is another operator's. Refusing to reconcile. \
         Its label {whose}. The annotation `resources.teleport.dev/adopt: always` has it taken over."
    );
    world.until_says(KIND, "shells", ("TeleportResourceOwned", "False", "OriginLabelNotMatching", &message));
    assert_eq!(label(), one);
    let adopt = json!({ "metadata": { "annotations": { "resources.teleport.dev/adopt": "always" } } });
    world.patch(KIND, "shells", &adopt);
    world.until_ready(KIND, "shells");
    assert_eq!(label(), another);

    // And back, to an operator that is the same as before.
    run(&mut world, &sandbox, "teleport", "/staging");
    world.delete(KIND, "own");
    world.until_gone(KIND, "own");
    let left = sandbox.server.snapshot().remove(MESSAGE).unwrap_or_default();
    assert!(left.contains_key("own in /staging"), "another operator's is left alone");
}
