//! Who an operator is among several, across restarts: a text in a Secret, made when it is first asked for. It is the Secret's
//! uid then, so that whoever makes it makes the same, and no other cluster has it.
use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use super::call::call;
use super::errors::{Class, Error};

/// How often it is tried while others write to the Secret.
const TRIES: usize = 5;

/// What the first of these keys that is there holds in a Secret. Without any, the first is written; without a Secret, that is
/// made, and outlives the release.
///
/// # Errors
/// Those of the calls; [`Class::Invalid`] for what can't be a label's value.
pub async fn identity(
    client: &Client,
    namespace: &str,
    secret: &str,
    keys: &[String],
) -> Result<String, Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let what = format!("secrets {namespace}/{secret}");
    let mut last = None;
    for _ in 0..TRIES {
        let tried = match call("get", &what, api.get(secret)).await {
            Ok(found) => match held(&found, keys) {
                Some(held) => return checked(held, &what),
                None => keep(&api, secret, &found.metadata, keys, &what).await,
            },
            Err(error) if error.class == Class::Gone => make(&api, secret, &what).await,
            Err(error) => return Err(error),
        };
        match tried {
            Ok(()) => {}
            Err(error) if matches!(error.class, Class::Conflict | Class::Gone) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| refused(&what, "what was written isn't there")))
}

/// Whether the Secret is there.
///
/// # Errors
/// Those of the call.
pub async fn is_there(client: &Client, namespace: &str, secret: &str) -> Result<bool, Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = call("get", format!("secrets {namespace}/{secret}"), api.get_metadata_opt(secret)).await?;
    Ok(found.is_some())
}

fn held(secret: &Secret, keys: &[String]) -> Option<String> {
    let data = secret.data.as_ref()?;
    let ByteString(bytes) = keys.iter().filter_map(|key| data.get(key)).find(|value| !value.0.is_empty())?;
    Some(String::from_utf8_lossy(bytes).trim().to_owned())
}

/// Labels of a target take what labels of Kubernetes take.
fn checked(held: String, what: &str) -> Result<String, Error> {
    let is_edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let is_inner = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let good = held.len() <= 63
        && is_edge(held.chars().next())
        && is_edge(held.chars().last())
        && held.chars().all(is_inner);
    if good {
        Ok(held)
    } else {
        Err(refused(what, "what it holds as the operator's identity is no label's value"))
    }
}

fn refused(what: &str, why: &str) -> Error {
    Error { class: Class::Invalid, verb: "use", what: what.to_owned(), message: why.to_owned() }
}

async fn keep(
    api: &Api<Secret>,
    secret: &str,
    found: &ObjectMeta,
    keys: &[String],
    what: &str,
) -> Result<(), Error> {
    let (Some(key), Some(uid)) = (keys.first(), &found.uid) else {
        return Err(refused(what, "it has no uid"));
    };
    let data = BTreeMap::from([(key, ByteString(uid.clone().into_bytes()))]);
    // The version makes it hold only for the Secret as it was read.
    let patch =
        json!({ "metadata": { "uid": uid, "resourceVersion": found.resource_version }, "data": data });
    let parameters = PatchParams::default();
    call("patch", what, api.patch(secret, &parameters, &Patch::Merge(patch))).await.map(|_| ())
}

async fn make(api: &Api<Secret>, secret: &str, what: &str) -> Result<(), Error> {
    let annotations = BTreeMap::from([("helm.sh/resource-policy".to_owned(), "keep".to_owned())]);
    let metadata =
        ObjectMeta { name: Some(secret.to_owned()), annotations: Some(annotations), ..ObjectMeta::default() };
    let secret = Secret { metadata, type_: Some("Opaque".to_owned()), ..Secret::default() };
    call("create", what, api.create(&PostParams::default(), &secret)).await.map(|_| ())
}
