//! What every scenario happens in: a namespace of the shared Kubernetes API, an auth server of its own, and the operator
//! between them, with the rights that its chart gives it. Waits and reads; knows no scenario.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::audit::{self, Entry};
use crate::control::Control;
use crate::kubernetes::Kubernetes;
use crate::operator::{Operator, PROGRAM};
use crate::teleport::Teleport;

/// How long anything may take that is to happen at all: generous, for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// As a Teleport's own cache.
const LAG: &str = "800ms";
/// The API group of all that the operator syncs.
const GROUP: &str = "resources.teleport.dev";

/// The service account that the operator runs as, and what it may do.
const ACCOUNT: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
- {apiGroups: [resources.teleport.dev], resources: ["*"], verbs: [get, list, watch, patch, update]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, update]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{kind: ServiceAccount, name: operator}]
"#;

/// Where a scenario happens.
pub struct World {
    pub operator: Option<Operator>,
    pub target: Control,
    pub teleport: Arc<Teleport>,
    /// What the operator's environment has beyond our own.
    pub environment: Vec<(String, String)>,
    namespace: String,
    cluster: Arc<Kubernetes>,
    folder: TempDir,
}

impl World {
    /// A world in which the operator runs.
    pub fn new(namespace: &str) -> Self {
        let mut world = Self::without_operator(namespace);
        world.run(&[]);
        world
    }

    /// A world in which no operator runs yet.
    pub fn without_operator(namespace: &str) -> Self {
        Self::beside(namespace, Teleport::start(LAG))
    }

    /// A world with this auth server, in which no operator runs yet.
    pub fn beside(namespace: &str, teleport: impl Into<Arc<Teleport>>) -> Self {
        Self::on(cluster(), namespace, teleport.into())
    }

    /// A world on a Kubernetes API of its own, with these definitions.
    pub fn apart(namespace: &str, definitions: &str) -> Self {
        let cluster = Arc::new(Kubernetes::start());
        install(&cluster, definitions);
        Self::on(cluster, namespace, Teleport::start(LAG).into())
    }

