//! Who wrote what to the Kubernetes API, and read which objects, from its audit log. Changes nothing.
use std::fs;

use serde_json::Value;

use crate::kubernetes::{AUDIT_LOG, Kubernetes};

/// A request that the API server answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// As in `patch`.
    pub verb: String,
    /// The plural of what it was about, with the subresource: `pods/status`.
    pub resource: String,
    /// The object's name; empty where the server chose one.
    pub name: String,
    /// The HTTP status of the answer.
    pub code: u64,
}

impl Entry {
    /// Whether nothing was to be changed.
    pub fn reads(&self) -> bool {
        ["get", "list", "watch"].contains(&&*self.verb)
    }
}

/// All requests of a user in a namespace, as far as they are logged, in the order of their answers.
pub fn requests(cluster: &Kubernetes, user: &str, namespace: &str) -> Vec<Entry> {
    let log = fs::read_to_string(cluster.kubeconfig().with_file_name(AUDIT_LOG)).expect("the audit log");
    let lines = log.lines().filter(|line| line.contains(user));
    let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events
        .filter(|event| event["stage"] == "ResponseComplete")
        .filter(|event| event["user"]["username"] == user && event["objectRef"]["namespace"] == namespace)
        .map(|event| entry(&event))
        .collect()
}

fn entry(event: &Value) -> Entry {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let resource = match text(&object["subresource"]).as_str() {
        "" => text(&object["resource"]),
        subresource => format!("{}/{subresource}", text(&object["resource"])),
    };
    let code = event["responseStatus"]["code"].as_u64().unwrap_or_default();
    Entry { verb: text(&event["verb"]), resource, name: text(&object["name"]), code }
}
