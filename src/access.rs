//! What the operator must be allowed to do, out of plans: its Role in Kubernetes, its role in the target, and what else
//! must be there before it can join.
//! Knows no kind, and does no IO.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::mapping::plan::{Kind, Role, Target};

/// The rules of the Kubernetes Role: the objects of these kinds in its namespace, and what the operator itself needs there.
/// A ClusterRole lets it read the annotations of namespaces too, which a Role can't.
pub fn kubernetes_rules(kinds: &[&Arc<Kind>], cluster: bool) -> Value {
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
    if cluster {
        rules.push(json!({ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"] }));
    }
    rules.into()
}

/// The rule of the Role that lets an operator of a scope keep in this Secret who it is.
pub fn identity_rule(secret: &str) -> Value {
    json!({ "apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get", "patch"] })
}

/// The role that the operator needs in the target for these kinds: a rule for each permission, with the verbs that the calls
/// of the mappings need, and the selectors.
pub fn target_role(role: &Role, kinds: &[&Arc<Kind>]) -> Value {
    let selectors: BTreeSet<_> =
        kinds.iter().filter_map(|kind| kind.resource.access.selector.as_deref()).collect();
    let rules = verbs(role, kinds).iter().map(|(permission, verbs)| rule(role, permission, verbs)).collect();
    let mut document = role.document.clone();
    put(&mut document, &role.rules, rules);
    for (name, selector) in role.selectors.iter().filter(|(name, _)| selectors.contains(name.as_str())) {
        put(&mut document, &[role.within.as_slice(), std::slice::from_ref(name)].concat(), selector.clone());
    }
    document
}

/// The verbs that the calls of the mappings need, by permission.
pub fn verbs<'a>(role: &'a Role, kinds: &[&'a Arc<Kind>]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut verbs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for kind in kinds {
        let calls = kind.resource.calls.by_name().into_iter().filter(|(_, calls)| !calls.is_empty());
        let calls = calls.map(|(call, _)| call).chain(kind.resource.watched.as_ref().map(|_| "watch"));
        let needed = calls.filter_map(|call| role.verbs.get(call)).flatten();
        verbs.entry(&kind.resource.access.permission).or_default().extend(needed.map(String::as_str));
    }
    verbs
}

/// A rule of the target's that allows these verbs.
pub fn rule(role: &Role, permission: &str, verbs: &BTreeSet<&str>) -> Value {
    fill(&role.rule, &|word| match word {
        "{permission}" => Some(json!(permission)),
        "{verbs}" => Some(json!(verbs)),
        _ => None,
    })
}

/// What is to be made in the target before the operator can join it, in order: its role for these kinds, then the
/// documents of the target's own. None where the mappings say nothing of it, or know no such way.
pub fn setup(target: &Target, kinds: &[&Arc<Kind>], asked: &Asked) -> Option<Vec<Value>> {
    let (role, setup) = (target.role.as_ref()?, target.setup.as_ref()?);
    let mut role = target_role(role, kinds);
    put(&mut role, &["metadata".to_owned(), "name".to_owned()], json!(asked.role));
    let plain = |word: &str| match word {
        "{role}" => Some(json!(asked.role)),
        "{name}" => Some(json!(asked.name)),
        "{token}" => Some(json!(asked.token)),
        "{service-account}" => Some(json!(asked.service_account)),
        "{jwks}" => Some(json!(asked.jwks)),
        "{issuer}" => Some(json!(asked.issuer)),
        _ => None,
    };
    let way = fill(setup.ways.get(&asked.way)?, &plain);
    let all = |word: &str| if word == "{way}" { Some(way.clone()) } else { plain(word) };
    let documents = setup.documents.iter().map(|document| fill(document, &all));
    Some(std::iter::once(role).chain(documents).collect())
}

/// What people ask for in a setup.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Name of the operator's role.
    pub role: String,
    /// Name of the operator itself.
    pub name: String,
    /// Name of the token that it joins with.
    pub token: String,
    /// `namespace:name` of its service account.
    pub service_account: String,
    /// How it proves who it is: one of the setup's ways.
    pub way: String,
    /// Public keys that the cluster's tokens are signed with, as JSON.
    pub jwks: String,
    /// Who signs them.
    pub issuer: String,
}

/// A document in which what is asked for stands in place of each text that `value` knows.
fn fill(template: &Value, value: &dyn Fn(&str) -> Option<Value>) -> Value {
    match template {
        Value::String(word) => value(word).unwrap_or_else(|| template.clone()),
        Value::Array(items) => items.iter().map(|item| fill(item, value)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, inner)| (name.clone(), fill(inner, value)))
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
