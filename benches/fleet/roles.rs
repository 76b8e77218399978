//! The roles that a fleet is made of: about 1 KB each, as people write them. Data only.
use std::sync::LazyLock;

use serde_json::{Value, json};

/// The group and version, the kind and its plural.
pub const API: (&str, &str, &str) = ("resources.teleport.dev/v1", "TeleportRoleV7", "teleportrolesv7");

/// The name of a role.
pub fn name(index: usize) -> String {
    format!("role-{index:06}")
}

/// A role: that of the examples, under another name.
pub fn role(index: usize) -> Value {
    static EXAMPLE: LazyLock<Value> = LazyLock::new(|| {
        let text = include_str!("../../examples/teleport/role-v7.yaml");
        serde_saphyr::from_str(text).expect("the example is YAML")
    });
    let mut role = EXAMPLE.clone();
    role["metadata"]["name"] = json!(name(index));
    role
}

/// A change to its specification; each mark makes another one.
pub fn edit(mark: &str) -> Value {
    json!({"spec": {"allow": {"logins": ["{{internal.logins}}", mark]}}})
}
