//! Whether a served schema has all that ours has. Pure.
use serde_json::Value;

/// Paths of members that `ours` has and `served` lacks: the served definition is older. Both are OpenAPI schemas.
pub(super) fn lacking(ours: &Value, served: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    walk(ours, served, &mut String::new(), &mut paths);
    paths
}

fn walk(ours: &Value, served: &Value, at: &mut String, paths: &mut Vec<String>) {
    // What is behind a reference is Kubernetes' own, and what is kept whatever it is lacks nothing.
    if served["$ref"].is_string() || served["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    let end = at.len();
    for (name, inner) in ours["properties"].as_object().into_iter().flatten() {
        if !at.is_empty() {
            at.push('.');
        }
        at.push_str(name);
        match served["properties"].get(name) {
            Some(known) => walk(inner, known, at, paths),
            None => paths.push(at.clone()),
        }
        at.truncate(end);
    }
    for (member, sign) in [("items", "[]"), ("additionalProperties", ".*")] {
        if ours[member].is_object() && served[member].is_object() {
            at.push_str(sign);
            walk(&ours[member], &served[member], at, paths);
            at.truncate(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_is_named_where_it_would_stand() {
        let ours = json!({ "properties": { "spec": { "properties": {
            "old": {},
            "new": {},
            "rules": { "items": { "properties": { "verbs": {}, "where": {} } } },
            "any": { "additionalProperties": { "properties": { "x": {} } } },
            "free": { "properties": { "x": {} } },
        } }, "metadata": { "properties": { "x": {} } } } });
        let served = json!({ "properties": { "spec": { "properties": {
            "old": {},
            "older": {},
            "rules": { "items": { "properties": { "verbs": {} } } },
            "any": { "additionalProperties": { "properties": {} } },
            "free": { "x-kubernetes-preserve-unknown-fields": true },
        } }, "metadata": { "$ref": "#/x" } } });
        assert_eq!(lacking(&ours, &served), ["spec.any.*.x", "spec.new", "spec.rules[].where"]);
        assert_eq!(lacking(&served, &served), [""; 0]);
    }
}
