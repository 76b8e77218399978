//! The status of an object: merging conditions as Kubernetes does, and writing them in one patch. Does not know what any
//! condition means.
/// `metav1.Condition`, as Kubernetes defines it.
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Client,
    api::{ApiResource, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    call::{Outcome, call},
    errors::Error,
    object::{Object, api, describe},
};

/// The conditions in a status; those that are not of the standard shape are left out.
pub fn read(status: &Value) -> Vec<Condition> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.filter_map(|condition| serde_json::from_value(condition.clone()).ok()).collect()
}

/// The old conditions with the new ones set, as `meta.SetStatusCondition` does: by type, in place, and with the time of
/// the last transition kept unless the status changes. A new condition's own time is not looked at. Conditions of other
/// types stay.
pub fn merge(old: &[Condition], new: Vec<Condition>, now: Timestamp) -> Vec<Condition> {
    let mut merged = old.to_vec();
    for mut condition in new {
        condition.last_transition_time = Time(whole_seconds(now));
        match merged.iter_mut().find(|there| there.type_ == condition.type_) {
            None => merged.push(condition),
            Some(there) => {
                if there.status == condition.status {
                    condition.last_transition_time = there.last_transition_time.clone();
                }
                *there = condition;
            }
        }
    }
    merged
}

/// `metav1.Time` is printed without fractions: with them, what was written would not equal what is read back.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Whether writing `new` over `old` would change anything.
pub fn changed(old: &[Condition], new: &[Condition]) -> bool {
    old != new
}

/// Merges `status` into the object's status: members that are not named stay, null removes one, and a list (conditions)
/// is replaced whole. An object with another uid, deleted and made again meanwhile, is never written.
///
/// With `resource_version`, nothing is written over anybody else's newer write either; it is needed where `status`
/// repeats what was read, such as conditions of others.
///
/// # Errors
/// As [`call`]; gone and conflict are outcomes instead.
pub async fn patch(
    client: &Client,
    resource: &ApiResource,
    (namespace, name): (&str, &str),
    uid: &str,
    resource_version: Option<&str>,
    status: &Value,
) -> Result<Outcome<Object>, Error> {
    let mut patch = json!({"metadata": {"uid": uid}, "status": status});
    if let Some(version) = resource_version {
        patch["metadata"]["resourceVersion"] = version.into();
    }
    let what = describe(resource, namespace, name);
    let (api, params, patch) =
        (api(client, resource, namespace), PatchParams::default(), Patch::Merge(&patch));
    Outcome::of(call("patch the status of", what, api.patch_status(name, &params, &patch)).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: &str, status: &str, message: &str, second: i64) -> Condition {
        Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: "R".to_owned(),
            message: message.to_owned(),
            observed_generation: Some(1),
            last_transition_time: Time(at(second)),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let old = [condition("A", "True", "x", 1), condition("B", "True", "x", 1)];
        let new = vec![condition("A", "True", "y", 5), condition("B", "False", "x", 5)];
        let merged = merge(&old, new, at(9));
        assert_eq!(merged, [condition("A", "True", "y", 1), condition("B", "False", "x", 9)]);
    }

    #[test]
    fn conditions_of_others_stay_and_order_is_kept() {
        let old = [condition("Theirs", "True", "x", 1), condition("B", "True", "x", 1)];
        let new = vec![condition("New", "True", "", 0), condition("B", "True", "x", 0)];
        let merged = merge(&old, new, at(9));
        let types: Vec<_> = merged.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, ["Theirs", "B", "New"]);
        assert!(changed(&old, &merged));
    }

    #[test]
    fn the_same_again_is_no_change_even_after_a_round_trip() {
        let now: Timestamp = "2026-11-23T10:00:00.123456Z".parse().unwrap();
        let first = merge(&[], vec![condition("A", "True", "x", 0)], now);
        let status = json!({"conditions": first});
        assert_eq!(status["conditions"][0]["lastTransitionTime"], "2026-11-23T10:00:00Z");
        let read = read(&status);
        let again = merge(&read, vec![condition("A", "True", "x", 0)], at(9));
        assert!(!changed(&read, &again));
        assert!(!changed(&first, &again));
    }

    #[test]
    fn a_strange_status_reads_as_empty() {
        for status in [json!(null), json!([]), json!({"conditions": 7}), json!({"conditions": [7]})] {
            assert!(read(&status).is_empty(), "{status}");
        }
    }
}