    fn on(cluster: Arc<Kubernetes>, namespace: &str, teleport: Arc<Teleport>) -> Self {
        cluster.namespace(namespace);
        let target = Control::of(&teleport.path("ready.json"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (operator, environment, namespace) = (None, Vec::new(), namespace.to_owned());
        let world = Self { operator, target, teleport, environment, namespace, cluster, folder };
        world.apply(ACCOUNT);
        world
    }

    /// Where it happens.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A file in the folder of this world.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The Kubernetes API.
    pub fn cluster(&self) -> &Kubernetes {
        &self.cluster
    }

    /// Starts the operator, with more flags than it needs.
    pub fn run(&mut self, more: &[&str]) {
        self.operator = Some(self.replica("operator.log", more));
    }

    /// Starts an operator beside the one that may run; what it says goes to this file. It has an identity file unless the
    /// flags say how to join.
    pub fn replica(&self, log: &str, more: &[&str]) -> Operator {
        let kubeconfig = self.folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, self.kubeconfig().to_string()).expect("the kubeconfig is written");
        let flags = [
            ("--kubeconfig", kubeconfig.display().to_string()),
            ("--namespace", self.namespace.clone()),
            ("--identity", self.teleport.identity().display().to_string()),
            ("--auth-server", self.teleport.address().to_owned()),
            ("--log-level", "DEBUG".to_owned()),
        ];
        let given: BTreeSet<&str> = more.iter().copied().collect();
        let no_identity = given.contains("--join-method") || given.contains("--insecure-plaintext");
        let replaced = |flag: &str| given.contains(flag) || (no_identity && flag == "--identity");
        let flags = flags.into_iter().filter(|(flag, _)| !replaced(flag));
        let flags = flags.flat_map(|(flag, value)| [flag.to_owned(), value]);
        let flags: Vec<_> = flags.chain(more.iter().map(|flag| (*flag).to_owned())).collect();
        Operator::start_in(&self.environment, &self.path(log), &flags)
    }

    /// Gives the operator the role that it says itself that it needs for all kinds, in the place of the official one's.
    pub fn allow_all_kinds(&self) {
        let made = Command::new(PROGRAM).args(["rbac", "--for", "target"]).output().expect("rbac runs");
        assert!(made.status.success(), "rbac: {}", String::from_utf8_lossy(&made.stderr));
        let role: Value = serde_saphyr::from_slice(&made.stdout).expect("YAML");
        self.target.put("role", "operator", &role);
    }

    /// Puts an empty auth server with other authorities in the place of the one that runs.
    pub fn replace_target(&mut self) {
        Arc::get_mut(&mut self.teleport).expect("it is this world's alone").replace();
        self.target = Control::of(&self.teleport.path("ready.json"));
    }

    /// The kubeconfig of somebody who may do everything.
    pub fn admin(&self) -> PathBuf {
        self.cluster.kubeconfig()
    }

    /// Who the operator is to Kubernetes.
    fn kubeconfig(&self) -> Value {
        let admin = self.kubectl(&["config", "view", "--raw", "-o", "json"]);
        let mut config: Value = serde_json::from_str(&admin).expect("JSON");
        let token = self.kubectl(&["create", "token", "operator", "--duration", "1h"]);
        config["users"][0]["user"] = json!({"token": token.trim()});
        config
    }

    /// The operator that runs.
    pub fn operator(&self) -> &Operator {
        self.operator.as_ref().expect("the operator runs")
    }

    /// All that the operator has said.
    pub fn log(&self) -> String {
        self.operator.as_ref().map(Operator::log).unwrap_or_default()
    }

    /// Waits until the operator says that it is ready.
    pub fn until_operator_ready(&self) {
        let operator = self.operator.as_ref().expect("the operator runs");
        self.until("the operator is ready", || {
            operator.health("/readyz").filter(|(status, _)| *status == 200)
        });
    }

    /// Runs kubectl in the namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_with(arguments, "")
    }

    fn kubectl_with(&self, arguments: &[&str], input: &str) -> String {
        let arguments: Vec<_> =
            ["-n", &self.namespace].into_iter().chain(arguments.iter().copied()).collect();
        self.cluster.kubectl_with(&arguments, input)
    }

    /// Applies manifests, in the order in which they stand.
    pub fn apply(&self, manifests: &str) {
        self.kubectl_with(&["apply", "-f", "-"], manifests);
    }

