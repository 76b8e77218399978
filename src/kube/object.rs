//! A Kubernetes object of any kind, held small: pruned metadata, and the rest as JSON text until somebody needs it.
//! A tree of JSON values takes about ten times the memory of its text (measured), so none is ever kept.
use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, Client, Resource,
    api::{ApiResource, ListParams, ObjectMeta},
    core::DynamicResourceScope,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{call::call, errors::Error};

/// What `kubectl apply` leaves behind: a second copy of the whole manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Which object: cheap to clone, to compare and to hash.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The Kubernetes kind, shared by all keys of that kind.
    pub kind: Arc<str>,
    /// The namespace; empty for an object of the whole cluster.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl Key {
    /// A key out of its parts.
    pub fn new(kind: impl Into<Arc<str>>, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An object as the API server gave it, without what nobody here needs: managed fields, owner references and the copy of
/// the manifest that `kubectl apply` keeps in an annotation.
#[derive(Clone)]
pub struct Object {
    /// Boxed: it takes 350 bytes, and objects travel in events and results.
    meta: Box<ObjectMeta>,
    /// All roots but metadata and status, as one JSON object.
    body: Box<str>,
    /// The status, as JSON; `null` where there is none.
    status: Box<str>,
}

impl Object {
    /// Its key; `kind` is handed in so that all keys of a kind share one name.
    pub fn key(&self, kind: &Arc<str>) -> Key {
        Key::new(kind.clone(), self.namespace(), self.name())
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.meta.name.as_deref().unwrap_or_default()
    }

    /// The namespace; empty for an object of the whole cluster.
    pub fn namespace(&self) -> &str {
        self.meta.namespace.as_deref().unwrap_or_default()
    }

    /// What tells it from an earlier or later object of the same name.
    pub fn uid(&self) -> &str {
        self.meta.uid.as_deref().unwrap_or_default()
    }

    /// The version of what was read. Opaque: fit for comparing for equality and for preconditions.
    pub fn resource_version(&self) -> &str {
        self.meta.resource_version.as_deref().unwrap_or_default()
    }

    /// Counts the changes of what is desired (not of metadata and status).
    pub fn generation(&self) -> i64 {
        self.meta.generation.unwrap_or_default()
    }

    /// Whether somebody asked for its deletion; it stays until its finalizers are gone.
    pub fn is_deleting(&self) -> bool {
        self.meta.deletion_timestamp.is_some()
    }

    /// What keeps it from going.
    pub fn finalizers(&self) -> &[String] {
        self.meta.finalizers.as_deref().unwrap_or_default()
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.meta.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether people asked for the same with another reading of it: finalizers and status, which are not theirs, aside.
    pub fn asks_as(&self, other: &Self) -> bool {
        self.uid() == other.uid()
            && self.generation() == other.generation()
            && self.is_deleting() == other.is_deleting()
            && self.meta.labels == other.meta.labels
            && self.meta.annotations == other.meta.annotations
    }

    /// The whole manifest but its status: apiVersion, kind, metadata (pruned), spec and whatever else stands at the root.
    pub fn json(&self) -> Value {
        let mut manifest = parse(&self.body);
        manifest["metadata"] = serde_json::to_value(&self.meta).unwrap_or_default();
        manifest
    }

    /// The status; null where there is none.
    pub fn status(&self) -> Value {
        parse(&self.status)
    }
}

/// Our own print of a value that was read before: it always parses.
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// Only says which object: its body may hold what must not be logged.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.namespace(), self.name(), self.resource_version())
    }
}

/// Reads through a tree of values, not `RawValue`: raw text can't be had where a watch event gives `object` before `type`.
impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Roots)
    }
}

struct Roots;

impl<'de> Visitor<'de> for Roots {
    type Value = Object;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let (mut metadata, mut status, mut body) = (Metadata::default(), Value::Null, Map::new());
        while let Some(root) = map.next_key::<String>()? {
            match root.as_str() {
                "metadata" => metadata = map.next_value()?,
                "status" => status = map.next_value()?,
                _ => drop(body.insert(root, map.next_value()?)),
            }
        }
        let print = |value: &Value| value.to_string().into_boxed_str();
        Ok(Object {
            meta: Box::new(metadata.into()),
            body: print(&Value::Object(body)),
            status: print(&status),
        })
    }
}

/// What is read of an object's metadata: managed fields, which are half of many an object, are passed over unseen.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    annotations: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
    uid: Option<String>,
}

impl From<Metadata> for ObjectMeta {
    fn from(read: Metadata) -> Self {
        let mut annotations = read.annotations;
        if let Some(annotations) = &mut annotations {
            annotations.remove(LAST_APPLIED);
        }
        Self {
            annotations: annotations.filter(|annotations| !annotations.is_empty()),
            creation_timestamp: read.creation_timestamp,
            deletion_timestamp: read.deletion_timestamp,
            finalizers: read.finalizers,
            generation: read.generation,
            labels: read.labels,
            name: read.name,
            namespace: read.namespace,
            resource_version: read.resource_version,
            uid: read.uid,
            ..Self::default()
        }
    }
}

