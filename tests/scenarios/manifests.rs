//! Manifests that several scenarios use. Data only.
use std::fs;
use std::path::Path;

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

/// The example manifests, one document after the other.
pub fn examples() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/teleport");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("examples").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).expect("readable"));
    texts.flat_map(|text| serde_saphyr::from_multiple::<Value>(&text).expect("YAML")).collect()
}

/// Whether a manifest is the operator's to sync.
pub fn is_synced(manifest: &Value) -> bool {
    manifest["apiVersion"].as_str().is_some_and(|version| version.starts_with(GROUP))
}

/// Kinds whose examples this server refuses, and its words: its types are older than the kind, it does not keep the kind,
/// or the official operator's role, which it checks, does not cover it; those with a scope are refused by an operator
/// that has none. A refusal that goes away fails the tests.
const REFUSED: [(&str, &str); 29] = [
    ("TeleportAccessGraphSettingsV1", "not implemented"),
    ("TeleportAppAuthConfigV1", "unknown service"),
    ("TeleportClassifierV1", "unknown service"),
    ("TeleportClusterAuthPreferenceV2", "access denied"),
    ("TeleportClusterMaintenanceConfigV1", "access denied"),
    ("TeleportClusterNetworkingConfigV2", "access denied"),
    ("TeleportCrownJewelV1", "access denied"),
    ("TeleportDatabaseObjectImportRuleV1", "access denied"),
    ("TeleportDiscoveryConfigV1", "access denied"),
    ("TeleportDynamicWindowsDesktopV1", "access denied"),
    ("TeleportGitServerV2", "access denied"),
    ("TeleportHealthCheckConfigV1", "unknown service"),
    ("TeleportInferenceModel", "unknown service"),
    ("TeleportInferencePolicy", "unknown service"),
    ("TeleportInferenceSecret", "unknown service"),
    ("TeleportInstallerV1", "access denied"),
    ("TeleportIntegrationV1", "access denied"),
    ("TeleportKubeClusterV3", "access denied"),
    ("TeleportNetworkRestrictionsV4", "not implemented"),
    ("TeleportRetrievalModelV1", "unknown service"),
    ("TeleportScopedRoleAssignmentV1", "operator is not"),
    ("TeleportScopedRoleV1", "operator is not"),
    ("TeleportScopedTokenV1", "operator is not"),
    ("TeleportServerInfoV1", "access denied"),
    ("TeleportSessionRecordingConfigV2", "access denied"),
    ("TeleportSigstorePolicyV1", "unknown service"),
    ("TeleportStaticHostUserV2", "access denied"),
    ("TeleportUIConfigV1", "access denied"),
    ("TeleportVnetConfigV1", "access denied"),
];

/// The words with which a kind is refused, if it is.
pub fn refusal(kind: &Value) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, _)| kind == refused).map(|(_, words)| *words)
}
