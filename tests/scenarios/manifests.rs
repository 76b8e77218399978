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

/// Kinds whose examples this server can't have, whatever its role lets the operator do, and the words of the refusal: its
/// types are older than the kind, or it does not keep the kind; those with a scope are refused by an operator that has none.
/// They are synced to the sandbox's own target instead. A refusal that goes away fails the tests.
const UNKNOWN: [(&str, &str); 14] = [
    ("TeleportAccessGraphSettingsV1", "not implemented"),
    ("TeleportAppAuthConfigV1", "unknown service"),
    ("TeleportClassifierV1", "unknown service"),
    ("TeleportDeviceV1", "unknown service"),
    ("TeleportHealthCheckConfigV1", "unknown service"),
    ("TeleportInferenceModel", "unknown service"),
    ("TeleportInferencePolicy", "unknown service"),
    ("TeleportInferenceSecret", "unknown service"),
    ("TeleportNetworkRestrictionsV4", "not implemented"),
    ("TeleportRetrievalModelV1", "unknown service"),
    ("TeleportScopedRoleAssignmentV1", "operator is not"),
    ("TeleportScopedRoleV1", "operator is not"),
    ("TeleportScopedTokenV1", "operator is not"),
    ("TeleportSigstorePolicyV1", "unknown service"),
];

/// Kinds that the official operator's role, which the server checks, does not cover.
const DENIED: [&str; 17] = [
    "TeleportClusterAuthPreferenceV2",
    "TeleportClusterMaintenanceConfigV1",
    "TeleportClusterNetworkingConfigV2",
    "TeleportCrownJewelV1",
    "TeleportDatabaseObjectImportRuleV1",
    "TeleportDiscoveryConfigV1",
    "TeleportDynamicWindowsDesktopV1",
    "TeleportGitServerV2",
    "TeleportInstallerV1",
    "TeleportIntegrationV1",
    "TeleportKubeClusterV3",
    "TeleportSPIFFEFederationV1",
    "TeleportServerInfoV1",
    "TeleportSessionRecordingConfigV2",
    "TeleportStaticHostUserV2",
    "TeleportUIConfigV1",
    "TeleportVnetConfigV1",
];

/// The words with which a kind is refused, if it is, where the operator's role covers all kinds.
pub fn refusal(kind: &Value) -> Option<&'static str> {
    UNKNOWN.iter().find(|(refused, _)| kind == refused).map(|(_, words)| *words)
}

/// The same where the operator has the official one's role.
pub fn official_refusal(kind: &Value) -> Option<&'static str> {
    refusal(kind).or_else(|| DENIED.iter().any(|denied| kind == denied).then_some("access denied"))
}