impl Resource for Object {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// The calls for one kind, in one namespace (empty: for objects of the whole cluster).
pub(super) fn api(client: &Client, resource: &ApiResource, namespace: &str) -> Api<Object> {
    match namespace {
        "" => Api::all_with(client.clone(), resource),
        namespace => Api::namespaced_with(client.clone(), namespace, resource),
    }
}

/// How errors name an object: `widgets.example.dev default/a`.
pub(super) fn describe(resource: &ApiResource, namespace: &str, name: &str) -> String {
    let slash = if namespace.is_empty() { "" } else { "/" };
    let dot = if resource.group.is_empty() { "" } else { "." };
    format!("{}{dot}{} {namespace}{slash}{name}", resource.plural, resource.group)
}

/// Reads an object afresh; none where it does not exist.
///
/// # Errors
/// As [`call`].
pub async fn get(
    client: &Client,
    resource: &ApiResource,
    namespace: &str,
    name: &str,
) -> Result<Option<Object>, Error> {
    call("get", describe(resource, namespace, name), api(client, resource, namespace).get_opt(name)).await
}

/// Reads all objects of a kind in a namespace, or in all where it is empty.
///
/// # Errors
/// As [`call`].
pub async fn list(client: &Client, resource: &ApiResource, namespace: &str) -> Result<Vec<Object>, Error> {
    let api = api(client, resource, namespace);
    let what = describe(resource, namespace, "");
    Ok(call("list", what, api.list(&ListParams::default())).await?.items)
}

/// Objects that are asked for at once where nobody keeps them.
const PAGE: u32 = 500;

/// Reads a page of the objects of a kind, and the token of the next one (empty: this was the last). An empty namespace
/// means all, an empty token the first page.
///
/// # Errors
/// As [`call`]; *gone*, for a page that is not the first, says that the list must be begun again.
pub async fn page(
    client: &Client,
    resource: &ApiResource,
    namespace: &str,
    token: &str,
) -> Result<(Vec<Object>, String), Error> {
    let api = api(client, resource, namespace);
    let mut params = ListParams::default().limit(PAGE);
    params.continue_token = Some(token.to_owned()).filter(|token| !token.is_empty());
    let found = call("list", describe(resource, namespace, ""), api.list(&params)).await?;
    Ok((found.items, found.metadata.continue_.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use kube::api::WatchEvent;
    use serde_json::json;

    use super::*;

    fn manifest() -> Value {
        json!({
            "apiVersion": "example.dev/v1",
            "kind": "Widget",
            "metadata": {
                "name": "a",
                "namespace": "b",
                "uid": "u",
                "resourceVersion": "7",
                "generation": 2,
                "annotations": {LAST_APPLIED: "{}", "keep": "1"},
                "labels": {"l": "v"},
                "managedFields": [{"manager": "kubectl", "operation": "Update"}],
            },
            "scope": "/eu",
            "spec": {"big": 18446744073709551615_u64, "list": [1, null]},
            "status": {"conditions": []},
        })
    }

    #[test]
    fn what_nobody_needs_is_pruned_and_the_rest_comes_back() {
        let object: Object = serde_json::from_value(manifest()).unwrap();
        let mut expected = manifest();
        let root = expected.as_object_mut().unwrap();
        let status = root.remove("status").unwrap();
        root["metadata"].as_object_mut().unwrap().remove("managedFields");
        root["metadata"]["annotations"] = json!({"keep": "1"});
        assert_eq!(object.json(), expected);
        assert_eq!(object.status(), status);
        assert_eq!(object.key(&"Widget".into()).to_string(), "Widget b/a");
        assert_eq!((object.uid(), object.resource_version(), object.generation()), ("u", "7", 2));
        assert_eq!(object.annotation("keep"), Some("1"));
        assert!(!object.is_deleting());
    }

    #[test]
    fn an_empty_annotation_map_is_not_kept() {
        let object: Object =
            serde_json::from_value(json!({"metadata": {"annotations": {LAST_APPLIED: "{}"}}})).unwrap();
        assert_eq!(object.json(), json!({"metadata": {}}));
        assert_eq!(object.status(), Value::Null);
    }

    #[test]
    fn a_watch_event_may_give_its_parts_in_any_order() {
        for text in [
            r#"{"type":"ADDED","object":{"metadata":{"name":"a"},"spec":{"x":1}}}"#,
            r#"{"object":{"metadata":{"name":"a"},"spec":{"x":1}},"type":"ADDED"}"#,
        ] {
            let WatchEvent::Added(object) = serde_json::from_str::<WatchEvent<Object>>(text).unwrap() else {
                panic!("not added: {text}");
            };
            assert_eq!(object.json(), json!({"metadata": {"name": "a"}, "spec": {"x": 1}}));
        }
    }

    #[test]
    fn debug_shows_no_body() {
        let mut manifest = manifest();
        manifest["spec"]["token"] = json!("hunter2");
        let object: Object = serde_json::from_value(manifest).unwrap();
        assert_eq!(format!("{object:?}"), "b/a@7");
    }
}
