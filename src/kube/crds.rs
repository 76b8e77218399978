//! Custom resource definitions: installs them, waits until they work, and finds out which are there. Does not make them.
use std::{collections::HashSet, time::Duration};

use kube::{
    Api, Client,
    api::{ApiResource, Patch, PatchParams},
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    call::call,
    errors::{Class, Error},
    object::Object,
};

/// Time between two looks at a definition that is not established yet; it usually takes less than a second.
const LOOK: Duration = Duration::from_millis(100);

/// Why definitions are not in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A definition has no name.
    #[error("a CustomResourceDefinition has no metadata.name")]
    Unnamed,
    /// A call failed.
    #[error(transparent)]
    Kubernetes(#[from] Error),
    /// The server accepted it, but does not serve it.
    #[error("CustomResourceDefinition {name} is not established after {seconds} s: {reason}")]
    NotEstablished {
        /// The definition.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// What the server says about it.
        reason: String,
    },
}

/// Installs or updates definitions by server-side apply as `manager`, and waits until each is established, but in all not
/// longer than `timeout`.
///
/// # Errors
/// The first failure; what was applied before stays.
pub async fn install(
    client: &Client,
    definitions: &[Value],
    manager: &str,
    timeout: Duration,
) -> Result<(), Failure> {
    let api = api(client);
    let params = PatchParams::apply(manager).force();
    let mut names = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let name = definition["metadata"]["name"].as_str().ok_or(Failure::Unnamed)?;
        call("apply", what(name), api.patch(name, &params, &Patch::Apply(definition))).await?;
        names.push(name);
    }
    let deadline = Instant::now() + timeout;
    for name in names {
        until_established(&api, name, deadline, timeout).await?;
    }
    Ok(())
}

async fn until_established(
    api: &Api<Object>,
    name: &str,
    deadline: Instant,
    timeout: Duration,
) -> Result<(), Failure> {
    loop {
        let status = call("get", what(name), api.get(name)).await?.status();
        if is(&status, "Established", "True") {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let reason = obstacle(&status);
            return Err(Failure::NotEstablished {
                name: name.to_owned(),
                seconds: timeout.as_secs(),
                reason,
            });
        }
        sleep(LOOK).await;
    }
}

fn api(client: &Client) -> Api<Object> {
    let resource = ApiResource {
        group: "apiextensions.k8s.io".to_owned(),
        version: "v1".to_owned(),
        api_version: "apiextensions.k8s.io/v1".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
        plural: "customresourcedefinitions".to_owned(),
    };
    Api::all_with(client.clone(), &resource)
}

fn what(name: &str) -> String {
    format!("customresourcedefinitions {name}")
}

fn conditions(status: &Value) -> impl Iterator<Item = &Value> {
    status["conditions"].as_array().into_iter().flatten()
}

fn is(status: &Value, kind: &str, value: &str) -> bool {
    conditions(status).any(|condition| condition["type"] == kind && condition["status"] == value)
}

/// What the server says against it.
fn obstacle(status: &Value) -> String {
    let against = conditions(status).filter(|condition| condition["status"] == "False");
    let reasons: Vec<_> = against.filter_map(|condition| condition["message"].as_str()).collect();
    if reasons.is_empty() { "the server gives no reason".to_owned() } else { reasons.join("; ") }
}

/// Which of the resources the server serves, by discovery: that needs no rights but to be known to the server.
///
/// # Errors
/// As [`call`].
pub async fn served(client: &Client, wanted: &[ApiResource]) -> Result<Vec<ApiResource>, Error> {
    let versions: HashSet<&str> = wanted.iter().map(|resource| resource.api_version.as_str()).collect();
    let mut there = HashSet::new();
    for version in versions {
        match call("discover", version, client.list_api_group_resources(version)).await {
            Ok(list) => {
                there.extend(list.resources.into_iter().map(|found| (version.to_owned(), found.name)));
            }
            Err(error) if error.class == Class::Gone => {}
            Err(error) => return Err(error),
        }
    }
    let is_there =
        |resource: &&ApiResource| there.contains(&(resource.api_version.clone(), resource.plural.clone()));
    Ok(wanted.iter().filter(is_there).cloned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refused_definition_says_why() {
        let status = json!({"conditions": [
            {"type": "NamesAccepted", "status": "False", "message": "\"Widget\" is already in use"},
            {"type": "Established", "status": "False", "message": "not all names are accepted"},
        ]});
        assert!(!is(&status, "Established", "True"));
        assert_eq!(obstacle(&status), "\"Widget\" is already in use; not all names are accepted");
        assert_eq!(obstacle(&json!(null)), "the server gives no reason");
    }
}
