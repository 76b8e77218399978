//! Applies manifests of any kind, as `kubectl apply --server-side` does. Does not make them.
use kube::Client;
use kube::api::{ApiResource, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::Value;

use super::call::call;
use super::errors::Error;
use super::object::{Object, api, describe};

/// Applies a manifest as `manager`, into `namespace` where it names none. Kinds that are not in `known` are taken to have
/// a regular plural.
///
/// # Errors
/// As [`call`].
pub async fn apply(
    client: &Client,
    manifest: &Value,
    namespace: &str,
    known: &[ApiResource],
    manager: &str,
) -> Result<Object, Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&manifest["apiVersion"]), text(&manifest["kind"]));
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let mut resource = known
        .iter()
        .find(|resource| resource.kind == kind && resource.group == group)
        .cloned()
        .unwrap_or_else(|| ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind)));
    resource.version = version.to_owned();
    resource.api_version.clone_from(&api_version);
    let namespace = manifest["metadata"]["namespace"].as_str().unwrap_or(namespace);
    let name = text(&manifest["metadata"]["name"]);
    let what = describe(&resource, namespace, &name);
    let params = PatchParams::apply(manager).force();
    let api = api(client, &resource, namespace);
    call("apply", what, api.patch(&name, &params, &Patch::Apply(manifest))).await
}
