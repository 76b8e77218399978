//! The engine's view of a real Kubernetes: its trait over the calls of `kube`.
use std::sync::Arc;

use kube::Client;
use kube::api::ApiResource;
use serde_json::Value;

use super::engine::Observer;
use super::ports::{Cluster, Note, Patched, SecretValue};
use crate::kube::call::Outcome;
use crate::kube::errors::Error;
use crate::kube::events::{self, EventType, Events};
use crate::kube::object::{self, Key, Object};
use crate::kube::{finalizer, secrets, status};
use crate::mapping::plan::{Kind, Kubernetes, Words};
use crate::target::gate::Permission;

/// A real Kubernetes.
pub struct RealCluster {
    client: Client,
    events: Events,
    finalizer: String,
    lookup: String,
    observer: Arc<dyn Observer>,
    permission: Arc<Permission>,
}

impl RealCluster {
    /// Kubernetes as the client reaches it, with the names of finalizer and annotation that the target uses. The
    /// observer counts the writes; `permission` is asked before each.
    pub fn new(
        client: Client,
        events: Events,
        words: &Words,
        observer: Arc<dyn Observer>,
        permission: Arc<Permission>,
    ) -> Self {
        let (finalizer, lookup) = (words.finalizer.clone(), words.lookup.clone());
        Self { client, events, finalizer, lookup, observer, permission }
    }

    /// Whether a write may be made now, which is then counted.
    fn writes(&self, resource: &ApiResource, verb: &'static str) -> Result<(), String> {
        (self.permission)()?;
        self.observer.wrote(&resource.kind, verb);
        Ok(())
    }
}

/// How the API server knows a kind, in the version that is stored.
pub fn api_resource(kubernetes: &Kubernetes) -> ApiResource {
    ApiResource {
        group: kubernetes.group.clone(),
        version: kubernetes.versions[0].clone(),
        api_version: kubernetes.api_version(),
        kind: kubernetes.kind.clone(),
        plural: kubernetes.plural.clone(),
    }
}

fn patched(outcome: Result<Outcome<Object>, Error>) -> Result<Patched, String> {
    match outcome {
        Ok(Outcome::Done(object)) => Ok(Patched::Done(Box::new(object))),
        Ok(Outcome::Gone) => Ok(Patched::Gone),
        Ok(Outcome::Conflict) => Ok(Patched::Conflict),
        Err(error) => Err(error.to_string()),
    }
}

impl Cluster for RealCluster {
    async fn get(&self, kind: &Kind, key: &Key) -> Result<Option<Object>, String> {
        let resource = api_resource(&kind.kubernetes);
        let read = object::get(&self.client, &resource, &key.namespace, &key.name).await;
        read.map_err(|error| error.to_string())
    }

    async fn add_finalizer(&self, kind: &Kind, object: &Object) -> Result<Patched, String> {
        let resource = api_resource(&kind.kubernetes);
        self.writes(&resource, "finalizer")?;
        patched(finalizer::add(&self.client, &resource, object, &self.finalizer).await)
    }

    async fn remove_finalizer(&self, kind: &Kind, object: &Object) -> Result<Patched, String> {
        let resource = api_resource(&kind.kubernetes);
        self.writes(&resource, "finalizer")?;
        patched(finalizer::remove(&self.client, &resource, object, &self.finalizer).await)
    }

    async fn patch_status(&self, kind: &Kind, object: &Object, status: &Value) -> Result<Patched, String> {
        let resource = api_resource(&kind.kubernetes);
        self.writes(&resource, "status")?;
        patched(status::patch(&self.client, &resource, object, status).await)
    }

    async fn secret(&self, object: &Object, secret: &str, key: &str) -> Result<SecretValue, String> {
        let lookup = secrets::Lookup {
            namespace: object.namespace(),
            secret,
            key,
            annotation: &self.lookup,
            reader: object.name(),
        };
        let found = secrets::read(&self.client, &lookup).await.map_err(|refused| refused.to_string())?;
        Ok(SecretValue { value: found.value, version: found.resource_version })
    }

    fn tell(&self, kind: &Kind, object: &Object, note: Note) {
        let note = events::Note {
            kind: if note.warning { EventType::Warning } else { EventType::Normal },
            reason: note.reason,
            action: note.action.to_owned(),
            note: note.text,
        };
        self.events.tell(&api_resource(&kind.kubernetes), object, note);
    }
}
