//! Adds and removes one finalizer of an object, by a patch that is refused if anything about it isn't as it was read.
use kube::{
    Client,
    api::{ApiResource, PatchParams},
};
use serde_json::{Value, json};

use super::{
    call::{Outcome, call},
    errors::Error,
    object::{Object, api, describe},
    patch::{json_patch, same_object},
};

/// Adds a finalizer; no call is made if the object has it.
///
/// # Errors
/// As [`call`]; gone and conflict are outcomes instead.
pub async fn add(
    client: &Client,
    resource: &ApiResource,
    object: &Object,
    finalizer: &str,
) -> Result<Outcome<Object>, Error> {
    match adding(object, finalizer) {
        Some(operations) => apply(client, resource, object, operations).await,
        None => Ok(Outcome::Done(object.clone())),
    }
}

/// Removes a finalizer; no call is made if the object doesn't have it.
///
/// # Errors
/// As [`call`]; gone and conflict are outcomes instead.
pub async fn remove(
    client: &Client,
    resource: &ApiResource,
    object: &Object,
    finalizer: &str,
) -> Result<Outcome<Object>, Error> {
    match removing(object, finalizer) {
        Some(operations) => apply(client, resource, object, operations).await,
        None => Ok(Outcome::Done(object.clone())),
    }
}

fn adding(object: &Object, finalizer: &str) -> Option<Value> {
    let there = object.finalizers();
    if there.iter().any(|other| other == finalizer) {
        return None;
    }
    let (expected, path, value) = match there {
        // A missing list equals null in a test; `/-` needs a list that exists.
        [] => (Value::Null, "/metadata/finalizers", json!([finalizer])),
        _ => (json!(there), "/metadata/finalizers/-", json!(finalizer)),
    };
    Some(json!([
        same_object(object),
        // None may be added to what is being deleted.
        {"op": "test", "path": "/metadata/deletionTimestamp", "value": null},
        {"op": "test", "path": "/metadata/finalizers", "value": expected},
        {"op": "add", "path": path, "value": value},
    ]))
}

fn removing(object: &Object, finalizer: &str) -> Option<Value> {
    let position = object.finalizers().iter().position(|other| other == finalizer)?;
    let path = format!("/metadata/finalizers/{position}");
    Some(json!([
        same_object(object),
        {"op": "test", "path": path, "value": finalizer},
        {"op": "remove", "path": path},
    ]))
}

async fn apply(
    client: &Client,
    resource: &ApiResource,
    object: &Object,
    operations: Value,
) -> Result<Outcome<Object>, Error> {
    let what = describe(resource, object.namespace(), object.name());
    let patch = json_patch(operations).map_err(|error| Error::new("patch", &what, &error))?;
    let api = api(client, resource, object.namespace());
    Outcome::of(call("patch", what, api.patch(object.name(), &PatchParams::default(), &patch)).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(finalizers: &Value) -> Object {
        serde_json::from_value(json!({"metadata": {"name": "a", "uid": "u", "finalizers": finalizers}}))
            .unwrap()
    }

    #[test]
    fn adding_tests_the_whole_list() {
        assert_eq!(
            adding(&object(&json!(["x"])), "ours"),
            Some(json!([
                {"op": "test", "path": "/metadata/uid", "value": "u"},
                {"op": "test", "path": "/metadata/deletionTimestamp", "value": null},
                {"op": "test", "path": "/metadata/finalizers", "value": ["x"]},
                {"op": "add", "path": "/metadata/finalizers/-", "value": "ours"},
            ]))
        );
        let first = adding(&object(&Value::Null), "ours").unwrap();
        assert_eq!(first[2]["value"], Value::Null);
        assert_eq!(first[3]["value"], json!(["ours"]));
        assert_eq!(adding(&object(&json!(["ours"])), "ours"), None);
    }

    #[test]
    fn removing_names_ours_and_no_other() {
        assert_eq!(
            removing(&object(&json!(["x", "ours", "y"])), "ours"),
            Some(json!([
                {"op": "test", "path": "/metadata/uid", "value": "u"},
                {"op": "test", "path": "/metadata/finalizers/1", "value": "ours"},
                {"op": "remove", "path": "/metadata/finalizers/1"},
            ]))
        );
        assert_eq!(removing(&object(&json!(["x"])), "ours"), None);
        assert_eq!(removing(&object(&Value::Null), "ours"), None);
    }
}
