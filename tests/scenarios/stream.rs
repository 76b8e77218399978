//! Changes in Teleport that its stream of events tells of: undone at once, with no scan, and with no look at our own
//! writes when they come back; what happened while nobody told is found by a scan.
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::{object, role};
use crate::world::World;

const KIND: &str = "TeleportRoleV7";
const STREAM: &str = "/proto.AuthService/WatchEvents";
const LIST: &str = "/proto.AuthService/ListRoles";
const GET: &str = "/proto.AuthService/GetRole";

/// A world whose periodic scans are far away, with a role in sync that the stream tells of.
fn world(namespace: &str) -> World {
    let mut world = World::without_operator(namespace);
    world.run(&["--sync-period", "1h"]);
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready(KIND, "my-role");
    is_told(&world, "role");
    world
}

/// What the operator says of its stream.
fn stream(world: &World) -> Value {
    let operator = world.operator.as_ref().expect("the operator runs");
    let state: Value = serde_json::from_str(&operator.metrics("/debug/state")).expect("JSON");
    state["stream"].clone()
}

fn is_told(world: &World, kind: &str) {
    let told = |stream: Value| stream["kinds"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
    world.until(&format!("changes of {kind} are told"), || told(stream(world)).then_some(()));
}

fn logins(world: &World) -> Option<Value> {
    world.target.resource("role", "my-role").map(|stored| stored.json["spec"]["allow"]["logins"].clone())
}

/// Somebody else lets one more log in.
fn intrude(world: &World) {
    let mut changed = world.target.resource("role", "my-role").expect("it is there").json;
    changed["spec"]["allow"]["logins"] = json!(["root", "intruder"]);
    world.target.put("role", "my-role", &changed);
}

fn is_undone(world: &World) {
    world.until("the change is undone", || (logins(world) == Some(json!(["root"]))).then_some(()));
}

/// A connection is followed by another one at each renewal, and the stream with it.
#[test]
fn it_goes_on_while_credentials_are_renewed() {
    let mut world = World::without_operator("stream-renewed");
    world.target.bot("renewed", &["operator"]);
    world.target.token("renewed", "renewed");
    let pins = world.teleport.pins().join(",");
    let joining = ["--join-method", "token", "--token", "renewed", "--ca-pin", &pins];
    let short = ["--certificate-ttl", "10s", "--renewal-interval", "2s", "--sync-period", "1h"];
    world.run(&[&joining[..], &short[..]].concat());
    world.apply_all([&role("my-role", &["root"])]);
    world.until_ready(KIND, "my-role");
    is_told(&world, "role");
    let renewals = || world.target.joins().iter().filter(|join| join.endpoint == "renewal").count();
    for _ in 0..2 {
        let before = renewals();
        world.until("it was renewed twice", || (renewals() >= before + 2).then_some(()));
        intrude(&world);
        is_undone(&world);
    }
    assert_eq!(world.target.called(LIST), 0, "no scan was needed");
    assert!(!world.log().contains(r#""outcome":"failed""#), "{}", world.report());
}

#[test]
fn what_others_change_or_delete_is_undone_without_a_scan() {
    let world = world("stream");
    // Our own writes come back as events, too, and are known: nothing was read so far.
    let events = stream(&world)["events"].as_u64();
    assert_eq!((world.target.called(GET), world.target.called(LIST)), (0, 0), "after {events:?} events");
    intrude(&world);
    is_undone(&world);
    world.until_ready(KIND, "my-role");
    world.until("the revert has come back as an event", || {
        (stream(&world)["events"].as_u64() > events.map(|events| events + 1)).then_some(())
    });
    let reads = world.target.called(GET);
    world.stays("nothing more is read", Duration::from_secs(2), || world.target.called(GET) == reads);

    world.target.remove("role", "my-role");
    is_undone(&world);
    world.until_ready(KIND, "my-role");
    assert_eq!(world.target.called(LIST), 0, "no scan was needed");
    assert_eq!(world.target.called(STREAM), 1, "one stream is enough");
}

#[test]
fn what_happens_while_the_stream_is_cut_is_found_when_it_is_back() {
    let world = world("stream-cut");
    // What was written lately is not scanned for.
    world.stays("all is quiet", Duration::from_secs(6), || world.target.called(STREAM) == 1);
    world.target.unavailable(true);
    intrude(&world);
    world.until("the cut is noticed", || (stream(&world)["kinds"] == json!([])).then_some(()));
    world.target.unavailable(false);
    is_told(&world, "role");
    is_undone(&world);
    assert!(world.target.called(LIST) > 0, "a scan found it");
    intrude(&world);
    is_undone(&world);
}

/// The peer does not serve these at all, so it leaves them out of its stream.
#[test]
fn a_kind_that_the_server_leaves_out_costs_the_others_nothing() {
    let world = world("stream-left-out");
    let restrictions = json!({"allow": [{"cidr": "10.0.0.0/8"}]});
    world.apply_all([&object("v1", "TeleportNetworkRestrictionsV4", "network-restrictions", &restrictions)]);
    world.until("it is left out", || stream(&world)["refused"].get("network_restrictions").cloned());
    assert_eq!(stream(&world)["kinds"], json!(["role"]));
    intrude(&world);
    is_undone(&world);
    assert_eq!(world.target.called(LIST), 0, "no scan was needed");
}

/// As an older server, which does not know that it may leave kinds out.
#[test]
fn a_kind_for_which_the_server_refuses_the_whole_stream_is_left_out() {
    let mut world = World::without_operator("stream-refused");
    let message = "cache \"auth\" does not support watching resource \"user\"";
    let fault =
        |times| json!({"method": STREAM, "code": "INVALID_ARGUMENT", "message": message, "times": times});
    world.apply_all([&role("my-role", &["root"]), &crate::manifests::user("my-user", &["access"])]);
    // The question for both, and the first of the two for one alone: they are asked in order, so roles are refused.
    world.target.inject(&fault(2));
    world.run(&["--sync-period", "1h"]);
    world.until_operator_ready();
    is_told(&world, "user");
    let state = stream(&world);
    assert_eq!((&state["kinds"], &state["refused"]), (&json!(["user"]), &json!({"role": message})));
    world.until_ready("TeleportUser", "my-user");
    world.target.remove("user", "my-user");
    world.until("it is made again", || world.target.resource("user", "my-user"));
}
