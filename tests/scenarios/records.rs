//! What has no place for a mark is the operator's by the record in the status of its object, and what nothing changes is
//! told, and left as it is.
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use teleport_operator::mapping;
use teleport_operator::translate::print;

use crate::manifests::object;
use crate::sandbox::Sandbox;
use crate::world::World;

const DEVICE: &str = "TeleportDeviceV1";
const FEDERATION: &str = "TeleportSPIFFEFederationV1";

/// Long enough for what is done at once, and for a first retry.
const WHILE: Duration = Duration::from_secs(3);

fn device(name: &str, tag: &str) -> Value {
    object("v1", DEVICE, name, &json!({"os_type": "macos", "asset_tag": tag}))
}

/// The resources of a kind, as they are printed.
fn kept(sandbox: &Sandbox, kind: &str) -> BTreeMap<String, Value> {
    let target = mapping::embedded().expect("the embedded mappings are sound");
    let kind = target.kinds.iter().find(|found| found.kubernetes.kind == kind).expect("a kind of ours");
    let all = sandbox.server.snapshot().remove(kind.resource.message.full_name()).unwrap_or_default();
    all.iter().map(|(name, message)| (name.clone(), print::resource(kind, message))).collect()
}

/// Ends the operator as Kubernetes does.
fn stop(world: &mut World) {
    world.operator().signal("TERM");
    assert!(world.operator().wait(WHILE * 4).is_some(), "it does not end");
    world.operator = None;
}

#[test]
fn what_has_no_mark_is_ours_by_its_record() {
    let sandbox = Sandbox::start();
    let mut world = World::without_operator("records");
    world.run(&sandbox.flags());
    world.apply_all([&device("ours", "A1"), &device("second", "B1")]);
    world.until_all_ready(2);
    let (status, reason, _) =
        world.get(DEVICE, "ours").condition("TeleportResourceOwned").expect("a condition");
    assert_eq!((status.as_str(), reason.as_str()), ("True", "Recorded"));

    // The record lasts as long as the object: another process knows it too, to update as to delete.
    stop(&mut world);
    world.apply_all([&device("ours", "A2")]);
    world.run(&sandbox.flags());
    world.until("the edit is there", || {
        (kept(&sandbox, DEVICE)["ours"]["spec"]["asset_tag"] == "A2").then_some(())
    });
    world.until_ready(DEVICE, "ours");
    world.delete(DEVICE, "second");
    world.until_gone(DEVICE, "second");
    assert_eq!(kept(&sandbox, DEVICE).into_keys().collect::<Vec<_>>(), ["ours"]);

    // Without it, the resource is anybody's: it is neither changed nor deleted.
    stop(&mut world);
    let lost = json!([{"op": "remove", "path": "/status/record"}]).to_string();
    world.kubectl(&["patch", DEVICE, "ours", "--subresource=status", "--type=json", "-p", &lost]);
    world.apply_all([&device("ours", "A3")]);
    let before = kept(&sandbox, DEVICE);
    world.run(&sandbox.flags());
    let (_, reason, message) = world.until("it is refused", || {
        let object = world.get(DEVICE, "ours");
        object.condition("TeleportResourceOwned").filter(|(status, ..)| status == "False")
    });
    assert_eq!(reason, "OriginLabelNotMatching");
    assert!(message.contains("the record of a write in this object's status"), "{message}");
    world.stays("nothing is changed", WHILE, || kept(&sandbox, DEVICE) == before);

    // A policy takes it over, and then there is a record again.
    world.kubectl(&["annotate", DEVICE, "ours", "resources.teleport.dev/adopt=always"]);
    world.until_ready(DEVICE, "ours");
    assert_eq!(kept(&sandbox, DEVICE)["ours"]["spec"]["asset_tag"], "A3");
    world.kubectl(&["annotate", DEVICE, "ours", "resources.teleport.dev/adopt-"]);
    world.delete(DEVICE, "ours");
    world.until_gone(DEVICE, "ours");
    assert_eq!(kept(&sandbox, DEVICE), BTreeMap::new());
}

/// One that an object finds is not the object's, even where nothing of it would have to change.
#[test]
fn what_was_there_before_stays_when_its_object_goes() {
    let sandbox = Sandbox::start();
    let world = World::without_operator("records-foreign");
    let (mut first, mut second) = (world, World::without_operator("records-foreign-other"));
    first.run(&sandbox.flags());
    first.apply_all([&device("shared", "A1")]);
    first.until_ready(DEVICE, "shared");
    let before = kept(&sandbox, DEVICE);

    second.run(&sandbox.flags());
    second.apply_all([&device("shared", "A1")]);
    second.until("it is refused", || {
        let object = second.get(DEVICE, "shared");
        object.condition("TeleportResourceOwned").filter(|(status, ..)| status == "False")
    });
    second.delete(DEVICE, "shared");
    second.until_gone(DEVICE, "shared");
    assert_eq!(kept(&sandbox, DEVICE), before);
}

#[test]
fn what_nothing_changes_is_made_and_told_and_deleted() {
    let mut world = World::without_operator("records-immutable");
    world.allow_all_kinds();
    world.run(&[]);
    let web = |url: &str| json!({"bundle_source": {"https_web": {"bundle_endpoint_url": url}}});
    let federation = |url: &str| object("v1", FEDERATION, "partner.example.com", &web(url));
    world.apply_all([&federation("https://one.example.com")]);
    world.until_ready(FEDERATION, "partner.example.com");
    let before = world.target.resource("spiffe_federation", "partner.example.com");
    assert!(before.is_some());

    let refusal = world.apply_refused(&federation("https://two.example.com").to_string());
    assert!(refusal.contains("nothing changes this once it is made"), "{refusal}");

    // Labels are the resource's too, and Kubernetes lets nobody forbid to change them.
    world.kubectl(&["label", FEDERATION, "partner.example.com", "team=red"]);
    let (_, _, message) = world.until("it is told", || {
        let object = world.get(FEDERATION, "partner.example.com");
        object.condition("SuccessfullyReconciled").filter(|(status, ..)| status == "False")
    });
    assert!(message.contains("no call that changes a resource of this kind"), "{message}");
    assert!(message.contains("metadata.labels"), "{message}");
    assert_eq!(world.target.resource("spiffe_federation", "partner.example.com"), before);
    world.kubectl(&["label", FEDERATION, "partner.example.com", "team-"]);
    world.until_ready(FEDERATION, "partner.example.com");

    world.delete(FEDERATION, "partner.example.com");
    world.until_gone(FEDERATION, "partner.example.com");
    assert_eq!(world.target.resource("spiffe_federation", "partner.example.com"), None);
}
