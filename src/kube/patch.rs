//! JSON patches that hold only for the object as it was read. A merge patch can't say that: on the status subresource
//! Kubernetes 1.37 ignores the uid in one, and writes to whatever has the name.
use kube::api::Patch;
use serde_json::{Value, json};

use super::object::Object;

/// The operation that fails when another object has the name by now.
pub(super) fn same_object(object: &Object) -> Value {
    json!({"op": "test", "path": "/metadata/uid", "value": object.uid()})
}

/// Operations as a patch to send.
pub(super) fn json_patch(operations: Value) -> kube::Result<Patch<()>> {
    serde_json::from_value(operations).map(Patch::Json).map_err(kube::Error::SerdeError)
}

/// A member's name as a part of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
