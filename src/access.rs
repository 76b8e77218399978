//! What the operator must be allowed to do, out of plans: its Role in Kubernetes, and its role in the target.
//! Knows no kind, and does no IO.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::mapping::plan::{Kind, Role};

/// The rules of the Kubernetes Role: the objects of these kinds in its namespace, and what the operator itself needs there.
pub fn kubernetes_rules(kinds: &[&Arc<Kind>]) -> Value {
    let mut plurals: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for kind in kinds {
        plurals.entry(&kind.kubernetes.group).or_default().insert(&kind.kubernetes.plural);
    }
    let mut rules = Vec::new();
    for (group, plurals) in plurals {
        let statuses: Vec<String> = plurals.iter().map(|plural| format!("{plural}/status")).collect();
        // A patch sets and drops the finalizer.
        rules.push(
            json!({ "apiGroups": [group], "resources": plurals, "verbs": ["get", "list", "patch", "watch"] }),
        );
        rules.push(json!({ "apiGroups": [group], "resources": statuses, "verbs": ["patch"] }));
    }
    rules.extend([
        json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"] }),
        json!({ "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"] }),
        json!({ "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"] }),
    ]);
    rules.into()
}

/// The role that the operator needs in the target for these kinds: a rule for each permission, with the verbs that the calls
/// of the mappings need, and the selectors.
pub fn target_role(role: &Role, kinds: &[&Arc<Kind>]) -> Value {
    let mut verbs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut selectors = BTreeSet::new();
    for kind in kinds {
        let access = &kind.resource.access;
        let needed = kind.resource.calls.by_name().into_iter().filter(|(_, calls)| !calls.is_empty());
        let needed = needed.filter_map(|(call, _)| role.verbs.get(call)).flatten();
        verbs.entry(&access.permission).or_default().extend(needed.map(String::as_str));
        selectors.extend(access.selector.as_deref());
    }
    let rules = verbs.iter().map(|(permission, verbs)| filled(&role.rule, permission, verbs)).collect();
    let mut document = role.document.clone();
    put(&mut document, &role.rules, rules);
    for (name, selector) in role.selectors.iter().filter(|(name, _)| selectors.contains(name.as_str())) {
        put(&mut document, &[role.within.as_slice(), std::slice::from_ref(name)].concat(), selector.clone());
    }
    document
}

/// A rule in which the permission and its verbs stand where they belong.
fn filled(rule: &Value, permission: &str, verbs: &BTreeSet<&str>) -> Value {
    match rule {
        Value::String(word) if word == "{permission}" => json!(permission),
        Value::String(word) if word == "{verbs}" => json!(verbs),
        Value::Array(items) => items.iter().map(|item| filled(item, permission, verbs)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, permission, verbs)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Sets a member, making the objects on the way; what is no object there is replaced.
fn put(at: &mut Value, way: &[String], value: Value) {
    let Some((name, rest)) = way.split_first() else {
        *at = value;
        return;
    };
    if !at.is_object() {
        *at = json!({});
    }
    put(&mut at[name.as_str()], rest, value);
}
