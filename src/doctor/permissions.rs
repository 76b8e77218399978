//! What an operator's roles in the target lack, as the rules to add. Pure: roles in, rules out.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::access::{rule, verbs};
use crate::mapping::plan::{Kind, Role};

/// Stands for every permission, or every verb.
const ALL: &str = "*";

/// The rules that these roles lack for these kinds.
pub(super) fn lacking(role: &Role, kinds: &[&Arc<Kind>], roles: &[Value]) -> Vec<Value> {
    let granted: Vec<_> = roles.iter().flat_map(|document| granted(role, document)).collect();
    let missing = verbs(role, kinds).into_iter().filter_map(|(permission, needed)| {
        let verbs: BTreeSet<&str> = granted
            .iter()
            .filter(|(permissions, _)| permissions.contains(permission) || permissions.contains(ALL))
            .flat_map(|(_, verbs)| verbs.iter().map(String::as_str))
            .collect();
        let missing: BTreeSet<_> = needed.into_iter().filter(|verb| !verbs.contains(verb)).collect();
        (!missing.is_empty() && !verbs.contains(ALL)).then(|| rule(role, permission, &missing))
    });
    missing.collect()
}

/// Permissions and verbs of a role's rules.
fn granted(role: &Role, document: &Value) -> Vec<(BTreeSet<String>, BTreeSet<String>)> {
    let members: BTreeMap<_, _> =
        ["{permission}", "{verbs}"].map(|word| (word, member(&role.rule, word))).into();
    let rules = role.rules.iter().fold(document, |at, name| &at[name.as_str()]);
    let texts = |rule: &Value, word: &str| -> BTreeSet<String> {
        match members[word].map(|member| &rule[member]) {
            Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => [text.clone()].into(),
            _ => BTreeSet::new(),
        }
    };
    let rules = rules.as_array().into_iter().flatten();
    rules.map(|rule| (texts(rule, "{permission}"), texts(rule, "{verbs}"))).collect()
}

/// The member of a rule that holds this word.
fn member<'a>(rule: &'a Value, word: &str) -> Option<&'a str> {
    let holds = |value: &Value| match value {
        Value::Array(items) => items.iter().any(|item| item == word),
        other => other == word,
    };
    rule.as_object()?.iter().find(|(_, value)| holds(value)).map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_to_add_are_those_that_no_role_has() {
        let target = crate::mapping::embedded().expect("the embedded mappings are sound");
        let role = target.role.as_ref().expect("it knows roles");
        let kinds: Vec<_> = target.kinds.iter().collect();
        let whole = crate::access::target_role(role, &kinds);
        assert_eq!(lacking(role, &kinds, std::slice::from_ref(&whole)), [json!(null); 0]);
        let everything =
            json!({ "spec": { "allow": { "rules": [{ "resources": ["*"], "verbs": ["*"] }] } } });
        assert_eq!(lacking(role, &kinds, &[everything]), [json!(null); 0]);

        let mut partly = whole.clone();
        let rules = partly["spec"]["allow"]["rules"].as_array_mut().expect("rules");
        rules[0]["verbs"] = json!(["read"]);
        let first = whole["spec"]["allow"]["rules"][0].clone();
        let missing = lacking(role, &kinds, &[partly.clone()]);
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0]["resources"], first["resources"]);
        assert!(!missing[0]["verbs"].as_array().expect("verbs").contains(&json!("read")));
        // Roles add up.
        assert_eq!(lacking(role, &kinds, &[partly, whole]), [json!(null); 0]);
        assert_eq!(lacking(role, &kinds, &[]).len(), verbs(role, &kinds).len());
    }
}
