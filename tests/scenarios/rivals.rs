//! Two objects that ask for one resource, in two namespaces or as two kinds: one has it, the other says so, nobody deletes
//! what is the other's, and when the one goes the other takes over.
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::{object, role};
use crate::world::World;

const KIND: &str = "TeleportRoleV7";
const OTHER: &str = "rivals-other";

/// What the operator of `rivals` may do in the other namespace.
const LEAVE: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
- {apiGroups: [resources.teleport.dev], resources: ["*"], verbs: [get, list, watch, patch, update]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{kind: ServiceAccount, name: operator, namespace: rivals}]
"#;

fn logins(world: &World, name: &str) -> Option<Value> {
    world.target.resource("role", name).map(|stored| stored.json["spec"]["allow"]["logins"].clone())
}

/// Waits until an object says that another one has its resource; gives what it says.
fn until_conflict(world: &World, kind: &str, name: &str) -> String {
    world.until(&format!("{kind} {name} says that another has its resource"), || {
        let object = world.find(kind, name)?;
        let (status, _, message) = object.condition("Conflict")?;
        let (ready, reason, _) = object.condition("Ready")?;
        (status == "True" && ready == "False" && reason == "Conflict").then_some(message)
    })
}

fn deletions(world: &World) -> usize {
    world.target.writes().iter().filter(|write| write.method.contains("Delete")).count()
}

#[test]
fn of_two_namespaces_one_has_the_resource() {
    let mut world = World::without_operator("rivals");
    world.cluster().namespace(OTHER);
    let other = |arguments: &[&str], input: &str| {
        world.cluster().kubectl_with(&[&["--namespace", OTHER], arguments].concat(), input)
    };
    other(&["apply", "-f", "-"], LEAVE);
    let theirs = || {
        let text = other(&["get", KIND, "shared", "-o", "json"], "");
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let condition = |of: &Value, name: &str| {
        let conditions = of["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().find(|condition| condition["type"] == name).cloned().unwrap_or_default()
    };
    let flags = ["--namespace", "rivals", "--namespace", OTHER];
    let operator = world.replica("first.log", &flags);
    world.apply_all([&role("shared", &["ours"])]);
    world.until_ready(KIND, "shared");
    other(&["apply", "-f", "-"], &role("shared", &["theirs"]).to_string());
    world.until("the second says who has it", || {
        let told = condition(&theirs(), "Conflict");
        told["message"]
            .as_str()
            .is_some_and(|text| text.contains("TeleportRoleV7 rivals/shared"))
            .then_some(())
    });
    assert_eq!(condition(&theirs(), "Ready")["status"], "False");
    assert_eq!(logins(&world, "shared"), Some(json!(["ours"])));

    // Who has it is no matter of who is seen first.
    let (writes, kubernetes) = (world.target.writes().len(), world.kubernetes_writes().len());
    operator.signal("TERM");
    assert!(operator.wait(Duration::from_secs(20)).is_some_and(|status| status.success()));
    let operator = world.replica("second.log", &flags);
    world.until("it is ready", || operator.health("/readyz").filter(|(status, _)| *status == 200));
    world.stays("nothing is written", Duration::from_secs(3), || {
        world.target.writes().len() == writes && world.kubernetes_writes().len() == kubernetes
    });

    world.delete(KIND, "shared");
    world.until_gone(KIND, "shared");
    world.until("the second has it", || (condition(&theirs(), "Ready")["status"] == "True").then_some(()));
    assert_eq!(condition(&theirs(), "Conflict"), Value::Null);
    assert_eq!(logins(&world, "shared"), Some(json!(["theirs"])));
    assert_eq!(deletions(&world), 0, "it was never gone");
    other(&["delete", KIND, "shared"], "");
    world.until("it is gone", || logins(&world, "shared").is_none().then_some(()));
    world.operator = Some(operator);
}

/// As people do who move an object to the kind of a newer version.
#[test]
fn of_two_kinds_one_has_the_resource() {
    let world = World::new("rivals-kinds");
    let newer = object("v1", "TeleportRoleV8", "moves", &json!({"allow": {"logins": ["newer"]}}));
    world.apply_all([&role("moves", &["older"])]);
    world.until_ready(KIND, "moves");
    world.apply_all([&newer]);
    let told = until_conflict(&world, "TeleportRoleV8", "moves");
    assert!(told.contains("TeleportRoleV7 rivals-kinds/moves"), "{told}");
    // Who gives way leaves what is the other's.
    world.delete("TeleportRoleV8", "moves");
    world.until_gone("TeleportRoleV8", "moves");
    assert_eq!(logins(&world, "moves"), Some(json!(["older"])));
    world.apply_all([&newer]);
    until_conflict(&world, "TeleportRoleV8", "moves");
    world.delete(KIND, "moves");
    world.until_ready("TeleportRoleV8", "moves");
    assert_eq!(logins(&world, "moves"), Some(json!(["newer"])));
    assert_eq!(deletions(&world), 0, "it was never gone");
}
