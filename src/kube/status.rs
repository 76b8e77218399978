//! The status of an object: merging conditions as Kubernetes does, and writing them in one patch. Does not know what any
//! condition means.
/// `metav1.Condition`, as Kubernetes defines it.
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Client,
    api::{ApiResource, PatchParams},
};
use serde_json::{Map, Value, json};

use super::{
    call::{Outcome, call},
    errors::Error,
    object::{Object, api, describe},
    patch::{escape, json_patch, same_object},
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

/// Sets members of an object's status, a JSON object, each as a whole (so conditions, too: see [`merge`]); null removes
/// one, and members that are not named stay. Nothing is written unless these members are still as they were read with `object`, and nothing
/// ever to an object of another uid, deleted and made again meanwhile. No call is made if nothing would change.
///
/// # Errors
/// As [`call`]; gone and conflict are outcomes instead.
pub async fn patch(
    client: &Client,
    resource: &ApiResource,
    object: &Object,
    members: &Value,
) -> Result<Outcome<Object>, Error> {
    let changes = members.as_object().map(|members| changes(&object.status(), members)).unwrap_or_default();
    if changes.is_empty() {
        return Ok(Outcome::Done(object.clone()));
    }
    let operations = std::iter::once(same_object(object)).chain(changes).collect();
    let what = describe(resource, object.namespace(), object.name());
    let patch = json_patch(operations).map_err(|error| Error::new("patch", &what, &error))?;
    let api = api(client, resource, object.namespace());
    let params = PatchParams::default();
    Outcome::of(call("patch the status of", what, api.patch_status(object.name(), &params, &patch)).await)
}

/// The operations that set the members that differ, each tested to be as it was.
fn changes(old: &Value, members: &Map<String, Value>) -> Vec<Value> {
    if old.is_null() {
        let new: Map<_, _> = members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let create = [
            json!({"op": "test", "path": "/status", "value": null}),
            json!({"op": "add", "path": "/status", "value": new}),
        ];
        return if new.is_empty() { Vec::new() } else { create.into() };
    }
    let differing = members.iter().filter(|(name, value)| old.get(*name).unwrap_or(&Value::Null) != *value);
    differing.flat_map(|(name, value)| change(old.get(name), name, value)).collect()
}

fn change(old: Option<&Value>, name: &str, value: &Value) -> [Value; 2] {
    let path = format!("/status/{}", escape(name));
    let write = match value {
        Value::Null => json!({"op": "remove", "path": path}),
        value => json!({"op": "add", "path": path, "value": value}),
    };
    [json!({"op": "test", "path": path, "value": old}), write]
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
    fn only_what_differs_is_written_and_only_over_what_was_read() {
        let old = json!({"a": 1, "b": 2, "theirs": 3, "x/y~z": 4});
        let Value::Object(members) = json!({"a": 1, "b": null, "c": [5], "none": null, "x/y~z": 6}) else {
            unreachable!()
        };
        assert_eq!(
            Value::Array(changes(&old, &members)),
            json!([
                {"op": "test", "path": "/status/b", "value": 2},
                {"op": "remove", "path": "/status/b"},
                {"op": "test", "path": "/status/c", "value": null},
                {"op": "add", "path": "/status/c", "value": [5]},
                {"op": "test", "path": "/status/x~1y~0z", "value": 4},
                {"op": "add", "path": "/status/x~1y~0z", "value": 6},
            ])
        );
        assert_eq!(
            Value::Array(changes(&Value::Null, &members)),
            json!([
                {"op": "test", "path": "/status", "value": null},
                {"op": "add", "path": "/status", "value": {"a": 1, "c": [5], "x/y~z": 6}},
            ])
        );
    }

    #[test]
    fn no_change_needs_no_operation() {
        let members = Map::from_iter([("a".to_owned(), json!(1)), ("b".to_owned(), Value::Null)]);
        assert!(changes(&json!({"a": 1, "theirs": 2}), &members).is_empty());
        assert!(changes(&Value::Null, &Map::from_iter([("b".to_owned(), Value::Null)])).is_empty());
    }

    #[test]
    fn a_strange_status_reads_as_empty() {
        for status in [json!(null), json!([]), json!({"conditions": 7}), json!({"conditions": [7]})] {
            assert!(read(&status).is_empty(), "{status}");
        }
    }
}
