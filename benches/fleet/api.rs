//! The Kubernetes API as people use it on the fleet: many requests at once, and a watch that counts what is there. Takes
//! as little of the machine as it can, because the operator is measured on the same one.
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::Client;
use kube::api::{Patch, PatchParams, PostParams, WatchEvent};
use kube::core::Request;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::roles::{API, name, role};

/// How long anything may take that is to happen at all.
const PATIENCE: Duration = Duration::from_secs(900);
/// Requests at once.
const PARALLEL: usize = 16;

/// The roles of a namespace.
pub struct Api {
    runtime: Runtime,
    client: Client,
    path: String,
    seen: watch::Receiver<Seen>,
}

/// What the watch knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Roles that are there.
    pub there: usize,
    /// Those of them that are in sync as they are now.
    pub ready: usize,
}

impl Api {
    /// For the namespace of the cluster that a kubeconfig leads to; the namespace has no roles yet.
    pub fn new(kubeconfig: &Path, namespace: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = runtime.block_on(teleport_operator::kube::connect::client(Some(kubeconfig), None));
        let client = client.expect("the kubeconfig is sound");
        let (version, _, plural) = API;
        let path = format!("/apis/{version}/namespaces/{namespace}/{plural}");
        let (tell, seen) = watch::channel(Seen::default());
        runtime.spawn(follow(client.clone(), path.clone(), tell));
        Self { runtime, client, path, seen }
    }

    /// Makes so many roles.
    pub fn create(&self, count: usize) {
        self.all((0..count).map(|index| vec![self.creation(index)]));
    }

    /// Makes so many roles, and writes to each what the operator wrote to `like`, in as many requests as the operator.
    pub fn create_like(&self, count: usize, like: &Value) {
        let finalizers = json!({"metadata": {"finalizers": like["metadata"]["finalizers"]}});
        let status = json!({"status": like["status"]});
        let written = |index: usize| {
            let params = PatchParams::default();
            let (path, name) = (Request::new(&*self.path), name(index));
            let finalizer = path.patch(&name, &params, &Patch::Merge(&finalizers)).expect("a request");
            let status = path.patch_subresource("status", &name, &params, &Patch::Merge(&status));
            vec![self.creation(index), finalizer, status.expect("a request")]
        };
        self.all((0..count).map(written));
    }

    fn creation(&self, index: usize) -> http::Request<Vec<u8>> {
        let body = role(index).to_string().into_bytes();
        Request::new(&*self.path).create(&PostParams::default(), body).expect("a request")
    }

    /// Asks for the deletion of so many roles.
    pub fn delete(&self, count: usize) {
        let delete = |index: usize| {
            vec![Request::new(&*self.path).delete(&name(index), &Default::default()).expect("a request")]
        };
        self.all((0..count).map(delete));
    }

    /// Changes a role.
    pub fn merge(&self, name: &str, patch: &Value) {
        let params = PatchParams::default();
        let request =
            Request::new(&*self.path).patch(name, &params, &Patch::Merge(patch)).expect("a request");
        self.all([vec![request]].into_iter());
    }

    /// A role as the server keeps it.
    pub fn get(&self, name: &str) -> Value {
        let request = Request::new(&*self.path).get(name, &Default::default()).expect("a request");
        self.runtime.block_on(self.client.request(request)).expect("it is there")
    }

    /// Sends many at once, those that stand together one after the other.
    fn all(&self, requests: impl Iterator<Item = Vec<http::Request<Vec<u8>>>>) {
        let send = |requests: Vec<_>| async {
            for request in requests {
                self.client.request_text(request).await?;
            }
            Ok(())
        };
        let sent = stream::iter(requests.map(send)).buffer_unordered(PARALLEL);
        let done: kube::Result<()> = self.runtime.block_on(sent.try_collect());
        done.expect("the API server takes it");
    }

    /// Waits until the roles are so; gives when that was.
    pub fn until(&self, what: &str, holds: impl Fn(&Seen) -> bool) -> Instant {
        let mut seen = self.seen.clone();
        let found = async {
            let wait = seen.wait_for(|seen| holds(seen));
            tokio::time::timeout(PATIENCE, wait).await.map(|found| drop(found.expect("the watch goes on")))
        };
        let found = self.runtime.block_on(found);
        assert!(found.is_ok(), "not so after {PATIENCE:?}: {what}: {:?}", *self.seen.borrow());
        Instant::now()
    }
}

/// What is read of a role: all else is skipped unseen.
#[derive(Debug, Clone, Deserialize)]
struct Light {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    name: String,
    generation: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: u64,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

impl Light {
    fn is_ready(&self) -> bool {
        let ready = |condition: &Condition| condition.r#type == "Ready" && condition.status == "True";
        self.status.observed_generation == self.metadata.generation
            && self.status.conditions.iter().any(ready)
    }
}

/// Counts what there is, until nobody wants to know or the stream ends.
async fn follow(client: Client, path: String, tell: watch::Sender<Seen>) {
    let uri = format!("{path}?watch=true&timeoutSeconds=7200");
    let request = http::Request::get(uri).body(Vec::new()).expect("a request");
    let events = client.request_events::<Light>(request).await.expect("a watch");
    let mut events = std::pin::pin!(events);
    let mut roles: HashMap<String, bool> = HashMap::new();
    while let Some(event) = events.next().await {
        let before = match event.expect("the watch goes on") {
            WatchEvent::Added(role) | WatchEvent::Modified(role) => {
                let ready = role.is_ready();
                (roles.insert(role.metadata.name, ready), Some(ready))
            }
            WatchEvent::Deleted(role) => (roles.remove(&role.metadata.name), None),
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(error) => panic!("the watch broke: {error:?}"),
        };
        tell.send_modify(|seen| {
            let (was, is) = before;
            seen.there = seen.there + usize::from(is.is_some()) - usize::from(was.is_some());
            seen.ready = seen.ready + usize::from(is == Some(true)) - usize::from(was == Some(true));
        });
    }
}
