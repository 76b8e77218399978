//! Kinds that need a feature which the cluster does not have: said, not tried, and healed when it has it.
use std::time::Duration;

use serde_json::json;

use crate::manifests::object;
use crate::world::World;

const KIND: &str = "TeleportLoginRule";

#[test]
fn a_kind_waits_for_its_feature() {
    let mut world = World::without_operator("features");
    let features = |on: bool| {
        let entitlement = json!({"enabled": on});
        json!({"OIDC": on, "SAML": on, "entitlements": {"OIDC": entitlement, "SAML": entitlement}})
    };
    world.target.features(&features(false));
    world.run(&[]);
    world.until_operator_ready();
    let before = world.target.calls();
    let spec = json!({"priority": 1, "traits_map": {"logins": ["external.logins"]}});
    world.apply_all([&object("v1", KIND, "my-rule", &spec)]);
    let (_, _, message) = world.until("it is refused", || {
        let object = world.get(KIND, "my-rule");
        object.condition("SuccessfullyReconciled").filter(|(status, ..)| status == "False")
    });
    assert!(message.contains("the cluster does not have the feature that this kind needs: "), "{message}");
    world.stays("no call is made", Duration::from_secs(3), || world.target.calls() == before);

    world.target.features(&features(true));
    // What the server can do is asked again whenever it was away.
    world.target.unavailable(true);
    world.apply_all([&crate::manifests::role("my-role", &["root"])]);
    world.until("the outage is seen", || {
        world.operator.as_ref()?.health("/readyz").filter(|(status, _)| *status == 503)
    });
    world.target.unavailable(false);
    world.until_ready(KIND, "my-rule");
}
