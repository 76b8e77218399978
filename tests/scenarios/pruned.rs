//! With the official operator's definitions, whose status holds conditions and nothing of ours: there is no record, and so
//! what is there is compared. All works as otherwise, and a restart still writes nothing.
use std::time::Duration;

use serde_json::{Value, json};
use teleport_operator::sync::status::OURS;

use crate::manifests::role;
use crate::world::{World, definitions};

const KIND: &str = "TeleportRoleV7";

/// Our definitions, with no more in a status than the official ones have.
fn pruned() -> String {
    let mut all: Vec<Value> = serde_saphyr::from_multiple(&definitions()).expect("YAML");
    for definition in &mut all {
        for version in definition["spec"]["versions"].as_array_mut().expect("versions") {
            let status = &mut version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
            let members = status.as_object_mut().expect("members of a status");
            assert!(OURS.iter().all(|name| members.remove(*name).is_some()), "{members:?}");
        }
    }
    json!({"apiVersion": "v1", "kind": "List", "items": all}).to_string()
}

fn logins(world: &World) -> Option<Value> {
    world.target.resource("role", "first").map(|stored| stored.json["spec"]["allow"]["logins"].clone())
}

#[test]
fn a_status_without_our_members_is_enough() {
    let mut world = World::apart("pruned", &pruned());
    world.run(&[]);
    world.apply_all([&role("first", &["root"]), &role("second", &["root"])]);
    let until_well = |world: &World, name: &str| {
        world.until(&format!("{name} is well"), || {
            let object = world.get(KIND, name);
            let (status, ..) = object.condition("Ready")?;
            assert_eq!(object.0["status"]["record"], Value::Null, "the definitions do not keep it");
            (status == "True").then_some(())
        });
    };
    until_well(&world, "first");
    until_well(&world, "second");
    world.operator().signal("TERM");
    assert!(world.operator().wait(Duration::from_secs(30)).is_some_and(|status| status.success()));

    let versions = |world: &World| ["first", "second"].map(|name| world.get(KIND, name).version().to_owned());
    let (before, writes, patches) =
        (versions(&world), world.target.writes().len(), world.all_kubernetes_writes().len());
    world.run(&["--sync-period", "2s"]);
    world.until_operator_ready();
    // That a status keeps no record is learned anew, by patches that change nothing: those on their way at once.
    world.stays("nothing changes", Duration::from_secs(8), || {
        let tried = world.all_kubernetes_writes().len() - patches;
        world.target.writes().len() == writes && versions(&world) == before && tried <= 2
    });

    let mut changed = world.target.resource("role", "first").expect("it is there").json;
    changed["spec"]["allow"]["logins"] = json!(["intruder"]);
    world.target.put("role", "first", &changed);
    world.until("the change is undone", || (logins(&world) == Some(json!(["root"]))).then_some(()));
    world.apply_all([&role("first", &["admin"])]);
    world.until("an edit arrives", || (logins(&world) == Some(json!(["admin"]))).then_some(()));
    world.delete(KIND, "first");
    world.until_gone(KIND, "first");
    assert_eq!(logins(&world), None);
}
