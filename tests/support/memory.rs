//! A Kubernetes in memory that does as it is told, for tests of the engine that are not about it. Knows no kind.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use teleport_operator::kube::object::{Key, Object};
use teleport_operator::mapping::plan::Kind;
use teleport_operator::sync::engine::Observer;
use teleport_operator::sync::ports::{self, Note, Patched, SecretValue};
use teleport_operator::sync::queue::Turn;
use tokio::time::sleep;

pub const NAMESPACE: &str = "here";

/// All objects, and how long each call takes.
#[derive(Clone, Default)]
pub struct Cluster {
    objects: Arc<Mutex<HashMap<Key, Value>>>,
    call: Duration,
}

/// An object's key.
pub fn key(manifest: &Value) -> Key {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Key::new(text(&manifest["kind"]), NAMESPACE, text(&manifest["metadata"]["name"]))
}

fn read(manifest: &Value) -> Object {
    serde_json::from_value(manifest.clone()).expect("an object")
}

impl Cluster {
    /// One whose calls take so long.
    pub fn slow(call: Duration) -> Self {
        Self { call, ..Self::default() }
    }

    /// Makes or replaces an object, and gives it as a watch would.
    pub fn apply(&self, manifest: Value) -> Object {
        let object = read(&manifest);
        self.objects.lock().expect("whole").insert(key(&manifest), manifest);
        object
    }

    /// An object as it is now.
    pub fn manifest(&self, key: &Key) -> Option<Value> {
        self.objects.lock().expect("whole").get(key).cloned()
    }

    pub fn is_empty(&self) -> bool {
        self.objects.lock().expect("whole").is_empty()
    }

    async fn change(&self, object: &Object, change: impl FnOnce(&mut Value)) -> Result<Patched, String> {
        sleep(self.call).await;
        let mut objects = self.objects.lock().expect("whole");
        let key = key(&object.json());
        let Some(manifest) = objects.get_mut(&key) else { return Ok(Patched::Gone) };
        change(manifest);
        let patched = Patched::Done(Box::new(read(manifest)));
        let finalizers = manifest["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
        if finalizers && !manifest["metadata"]["deletionTimestamp"].is_null() {
            objects.remove(&key);
        }
        Ok(patched)
    }
}

impl ports::Cluster for Cluster {
    async fn get(&self, _: &Kind, key: &Key) -> Result<Option<Object>, String> {
        sleep(self.call).await;
        Ok(self.manifest(key).as_ref().map(read))
    }

    async fn add_finalizer(&self, _: &Kind, object: &Object) -> Result<Patched, String> {
        let finalizer = json!(["resources.teleport.dev/deletion"]);
        self.change(object, |manifest| manifest["metadata"]["finalizers"] = finalizer).await
    }

    async fn remove_finalizer(&self, _: &Kind, object: &Object) -> Result<Patched, String> {
        self.change(object, |manifest| manifest["metadata"]["finalizers"] = json!([])).await
    }

    async fn patch_status(&self, _: &Kind, object: &Object, status: &Value) -> Result<Patched, String> {
        let members = status.as_object().expect("members").clone();
        let merge = |manifest: &mut Value| {
            members.into_iter().for_each(|(name, value)| manifest["status"][name] = value);
        };
        self.change(object, merge).await
    }

    async fn secret(&self, _: &Object, _: &str, _: &str) -> Result<SecretValue, String> {
        Ok(SecretValue { value: "value".to_owned(), version: "1".to_owned() })
    }

    fn tell(&self, _: &Kind, _: &Object, _: Note) {}
}

/// Nobody watches the engine.
pub struct Nobody;

impl Observer for Nobody {
    fn pass(&self, _: &Turn, _: &'static str, _: Duration) {}
    fn wrote(&self, _: &str, _: &'static str) {}
}
