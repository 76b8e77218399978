//! Policies by annotation: what may be done to a resource, what becomes of changes made elsewhere, and who has a say.
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::{role, stored_role};
use crate::world::World;

const KIND: &str = "TeleportRoleV7";
const WHILE: Duration = Duration::from_secs(3);

fn annotated(name: &str, annotations: &Value) -> Value {
    let mut object = role(name, &["root"]);
    object["metadata"]["annotations"] = annotations.clone();
    object
}

fn logins(world: &World, name: &str) -> Option<Value> {
    Some(world.target.resource("role", name)?.json["spec"]["allow"]["logins"].clone())
}

fn until_condition(world: &World, name: &str, condition: &str, part: &str) {
    world.until(&format!("{name} says {condition}"), || {
        let (_, _, text) = world.find(KIND, name)?.condition(condition)?;
        text.contains(part).then_some(())
    });
}

/// The page's own example.
#[test]
fn the_documented_example_does_what_it_says() {
    let mut world = World::without_operator("policies");
    world.target.put("role", "auditor", &stored_role("auditor", &["other"], false));
    world.target.put("role", "developer", &stored_role("developer", &["other"], false));
    world.run(&["--sync-period", "2s"]);
    world.apply(include_str!("../../docs/examples/policies.yaml"));

    until_condition(&world, "auditor", "Drifted", "spec.allow.logins");
    assert_eq!(logins(&world, "auditor"), Some(json!(["other"])));
    assert!(!world.get(KIND, "auditor").has_finalizer());
    assert_eq!(world.get(KIND, "auditor").0["status"]["policy"], json!({"management": "observe"}));

    world.until_ready(KIND, "developer");
    assert_eq!(logins(&world, "developer"), Some(json!(["developer"])));

    world.until_ready(KIND, "on-call");
    let mut changed = world.target.resource("role", "on-call").expect("it is there").json;
    changed["spec"]["allow"]["logins"] = json!(["intruder"]);
    world.target.put("role", "on-call", &changed);
    until_condition(&world, "on-call", "Drifted", "spec.allow.logins");
    world.stays("it is not undone", WHILE, || logins(&world, "on-call") == Some(json!(["intruder"])));
    let told = world.events(KIND, "on-call").into_iter().filter(|(_, reason, _)| reason == "Drifted").count();
    assert_eq!(told, 1, "once");
    // Somebody puts it right.
    changed["spec"]["allow"]["logins"] = json!(["on-call"]);
    world.target.put("role", "on-call", &changed);
    world.until_ready(KIND, "on-call");
    world.delete(KIND, "on-call");
    world.until_gone(KIND, "on-call");
    assert!(logins(&world, "on-call").is_some(), "it was to stay");
}

/// Leave to watch this one namespace, and no other.
const LEAVE: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: policies-namespace}
rules:
- {apiGroups: [""], resources: [namespaces], resourceNames: [policies-namespace], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: policies-namespace}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: policies-namespace}
subjects: [{kind: ServiceAccount, name: operator, namespace: policies-namespace}]
"#;

fn pause(world: &World, value: &Value) {
    let patch = json!({"metadata": {"annotations": {"resources.teleport.dev/paused": value}}});
    let patch = patch.to_string();
    world.kubectl(&["patch", "namespace", "policies-namespace", "--type=merge", "-p", &patch]);
}

#[test]
fn a_namespace_speaks_for_its_objects_and_an_object_for_itself() {
    let mut world = World::without_operator("policies-namespace");
    world.apply(LEAVE);
    pause(&world, &json!("true"));
    let not_me = json!({"resources.teleport.dev/paused": "false"});
    world.apply_all([&role("waits", &["root"]), &annotated("goes", &not_me)]);
    world.run(&[]);
    world.until_ready(KIND, "goes");
    until_condition(&world, "waits", "Paused", "namespace");
    assert_eq!(world.get(KIND, "waits").condition("Ready").expect("a condition").0, "Unknown");
    assert_eq!(logins(&world, "waits"), None);
    pause(&world, &Value::Null);
    let object = world.until_ready(KIND, "waits");
    assert_eq!(object.condition("Paused"), None);
}

/// As with the official operator's Role: said once, and everything else works.
#[test]
fn without_leave_to_read_namespaces_only_objects_speak() {
    let world = World::new("policies-no-leave");
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready(KIND, "my-role");
    let told = world.log().matches("the annotations of the namespace have no effect").count();
    assert_eq!(told, 1, "{}", world.log());
}

#[test]
fn a_word_that_nobody_knows_holds_everything_up_until_it_is_mended() {
    let world = World::new("policies-unknown");
    world.apply_all([&annotated("my-role", &json!({"resources.teleport.dev/management": "observ"}))]);
    until_condition(&world, "my-role", "UnknownPolicy", "did you mean `observe`?");
    assert_eq!(logins(&world, "my-role"), None);
    let mend = json!({"metadata": {"annotations": {"resources.teleport.dev/management": "manage"}}});
    world.patch(KIND, "my-role", &mend);
    let object = world.until_ready(KIND, "my-role");
    assert_eq!(object.condition("UnknownPolicy"), None);
}

#[test]
fn a_look_is_had_when_somebody_asks_for_it() {
    let world = World::new("policies-request");
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready(KIND, "my-role");
    let mut changed = world.target.resource("role", "my-role").expect("it is there").json;
    changed["spec"]["allow"]["logins"] = json!(["intruder"]);
    // Else a look may be answered with what was there before the change.
    world.target.lags_no_more();
    world.target.put("role", "my-role", &changed);
    let ask = json!({"metadata": {"annotations": {"resources.teleport.dev/sync-requested-at": "now"}}});
    world.patch(KIND, "my-role", &ask);
    world.until("it is echoed", || {
        (world.get(KIND, "my-role").0["status"]["lastHandledSync"] == "now").then_some(())
    });
    assert_eq!(logins(&world, "my-role"), Some(json!(["root"])));
}
