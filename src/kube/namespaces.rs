//! Watches the annotations of a namespace, which speak for all objects in it. Decides nothing about them.
use std::collections::BTreeMap;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, api::PartialObjectMeta};

use super::errors::Error;
use super::review::{Action, may};
use super::watch::{Event, Lists, watch_api};

/// A namespace and its annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotations {
    /// Its name.
    pub name: String,
    /// What they say.
    pub annotations: BTreeMap<String, String>,
}

/// Whether we may watch a namespace, or all.
///
/// # Errors
/// When Kubernetes does not answer.
pub async fn may_watch(client: &Client, name: Option<&str>) -> Result<bool, Error> {
    let action = Action {
        verb: "watch".to_owned(),
        resource: "namespaces".to_owned(),
        name: name.map(str::to_owned),
        ..Action::default()
    };
    may(client, &action).await
}

/// Watches one namespace, or all. Only metadata is asked for, and of one namespace no other's: leave for it is enough.
pub fn watch(
    client: &Client,
    name: Option<&str>,
    lists: Lists,
) -> impl Stream<Item = Event<Annotations>> + Send + use<> {
    let api = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
    let only = name.map(|name| format!("metadata.name={name}"));
    let what = format!("namespaces {}", name.unwrap_or_default()).trim_end().to_owned();
    let events = watch_api(api, what, lists, only.as_deref());
    events.map(|event| {
        event.map(|namespace| Annotations {
            name: namespace.metadata.name.unwrap_or_default(),
            annotations: namespace.metadata.annotations.unwrap_or_default(),
        })
    })
}
