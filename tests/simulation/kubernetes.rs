//! Kubernetes in memory: objects with the rules of the API server that the operator relies on, Secrets, and a log of
//! changes that watches follow. Knows nothing of targets.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};
use teleport_operator::kube::object::Object;
use teleport_operator::sync::ports::{Patched, SecretValue};
use tokio::time::Instant;

/// The one namespace.
pub const NAMESPACE: &str = "ns";

/// Kind and name.
pub type Id = (String, String);

/// What a watch tells.
#[derive(Debug, Clone)]
pub enum Change {
    Applied(Value),
    Deleted(Value),
}

impl Change {
    /// The name of the object that changed.
    pub fn name(&self) -> &Value {
        let (Self::Applied(object) | Self::Deleted(object)) = self;
        &object["metadata"]["name"]
    }
}

#[derive(Debug, Clone)]
struct Secret {
    version: String,
    values: BTreeMap<String, String>,
}

/// The API server.
#[derive(Default)]
pub struct ApiServer {
    /// The annotation that asks to be left alone.
    ignore: String,
    /// Since when objects ask for it.
    ignored: BTreeMap<Id, Instant>,
    objects: BTreeMap<Id, Value>,
    secrets: BTreeMap<String, Secret>,
    log: BTreeMap<String, Vec<Change>>,
    secret_log: Vec<(String, String)>,
    lease: Option<Value>,
    /// Objects as they were, with the time since when: for a reader whose cache lags.
    past: BTreeMap<Id, Vec<(Instant, Value)>>,
    version: u64,
    uids: u64,
    /// Writes of the operator.
    pub writes: u64,
    /// Those that are made again as soon as they are gone.
    pub reborn: BTreeSet<Id>,
    /// Those whose finalizer somebody took away, and that are gone now: nobody could see to their resources.
    pub unheld: BTreeSet<Id>,
    /// Those whose finalizer somebody took away, and that have not got it back.
    stripped: BTreeSet<Id>,
}

impl ApiServer {
    pub fn new(ignore: &str) -> Self {
        Self { ignore: ignore.to_owned(), ..Self::default() }
    }

    /// For how long an object has asked to be left alone.
    pub fn ignored_for(&self, id: &Id) -> Option<Duration> {
        self.ignored.get(id).map(Instant::elapsed)
    }

    pub fn object(&self, id: &Id) -> Option<&Value> {
        self.objects.get(id)
    }

    pub fn objects(&self) -> impl Iterator<Item = (&Id, &Value)> {
        self.objects.iter()
    }

