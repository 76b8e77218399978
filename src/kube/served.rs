//! What an API server serves: its version, and the schemas of a group's kinds, which everybody may read.
use http::Request;
use kube::Client;
use serde_json::Value;

use super::call::call;
use super::errors::{Class, Error};

/// The server's version, such as `v1.37.2`.
///
/// # Errors
/// When it can't be reached, or does not know us.
pub async fn version(client: &Client) -> Result<String, Error> {
    call("get", "the server's version", client.apiserver_version()).await.map(|info| info.git_version)
}

/// The schemas that the server serves for a version of an API group; none if it serves no such thing.
///
/// # Errors
/// When it does not answer.
pub async fn schemas(client: &Client, group: &str, version: &str) -> Result<Vec<Value>, Error> {
    let path = format!("/openapi/v3/apis/{group}/{version}");
    let request = Request::get(&path).body(Vec::new()).map_err(kube::Error::HttpError);
    let answer = call("get", path, async { client.request::<Value>(request?).await }).await;
    let mut document = match answer {
        Err(error) if error.class == Class::Gone => return Ok(Vec::new()),
        answer => answer?,
    };
    let schemas = document["components"]["schemas"].as_object_mut().map(std::mem::take);
    Ok(schemas.into_iter().flatten().map(|(_, schema)| schema).collect())
}

/// The schema of a kind among those of its group and version.
pub fn of_kind<'a>(schemas: &'a [Value], kind: &str) -> Option<&'a Value> {
    schemas.iter().find(|schema| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.into_iter().flatten().any(|known| known["kind"] == kind)
    })
}
