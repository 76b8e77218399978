//! Manifests that several scenarios use. Data only.
use serde_json::{Value, json};

/// The API group of all that the operator syncs.
const GROUP: &str = "resources.teleport.dev";

/// An object of the operator's.
pub fn object(version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{GROUP}/{version}"), "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// A role that lets log in under these names.
pub fn role(name: &str, logins: &[&str]) -> Value {
    object("v1", "TeleportRoleV7", name, &json!({"allow": {"logins": logins}}))
}

/// A user with these roles.
pub fn user(name: &str, roles: &[&str]) -> Value {
    object("v2", "TeleportUser", name, &json!({"roles": roles, "traits": {"logins": [name]}}))
}

/// A role as Teleport keeps it, marked as the operator's or not.
pub fn stored_role(name: &str, logins: &[&str], owned: bool) -> Value {
    let labels = if owned { json!({"teleport.dev/origin": "kubernetes"}) } else { json!({}) };
    json!({
        "kind": "role",
        "version": "v7",
        "metadata": {"name": name, "labels": labels},
        "spec": {"allow": {"logins": logins}},
    })
}
