//! Kinds that are younger than the types of the auth server, on the sandbox's own target: each example syncs, is kept as it
//! was sent, and goes.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use teleport_operator::mapping;
use teleport_operator::translate::compare::differences;

use crate::manifests::{examples, is_synced, refusal};
use crate::sandbox::Sandbox;
use crate::scopes::STATE;
use crate::world::World;

/// The scope of all examples that have one.
const SCOPE: &str = "/staging";

/// Labels of what is in a scope that depend on the operator and on where its objects are: there is no token here, nor a pod.
const OWN: [&str; 3] = [
    "resources.teleport.dev/operator-id",
    "resources.teleport.dev/owner-email",
    "resources.teleport.dev/custom-resource-namespace",
];

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Syncs these examples with an operator of these flags, looks at each, and lets them go.
fn come_and_go(namespace: &str, flags: &[&str], is_meant: impl Fn(&Value) -> bool) {
    let sandbox = Sandbox::start();
    let mut world = World::without_operator(namespace);
    world.apply(STATE);
    let flags: Vec<&str> = sandbox.flags().into_iter().chain(flags.iter().copied()).collect();
    world.run(&flags);
    let mut documents = examples();
    documents.retain(|document| !is_synced(document) || is_meant(document));
    world.apply_all(&documents);
    documents.retain(is_synced);
    assert!(!documents.is_empty());
    world.until_all_ready(documents.len());

    let manifests: String = documents.iter().map(|document| format!("---\n{document}\n")).collect();
    let target = mapping::embedded().expect("the embedded mappings are sound");
    let kept = sandbox.server.snapshot();
    for sent in world.translate(&manifests, "grpc") {
        let kind = target.kind_of(text(&sent["apiVersion"]), text(&sent["kind"])).expect("a kind of ours");
        let resource = &kind.resource;
        let bytes = STANDARD.decode(text(&sent["resource"])).expect("base64");
        let sent = DynamicMessage::decode(resource.message.clone(), bytes.as_slice()).expect("a message");
        let parts = resource.parts().map(|part| format!(" in {}", part.text(&sent)));
        let name = parts.fold(resource.metadata.name.text(&sent), |name, part| name + &part);
        let live = &kept[resource.message.full_name()][&name];
        // The operator knows more of itself than `translate`, and says so in what is in a scope.
        let is_own = |path: &String| OWN.iter().any(|label| path.contains(label));
        let expected = if flags.contains(&"--owner-email") { OWN.len() } else { 0 };
        for paths in [differences(resource, &sent, live), differences(resource, live, &sent)] {
            let (own, others): (Vec<_>, Vec<_>) = paths.into_iter().partition(is_own);
            assert_eq!((own.len(), others), (expected, Vec::new()), "{name}: {own:?}");
        }
    }
    world.delete_all(&documents);
    for document in &documents {
        world.until_gone(text(&document["kind"]), text(&document["metadata"]["name"]));
    }
    let left: Vec<_> = sandbox.server.snapshot().into_values().flatten().map(|(name, _)| name).collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn kinds_that_the_server_is_too_old_for_come_and_go() {
    let is_scoped = |document: &Value| document["scope"].is_string();
    come_and_go("unknown", &[], |document| refusal(&document["kind"]).is_some() && !is_scoped(document));
}

#[test]
fn kinds_with_a_scope_come_and_go() {
    let flags = ["--scope", SCOPE, "--owner-email", "platform@example.com"];
    come_and_go("unknown-scoped", &flags, |document| document["scope"] == SCOPE);
}