    /// Applies objects, in this order.
    pub fn apply_all<'a>(&self, objects: impl IntoIterator<Item = &'a Value>) {
        let stream: String = objects.into_iter().map(|object| format!("{object}\n")).collect();
        self.apply(&stream);
    }

    /// What kubectl says when it refuses to apply manifests.
    pub fn apply_refused(&self, manifests: &str) -> String {
        let output = self.cluster.try_kubectl(&["-n", &self.namespace, "apply", "-f", "-"], manifests);
        assert!(!output.status.success(), "it is applied: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    /// Merges into an object.
    pub fn patch(&self, kind: &str, name: &str, patch: &Value) {
        self.kubectl(&["patch", kind, name, "--type=merge", "-p", &patch.to_string()]);
    }

    /// Asks for the deletion of an object, and does not wait for it.
    pub fn delete(&self, kind: &str, name: &str) {
        self.kubectl(&["delete", kind, name, "--wait=false"]);
    }

    /// Asks for the deletion of objects, in this order, and does not wait for it.
    pub fn delete_all<'a>(&self, objects: impl IntoIterator<Item = &'a Value>) {
        let stream: String = objects.into_iter().map(|object| format!("{object}\n")).collect();
        self.kubectl_with(&["delete", "-f", "-", "--wait=false"], &stream);
    }

    /// An object, if there is one.
    pub fn find(&self, kind: &str, name: &str) -> Option<Object> {
        let text = self.kubectl(&["get", kind, name, "-o", "json", "--ignore-not-found"]);
        (!text.is_empty()).then(|| Object(serde_json::from_str(&text).expect("JSON")))
    }

    /// An object that exists.
    pub fn get(&self, kind: &str, name: &str) -> Object {
        self.find(kind, name).unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// All objects that the operator syncs.
    pub fn all(&self) -> Vec<Object> {
        let mut list: Value =
            serde_json::from_str(&self.kubectl(&["get", "teleport", "-o", "json"])).expect("JSON");
        let Value::Array(items) = list["items"].take() else { panic!("not a list: {list}") };
        items.into_iter().map(Object).collect()
    }

    /// Waits until an object is in sync as it is now.
    pub fn until_ready(&self, kind: &str, name: &str) -> Object {
        self.until(&format!("{kind} {name} is Ready"), || self.find(kind, name).filter(Object::is_ready))
    }

    /// Waits until so many objects are there, and all in sync as they are now.
    pub fn until_all_ready(&self, count: usize) {
        self.until(&format!("{count} objects are there and Ready"), || {
            let all = self.all();
            (all.len() == count && all.iter().all(Object::is_ready)).then_some(())
        });
    }

    /// Waits until scans have listed a kind so often, by this method.
    pub fn until_listed(&self, method: &str, times: u64) {
        let scans = || self.target.calls().get(method).copied().unwrap_or_default();
        let before = scans();
        self.until("scans go on", || (scans() >= before + times).then_some(()));
    }

    /// Waits until an object says something of a condition.
    pub fn until_says(&self, kind: &str, name: &str, expected: (&str, &str, &str, &str)) -> Object {
        let (condition, status, reason, message) = expected;
        let expected = Some((status.to_owned(), reason.to_owned(), message.to_owned()));
        self.until(&format!("{kind} {name} says {condition} {status}: {reason}: {message}"), || {
            self.find(kind, name).filter(|object| object.condition(condition) == expected)
        })
    }

    /// Waits until an object is gone.
    pub fn until_gone(&self, kind: &str, name: &str) {
        self.until(&format!("{kind} {name} is gone"), || self.find(kind, name).is_none().then_some(()));
    }

    /// What people were told of an object: type, reason and text.
    pub fn events(&self, kind: &str, name: &str) -> Vec<(String, String, String)> {
        let text = self.kubectl(&["get", "events.events.k8s.io", "-o", "json"]);
        let list: Value = serde_json::from_str(&text).expect("JSON");
        let of = |event: &&Value| event["regarding"]["kind"] == kind && event["regarding"]["name"] == name;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let events = list["items"].as_array().expect("a list").iter().filter(of);
        events.map(|event| (text(&event["type"]), text(&event["reason"]), text(&event["note"]))).collect()
    }

    /// The operator's writes to the objects that it syncs, so far.
    pub fn kubernetes_writes(&self) -> Vec<Entry> {
        self.all_kubernetes_writes()
            .into_iter()
            .filter(|entry| entry.resource.starts_with("teleport"))
            .collect()
    }

    /// All writes of the operator so far, events with them; only those to its Lease are left out.
    pub fn all_kubernetes_writes(&self) -> Vec<Entry> {
        self.requests().filter(|entry| !entry.reads() && entry.resource != "leases").collect()
    }

    /// All objects that the operator read so far, one by one.
    pub fn kubernetes_reads(&self) -> Vec<Entry> {
        self.requests().filter(|entry| entry.reads() && entry.resource.starts_with("teleport")).collect()
    }

    fn requests(&self) -> impl Iterator<Item = Entry> {
        let user = format!("system:serviceaccount:{}:operator", self.namespace);
        audit::requests(&self.cluster, &user, &self.namespace).into_iter()
    }

    /// Waits until a look finds something.
    ///
    /// # Panics
    /// When it does not in a minute, with how everything stands.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "not so after {PATIENCE:?}: {what}\n{}", self.report());
            sleep(LOOK);
        }
    }

    /// Sees that something stays so for a while.
    pub fn stays(&self, what: &str, long: Duration, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while began.elapsed() < long {
            assert!(holds(), "no longer so after {:?}: {what}\n{}", began.elapsed(), self.report());
            sleep(LOOK);
        }
    }

    /// How everything stands, for a failed test.
    pub fn report(&self) -> String {
        const LINES: usize = 60;
        let objects: Vec<_> = self.all().iter().map(Object::report).collect();
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(LINES)..].join("\n");
        format!("{}\n--- the operator said last:\n{end}", objects.join("\n"))
    }

    /// What `translate` prints of manifests, in an output format of JSON lines.
    pub fn translate(&self, manifests: &str, output: &str) -> Vec<Value> {
        let file = self.folder.path().join("manifests.yaml");
        std::fs::write(&file, manifests).expect("the manifests are written");
        let made = Command::new(PROGRAM).args(["translate", "-o", output, "-f"]).arg(&file).output();
        let made = made.expect("translate runs");
        assert!(made.status.success(), "translate: {}", String::from_utf8_lossy(&made.stderr));
        let values = serde_json::Deserializer::from_slice(&made.stdout).into_iter::<Value>();
        values.collect::<Result<_, _>>().expect("JSON, one value after the other")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let panicked = self.log().contains("panicked");
        assert!(!panicked || std::thread::panicking(), "the operator panicked\n{}", self.report());
    }
}

