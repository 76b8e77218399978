//! JSON Schemas of manifests for editors and validators, out of the CRD's schema: what is Kubernetes' own in it is said in
//! the words of JSON Schema. Knows no kind and does no IO.
use serde_json::{Map, Value, json};

use crate::mapping::plan::{Kind, Words};

/// Understood by all editors; those that know a younger draft know this one too.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema of the manifests of a kind in one of its versions.
pub fn jsonschema(kind: &Kind, words: &Words, version: &str) -> Value {
    let kubernetes = &kind.kubernetes;
    let mut schema = standard(&super::root(kind, words));
    schema["$schema"] = json!(DRAFT);
    schema["title"] = json!(kubernetes.kind);
    schema["required"] = json!(["apiVersion", "kind", "metadata"]);
    let properties = &mut schema["properties"];
    properties["apiVersion"]["const"] = json!(format!("{}/{version}", kubernetes.group));
    properties["kind"]["const"] = json!(kubernetes.kind);
    properties["metadata"] = metadata(kind);
    schema
}

/// What people write there; the rest is the API server's.
fn metadata(kind: &Kind) -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": ["object", "null"], "additionalProperties": { "type": "string" } });
    let mut metadata = json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": text(), "namespace": text(), "labels": texts(), "annotations": texts() },
    });
    if let Some(name) = &kind.resource.singleton {
        metadata["properties"]["name"]["const"] = json!(name);
    }
    metadata
}

/// A structural schema in the words of JSON Schema. Members that it does not describe are refused where the API server
/// would drop them.
fn standard(structural: &Value) -> Value {
    let Value::Object(structural) = structural else { return structural.clone() };
    let mut schema = Map::new();
    for (word, value) in structural {
        match word.as_str() {
            "properties" => {
                let members = value.as_object().into_iter().flatten();
                let members: Map<_, _> =
                    members.map(|(name, member)| (name.clone(), standard(member))).collect();
                schema.insert(word.clone(), members.into());
            }
            "items" | "additionalProperties" => drop(schema.insert(word.clone(), standard(value))),
            "pattern" => {
                drop(schema.insert(word.clone(), json!(pattern(value.as_str().unwrap_or_default()))))
            }
            // The range of 64 bits says nothing in an editor, and `format` knows no integers.
            "format" if value == "int32" => {
                schema.insert("minimum".to_owned(), json!(i32::MIN));
                schema.insert("maximum".to_owned(), json!(i32::MAX));
            }
            "format" if value == "int64" => {}
            "nullable" => {}
            word if word.starts_with("x-kubernetes-") => {}
            _ => drop(schema.insert(word.clone(), value.clone())),
        }
    }
    let says = |word: &str| structural.get(word) == Some(&Value::Bool(true));
    if says("x-kubernetes-int-or-string") {
        schema.insert("type".to_owned(), json!(["integer", "string"]));
    }
    if let Some(type_) = schema.get("type").filter(|_| says("nullable")) {
        let nullable = json!([type_, "null"]);
        schema.insert("type".to_owned(), nullable);
    }
    if schema.contains_key("properties") && !says("x-kubernetes-preserve-unknown-fields") {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    schema.into()
}

/// ECMAScript, which JSON Schema's patterns are written in, has no `(?i)`: each letter is given in both cases.
fn pattern(go: &str) -> String {
    const FOLD: &str = "(?i)";
    let Some((before, folded)) = go.split_once(FOLD) else { return go.to_owned() };
    let both = |letter: char| match letter.is_ascii_alphabetic() {
        true => format!("[{}{}]", letter.to_ascii_lowercase(), letter.to_ascii_uppercase()),
        false => letter.to_string(),
    };
    before.chars().map(String::from).chain(folded.chars().map(both)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kubernetes_own_is_translated() {
        let structural = json!({
            "type": "object",
            "properties": {
                "a": { "x-kubernetes-int-or-string": true },
                "b": { "type": "array", "nullable": true, "items": { "type": "integer", "format": "int32" } },
                "c": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                "d": { "type": "object", "additionalProperties": { "type": "integer", "format": "int64" } },
                "e": { "x-kubernetes-preserve-unknown-fields": true, "pattern": "^(?i)(on|0)$" },
            },
        });
        let expected = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "a": { "type": ["integer", "string"] },
                "b": {
                    "type": ["array", "null"],
                    "items": { "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX },
                },
                "c": { "type": "object" },
                "d": { "type": "object", "additionalProperties": { "type": "integer" } },
                "e": { "pattern": "^([oO][nN]|0)$" },
            },
        });
        assert_eq!(standard(&structural), expected);
    }
}
