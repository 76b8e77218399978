//! CustomResourceDefinitions out of plans, as JSON values. Knows no kind and no Kubernetes type, and does no IO.
mod jsonschema;
mod schema;
mod status;

pub use jsonschema::jsonschema;
use serde_json::{Value, json};

use crate::mapping::plan::{Kind, Words};

/// The `apiextensions.k8s.io/v1` CustomResourceDefinition of a kind. The same plan gives the same value, byte for byte.
pub fn crd(kind: &Kind, words: &Words) -> Value {
    let kubernetes = &kind.kubernetes;
    let versions: Vec<Value> = kubernetes
        .versions
        .iter()
        .enumerate()
        .map(|(index, name)| version(kind, words, name, index == 0))
        .collect();
    let mut names = json!({
        "kind": kubernetes.kind,
        "listKind": format!("{}List", kubernetes.kind),
        "plural": kubernetes.plural,
        "singular": kubernetes.singular,
        "categories": [words.category],
    });
    if !kubernetes.short_names.is_empty() {
        names["shortNames"] = json!(kubernetes.short_names);
    }
    let mut metadata = json!({ "name": name(kind) });
    if let (Some(annotation), Some(_)) = (&words.scoped_kind, &kind.resource.scope) {
        metadata["annotations"] = json!({ annotation: "true" });
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": { "group": kubernetes.group, "names": names, "scope": "Namespaced", "versions": versions },
    })
}

/// The name of a kind's CustomResourceDefinition: its plural and its group.
pub fn name(kind: &Kind) -> String {
    format!("{}.{}", kind.kubernetes.plural, kind.kubernetes.group)
}

fn version(kind: &Kind, words: &Words, name: &str, storage: bool) -> Value {
    let mut version = json!({
        "name": name,
        "served": true,
        "storage": storage,
        "schema": { "openAPIV3Schema": root(kind, words) },
        "subresources": { "status": {} },
    });
    let columns = columns(kind);
    if !columns.is_empty() {
        version["additionalPrinterColumns"] = json!(columns);
    }
    version
}

/// The columns, and with them the age, which the API server shows by itself only where there are no others; members
/// beside the specification have a column each, as in the official CRDs.
fn columns(kind: &Kind) -> Vec<Value> {
    let column = |name: &str, type_: &str, path: &str, description: &str| json!({ "name": name, "type": type_, "jsonPath": path, "description": description });
    let own = kind.kubernetes.columns.iter().map(|c| column(&c.name, "string", &c.path, &c.description));
    let mut columns: Vec<Value> = own.collect();
    if !columns.is_empty() {
        columns.push(column("Age", "date", ".metadata.creationTimestamp", "The age of this resource"));
    }
    let beside = kind.resource.root.iter();
    columns.extend(
        beside.map(|name| column(name, "string", &format!(".{name}"), &format!("Resource's {name}."))),
    );
    columns
}

fn root(kind: &Kind, words: &Words) -> Value {
    let mut spec = schema::spec(&kind.resource);
    spec["description"] = json!(description(kind));
    if kind.resource.immutable {
        let message = "nothing changes this once it is made: delete the object, and make another one";
        spec["x-kubernetes-validations"] = json!([{ "message": message, "rule": "self == oldSelf" }]);
    }
    let mut root = json!({
        "type": "object",
        "description": format!("{} is the schema of {}.", kind.kubernetes.kind, kind.kubernetes.plural),
        "properties": {
            "apiVersion": { "type": "string", "description": "Group and version of this schema." },
            "kind": { "type": "string", "description": "The kind of this resource." },
            "metadata": { "type": "object" },
            "spec": spec,
            "status": status::schema(words),
        },
    });
    for (name, member) in schema::beside(&kind.resource) {
        root["properties"][name] = member;
    }
    let singleton = kind.resource.singleton.as_ref().filter(|_| kind.kubernetes.name_rule);
    if let Some(name) = singleton {
        // A JSON string is a CEL string.
        let name = Value::from(name.as_str());
        root["x-kubernetes-validations"] = json!([{ "message": format!("resource must be named {name}"), "rule": format!("self.metadata.name == {name}") }]);
    }
    root
}

/// What the specification stands for, in the words of the mapping.
fn description(kind: &Kind) -> String {
    let constants: Vec<String> =
        kind.constants.iter().map(|constant| format!("{} {}", constant.json, constant.value)).collect();
    format!("Specification of the resource ({}).", constants.join(", "))
}