/// The Kubernetes API that all scenarios share, with the definitions that `crds` prints.
fn cluster() -> Arc<Kubernetes> {
    /// The instance that has the definitions.
    static INSTALLED: Mutex<Option<PathBuf>> = Mutex::new(None);
    let cluster = Kubernetes::shared();
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if *installed != Some(cluster.kubeconfig()) {
        install(&cluster, &definitions());
        *installed = Some(cluster.kubeconfig());
    }
    cluster
}

/// The definitions that `crds` prints, as YAML.
pub fn definitions() -> String {
    let made = Command::new(PROGRAM).arg("crds").output().expect("crds runs");
    assert!(made.status.success(), "crds: {}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).expect("UTF-8")
}

fn install(cluster: &Kubernetes, definitions: &str) {
    cluster.kubectl_with(&["apply", "--server-side", "-f", "-"], definitions);
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
}

/// An object as kubectl shows it.
#[derive(Debug, Clone)]
pub struct Object(pub Value);

impl Object {
    /// Its name.
    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().expect("a name")
    }

    /// Its version: changes with every write to it.
    pub fn version(&self) -> &str {
        self.0["metadata"]["resourceVersion"].as_str().expect("a version")
    }

    /// Counts the changes of its specification.
    pub fn generation(&self) -> &Value {
        &self.0["metadata"]["generation"]
    }

    /// Whether our finalizer is on it.
    pub fn has_finalizer(&self) -> bool {
        self.0["metadata"]["finalizers"] == json!([format!("{GROUP}/deletion")])
    }

    /// Status, reason and message of a condition.
    pub fn condition(&self, name: &str) -> Option<(String, String, String)> {
        let conditions = self.0["status"]["conditions"].as_array()?;
        let condition = conditions.iter().find(|condition| condition["type"] == name)?;
        let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("reason"), text("message")))
    }

    /// Whether it is in sync as it is now.
    pub fn is_ready(&self) -> bool {
        let ready = self.condition("Ready").is_some_and(|(status, ..)| status == "True");
        ready && &self.0["status"]["observedGeneration"] == self.generation()
    }

    fn report(&self) -> String {
        let Value::Object(metadata) = &self.0["metadata"] else { return self.0.to_string() };
        let shown = ["generation", "finalizers", "deletionTimestamp", "resourceVersion"];
        let shown: Vec<_> = shown.iter().filter_map(|key| Some((key, metadata.get(*key)?))).collect();
        format!("{} {} {shown:?}\n  {}", self.0["kind"], self.name(), self.0["status"])
    }
}