    /// What a watch tells of a kind, from a place in its log on.
    pub fn log(&self, kind: &str) -> &[Change] {
        self.log.get(kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// All objects of a kind.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        self.objects
            .iter()
            .filter(|((found, _), _)| found == kind)
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Names and versions of Secrets, in the order in which they changed; no version: gone.
    pub fn secret_log(&self) -> &[(String, String)] {
        &self.secret_log
    }

    /// Names and versions of all Secrets.
    pub fn secrets(&self) -> Vec<(String, String)> {
        self.secrets.iter().map(|(name, secret)| (name.clone(), secret.version.clone())).collect()
    }

    /// A person makes an object.
    pub fn create(&mut self, id: &Id, api_version: &str, metadata: &Value, spec: &Value) {
        self.uids += 1;
        let mut object = json!({"apiVersion": api_version, "kind": id.0, "metadata": metadata, "spec": spec});
        object["metadata"]["name"] = id.1.as_str().into();
        object["metadata"]["namespace"] = NAMESPACE.into();
        object["metadata"]["uid"] = format!("uid-{}", self.uids).into();
        object["metadata"]["generation"] = 1.into();
        self.put(id, object);
    }

    /// A person changes an object.
    pub fn edit(&mut self, id: &Id, change: impl FnOnce(&mut Value)) {
        let Some(mut object) = self.objects.get(id).cloned() else { return };
        let before = object["spec"].clone();
        change(&mut object);
        if object["spec"] != before {
            grow(&mut object);
        }
        self.put(id, object);
    }

    /// A person asks for an object's deletion.
    pub fn delete(&mut self, id: &Id) {
        let Some(mut object) = self.objects.get(id).cloned() else { return };
        if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = "2026-11-01T00:00:00Z".into();
            grow(&mut object);
            self.put(id, object);
        }
    }

    /// A person takes all finalizers off an object.
    pub fn strip(&mut self, id: &Id) {
        self.edit(id, |object| object["metadata"]["finalizers"] = Value::Null);
        self.stripped.insert(id.clone());
    }

    /// Who holds the Lease; nobody, where that is empty.
    pub fn holder(&self) -> &str {
        self.lease.as_ref().and_then(|lease| lease["spec"]["holderIdentity"].as_str()).unwrap_or_default()
    }

    /// The Lease, or the code of the answer that there is none.
    pub fn lease(&self) -> Result<Value, u16> {
        self.lease.clone().ok_or(404)
    }

    /// Makes or replaces the Lease, if it is as it was read.
    pub fn put_lease(&mut self, mut lease: Value) -> Result<Value, u16> {
        let version = self.lease.as_ref().map_or(&Value::Null, |lease| &lease["metadata"]["resourceVersion"]);
        if lease["metadata"]["resourceVersion"] != *version {
            return Err(409);
        }
        lease["metadata"]["resourceVersion"] = self.next_version().into();
        self.lease = Some(lease.clone());
        Ok(lease)
    }

    /// Somebody makes a Secret, or changes it.
    pub fn put_secret(&mut self, name: &str, key: &str, value: String) {
        let version = self.next_version();
        let values = BTreeMap::from([(key.to_owned(), value)]);
        self.secrets.insert(name.to_owned(), Secret { version: version.clone(), values });
        self.secret_log.push((name.to_owned(), version));
    }

    /// Somebody deletes a Secret.
    pub fn delete_secret(&mut self, name: &str) {
        if self.secrets.remove(name).is_some() {
            self.secret_log.push((name.to_owned(), String::new()));
        }
    }

    /// What the operator is answered.
    pub fn get(&self, id: &Id) -> Option<Object> {
        self.objects.get(id).map(read)
    }

    /// What a reader is answered whose cache lags this much.
    pub fn get_late(&self, id: &Id, lag: Duration) -> Option<Object> {
        let past = self.past.get(id)?;
        let seen = past.iter().rev().find(|(since, _)| since.elapsed() >= lag).or(past.first())?;
        self.objects.contains_key(id).then(|| read(&seen.1))
    }

    /// A value of a Secret, or why there is none.
    pub fn secret(&self, name: &str, key: &str) -> Result<SecretValue, String> {
        let secret = self.secrets.get(name).ok_or_else(|| format!("secrets \"{name}\" not found"))?;
        let value =
            secret.values.get(key).ok_or_else(|| format!("secret \"{name}\" is missing key \"{key}\""))?;
        Ok(SecretValue { value: value.clone(), version: secret.version.clone() })
    }

    /// The operator's patch, refused unless uid, deletion and finalizers are as they were read.
    pub fn add_finalizer(&mut self, id: &Id, seen: &Object, finalizer: &str) -> Patched {
        let patched = self.patch(id, seen, |object| {
            let metadata = &mut object["metadata"];
            let there = seen.finalizers();
            let expected = if there.is_empty() { Value::Null } else { json!(there) };
            if !metadata["deletionTimestamp"].is_null() || metadata["finalizers"] != expected {
                return false;
            }
            metadata["finalizers"] = there.iter().map(String::as_str).chain([finalizer]).collect();
            true
        });
        if matches!(patched, Patched::Done(_)) {
            self.stripped.remove(id);
        }
        patched
    }

    /// The operator's patch, refused unless the finalizer stands where it was read.
    pub fn remove_finalizer(&mut self, id: &Id, seen: &Object, finalizer: &str) -> Patched {
        let place = seen.finalizers().iter().position(|other| other == finalizer);
        self.patch(id, seen, |object| {
            let Some(place) = place else { return true };
            if object["metadata"]["finalizers"][place] != finalizer {
                return false;
            }
            let mut left = seen.finalizers().to_vec();
            left.remove(place);
            object["metadata"]["finalizers"] = if left.is_empty() { Value::Null } else { json!(left) };
            true
        })
    }

    /// The operator's patch, refused unless the members that it sets are as they were read.
    pub fn patch_status(&mut self, id: &Id, seen: &Object, members: &Value) -> Patched {
        let old = seen.status();
        let none = Map::new();
        let members = members.as_object().unwrap_or(&none);
        self.patch(id, seen, |object| {
            let status = &mut object["status"];
            let as_read = match old.is_null() {
                true => status.is_null(),
                false => members.keys().all(|name| status[name] == old[name]),
            };
            if as_read {
                for (name, value) in members {
                    status[name] = value.clone();
                }
            }
            as_read
        })
    }

    fn patch(&mut self, id: &Id, seen: &Object, change: impl FnOnce(&mut Value) -> bool) -> Patched {
        let Some(mut object) = self.objects.get(id).cloned() else { return Patched::Gone };
        if object["metadata"]["uid"] != seen.uid() || !change(&mut object) {
            return Patched::Conflict;
        }
        self.writes += 1;
        Patched::Done(Box::new(read(&self.put(id, object))))
    }

    /// Stores what is new, and lets go what may go.
    fn put(&mut self, id: &Id, mut object: Value) -> Value {
        if self.objects.get(id) == Some(&object) {
            return object;
        }
        object["metadata"]["resourceVersion"] = self.next_version().into();
        match object["metadata"]["annotations"][&self.ignore] == "true" {
            true => drop(self.ignored.entry(id.clone()).or_insert_with(Instant::now)),
            false => drop(self.ignored.remove(id)),
        }
        let log = self.log.entry(id.0.clone()).or_default();
        let metadata = &object["metadata"];
        if metadata["deletionTimestamp"].is_null() || !metadata["finalizers"].is_null() {
            log.push(Change::Applied(object.clone()));
            self.objects.insert(id.clone(), object.clone());
            self.past.entry(id.clone()).or_default().push((Instant::now(), object.clone()));
            return object;
        }
        log.push(Change::Deleted(object.clone()));
        self.objects.remove(id);
        if self.stripped.remove(id) {
            self.unheld.insert(id.clone());
        }
        if self.reborn.remove(id) {
            let (labels, version) = (&metadata["labels"], object["apiVersion"].as_str().unwrap_or_default());
            self.create(id, version, &json!({"labels": labels}), &object["spec"]);
        }
        object
    }

    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }
}

/// Counts a change of what is desired.
fn grow(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    object["metadata"]["generation"] = (generation + 1).into();
}

/// An object as a client reads it.
pub fn read(object: &Value) -> Object {
    serde_json::from_value(object.clone()).expect("an object")
}
