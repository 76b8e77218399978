//! A namespace and a kind of one's own in a cluster that the tests share.
use std::{sync::Arc, time::Duration};

use kube::{Client, api::ApiResource};
use serde_json::{Value, json};
use teleport_operator::kube::{
    call::Outcome,
    connect, crds,
    object::{self, Object},
    status,
};

use crate::kubernetes::Kubernetes;

/// Long enough for anything that does happen, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster shared by the tests, and a namespace and a kind of one's own in it.
pub struct Corner {
    pub kubernetes: Arc<Kubernetes>,
    pub client: Client,
    pub name: &'static str,
    pub resource: ApiResource,
}

impl Corner {
    /// `name` is the namespace, and the plural of the kind.
    pub async fn new(name: &'static str) -> Self {
        let kubernetes = tokio::task::spawn_blocking(Kubernetes::shared).await.unwrap();
        kubernetes.namespace(name);
        let client = connect::client(Some(&kubernetes.kubeconfig()), None).await.unwrap();
        let kind = format!("Kind{name}");
        let resource = ApiResource {
            group: "example.dev".to_owned(),
            version: "v1".to_owned(),
            api_version: "example.dev/v1".to_owned(),
            kind,
            plural: name.to_owned(),
        };
        Self { kubernetes, client, name, resource }
    }

    pub async fn with_kind(name: &'static str) -> Self {
        let corner = Self::new(name).await;
        corner.install().await;
        corner
    }

    pub async fn install(&self) {
        crds::install(&self.client, &[self.definition()], "test", PATIENCE).await.unwrap();
    }

    pub fn definition(&self) -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.example.dev", self.name)},
            "spec": {
                "group": "example.dev",
                "names": {"kind": self.resource.kind, "plural": self.name},
                "scope": "Namespaced",
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    }},
                }],
            },
        })
    }

    pub fn apply(&self, name: &str, more: &Value) {
        let mut manifest = json!({
            "apiVersion": "example.dev/v1",
            "kind": self.resource.kind,
            "metadata": {"name": name, "namespace": self.name},
        });
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.kubernetes.kubectl_with(&["apply", "-f", "-"], &manifest.to_string());
    }

    pub fn delete(&self, name: &str) {
        self.kubernetes.kubectl(&["delete", "-n", self.name, self.name, name, "--wait=false"]);
    }

    pub async fn get(&self, name: &str) -> Option<Object> {
        object::get(&self.client, &self.resource, self.name, name).await.unwrap()
    }

    pub async fn patch_status(&self, object: &Object, members: Value) -> Outcome<Object> {
        status::patch(&self.client, &self.resource, object, &members).await.unwrap()
    }

    /// How many requests with this verb the server has had for the kind.
    pub fn requests(&self, verb: &str) -> u32 {
        let metrics = self.kubernetes.kubectl(&["get", "--raw", "/metrics"]);
        let ours = |line: &&str| {
            line.starts_with("apiserver_request_total{")
                && line.contains(&format!("resource=\"{}\"", self.name))
                && line.contains(&format!("verb=\"{verb}\""))
        };
        let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap();
        metrics.lines().filter(ours).map(count).sum()
    }
}
