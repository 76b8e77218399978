//! The schema of `status`: conditions as all of Kubernetes writes them, and what the operator remembers there.
use serde_json::{Value, json};

use crate::mapping::plan::Words;

/// The schema of `status`.
pub(super) fn schema(words: &Words) -> Value {
    let mut schema = json!({
        "type": "object",
        "description": "What the operator last found and did.",
        "properties": {
            "conditions": { "type": "array", "items": condition(), "description": "What holds for the resource." },
            "observedGeneration": {
                "type": "integer",
                "format": "int64",
                "description": "The generation of this object that the conditions speak of.",
            },
            "record": record(),
            "policy": policy(),
            "lastHandledSync": {
                "type": "string",
                "description": "The last request to compare the resource that was handled, as its annotation had it.",
            },
        },
    });
    for (name, format) in &words.status {
        schema["properties"][name] = json!({ "type": "integer", "format": format });
    }
    schema
}

/// `metav1.Condition`, with the limits that its Go type declares.
fn condition() -> Value {
    json!({
        "type": "object",
        "required": ["lastTransitionTime", "message", "reason", "status", "type"],
        "properties": {
            "lastTransitionTime": {
                "type": "string",
                "format": "date-time",
                "description": "When the status last changed.",
            },
            "message": { "type": "string", "maxLength": 32768, "description": "For people." },
            "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0 },
            "reason": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1024,
                "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                "description": "For programs, in CamelCase.",
            },
            "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
            "type": {
                "type": "string",
                "maxLength": 316,
                "pattern": concat!(
                    "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?",
                    "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
                ),
            },
        },
    })
}

fn policy() -> Value {
    json!({
        "type": "object",
        "description": "The policies that hold for this object, without those that hold unless somebody says otherwise.",
        "properties": {
            "management": { "type": "string", "description": "What may be done to the resource." },
            "drift": { "type": "string", "description": "What becomes of a change that was made elsewhere." },
            "adopt": { "type": "string", "description": "Whether a resource that is not marked as ours is taken over." },
        },
    })
}

fn record() -> Value {
    json!({
        "type": "object",
        "description": "The last write that went through, by which the operator knows that nothing has changed since.",
        "properties": {
            "desired": { "type": "string", "description": "Hash of what was asked for." },
            "live": { "type": "string", "description": "Hash of the resource as the write left it." },
            "revision": { "type": "string", "description": "Revision of the resource after the write." },
        },
    })
}
