//! The grammar as JSON Schemas, by which editors complete and check mapping files. Says nothing that the grammar does not.
use serde_json::{Map, Value, json};

use super::grammar::{self, Key, Takes};

/// The schemas of the files of a target, by file name: of a mapping, of `target.toml`, of `types.toml`.
pub fn json_schemas() -> [(&'static str, Value); 3] {
    [
        ("schema.json", file("How a kind of resource is mapped to Kubernetes", grammar::MAPPING)),
        ("schema.target.json", file("What holds for all kinds of a target", grammar::TARGET)),
        ("schema.types.json", file("How types are written in JSON", grammar::TYPES)),
    ]
}

fn file(title: &str, keys: &[Key]) -> Value {
    let mut schema = table(keys);
    // The draft that the TOML editors know.
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!(title);
    schema
}

fn table(keys: &[Key]) -> Value {
    let properties: Map<_, _> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = takes(key.takes);
    schema["description"] = json!(key.doc);
    schema
}

fn takes(takes_: Takes) -> Value {
    match takes_ {
        Takes::Text => json!({ "type": "string" }),
        Takes::Word(words) => json!({ "type": "string", "enum": words }),
        Takes::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Takes::Whole => json!({ "type": "integer" }),
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Constant => json!({ "type": ["string", "boolean", "integer"] }),
        Takes::Calls(keys) => json!({
            "type": "array",
            "minItems": 1,
            "items": { "anyOf": [{ "type": "string" }, table(keys)] },
        }),
        Takes::Table(keys) => table(keys),
        Takes::Tables(keys) => json!({ "type": "array", "minItems": 1, "items": table(keys) }),
        Takes::Map(each) => json!({ "type": "object", "additionalProperties": takes(*each) }),
        Takes::Any => json!({}),
    }
}
