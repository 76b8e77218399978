//! The scan for drift over resources that a name alone does not identify: one of the same name elsewhere is another one.
#[path = "support/memory.rs"]
mod memory;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use memory::{Cluster, NAMESPACE, Nobody};
use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::{Value, json};
use teleport_operator::kube::object::Key;
use teleport_operator::kube::watch::Event;
use teleport_operator::mapping;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::{Kind, Resource, Target, Within};
use teleport_operator::sync::decide::Failure;
use teleport_operator::sync::engine::Engine;
use teleport_operator::sync::ports;
use teleport_operator::sync::scan::scan;
use teleport_operator::target::gate::Write;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const KIND: &str = "TeleportScopedRoleV1";

/// All resources, by their parts and name.
type Resources = Arc<Mutex<BTreeMap<String, DynamicMessage>>>;

/// A target in memory; each read and write is a line.
struct Remote {
    resources: Resources,
    lines: Arc<Mutex<Vec<String>>>,
    /// Whether writes are refused.
    denies: Arc<AtomicBool>,
}

fn place(resource: &Resource, message: &DynamicMessage, name: &str) -> String {
    let parts = resource.parts().map(|part| part.text(message));
    parts.chain([name.to_owned()]).collect::<Vec<_>>().join("::")
}

fn named(resource: &Resource, message: &DynamicMessage) -> String {
    place(resource, message, &resource.metadata.name.text(message))
}

impl Remote {
    fn line(&self, text: String) {
        self.lines.lock().expect("whole").push(text);
    }
}

impl ports::Remote for Remote {
    async fn get(
        &self,
        resource: &Resource,
        name: &str,
        like: Option<&DynamicMessage>,
    ) -> Result<Option<DynamicMessage>, Failure> {
        let place = place(resource, like.expect("there is more than a name"), name);
        self.line(format!("get {place}"));
        Ok(self.resources.lock().expect("whole").get(&place).cloned())
    }

    async fn list(
        &self,
        _: &Resource,
        each: &mut (dyn FnMut(&DynamicMessage) + Send),
    ) -> Result<(), Failure> {
        self.resources.lock().expect("whole").values().for_each(each);
        Ok(())
    }

    async fn write(
        &self,
        kind: &Kind,
        _: &Key,
        _: &[String],
        write: Write,
    ) -> Result<Option<DynamicMessage>, Failure> {
        let operation = write.operation();
        if self.denies.load(Ordering::Relaxed) {
            self.line("denied".to_owned());
            return Err(Failure { class: Class::Denied, message: "access denied".to_owned() });
        }
        let (Write::Create(mut message, _) | Write::Update(mut message, _)) = write else {
            panic!("nothing is deleted here")
        };
        let place = named(&kind.resource, &message);
        self.line(format!("{operation:?} {place}").to_lowercase());
        let mut resources = self.resources.lock().expect("whole");
        let revision = kind.resource.metadata.revision.as_ref().expect("revisions");
        revision.set(&mut message, Field::String(format!("r{}", resources.len())));
        resources.insert(place, message.clone());
        Ok(Some(message))
    }
}

/// The one object of these tests.
fn shells() -> Value {
    json!({
        "apiVersion": "resources.teleport.dev/v1", "kind": KIND, "scope": "/staging",
        "metadata": { "name": "shells", "namespace": NAMESPACE, "uid": "1", "resourceVersion": "1", "generation": 1 },
        "spec": { "assignable_scopes": ["/staging"] },
    })
}

fn target() -> Arc<Target> {
    let target = mapping::embedded().expect("the embedded mappings are sound");
    Arc::new(target.within(Within::Part("/staging".to_owned())))
}

/// An engine that has been told of the one object, and of no others.
struct Running {
    engine: Arc<Engine<Cluster, Remote>>,
    resources: Resources,
    lines: Arc<Mutex<Vec<String>>>,
    denies: Arc<AtomicBool>,
    stop: CancellationToken,
    run: JoinHandle<()>,
}

impl Running {
    fn start(target: Arc<Target>, denies: bool) -> Self {
        let (resources, lines) = (Resources::default(), Arc::default());
        let denies = Arc::new(AtomicBool::new(denies));
        let remote = Remote {
            resources: Arc::clone(&resources),
            lines: Arc::clone(&lines),
            denies: Arc::clone(&denies),
        };
        let cluster = Cluster::default();
        let engine = Engine::new(target, cluster.clone(), remote, Arc::new(Nobody));
        let stop = CancellationToken::new();
        let run = tokio::spawn(Arc::clone(&engine).run(stop.clone()));
        engine.reachable();
        let kind: Arc<str> = KIND.into();
        engine.event(&kind, Some(NAMESPACE), Event::Restarted);
        engine.event(&kind, Some(NAMESPACE), Event::Applied(cluster.apply(shells())));
        engine.event(&kind, Some(NAMESPACE), Event::Synced);
        Self { engine, resources, lines, denies, stop, run }
    }

    fn resources(&self) -> MutexGuard<'_, BTreeMap<String, DynamicMessage>> {
        self.resources.lock().expect("whole")
    }

    /// What was asked of the target since this was asked last, once so much time has passed.
    async fn asked_within(&self, time: Duration) -> Vec<String> {
        tokio::time::sleep(time).await;
        std::mem::take(&mut *self.lines.lock().expect("whole"))
    }

    async fn end(self) {
        self.stop.cancel();
        self.run.await.expect("it ends");
    }
}

/// Longer than a read may lag behind a write.
const LONG: Duration = Duration::from_secs(60);
/// Less than any backoff that is left alone.
const SHORT: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn one_of_the_same_name_in_another_scope_is_neither_drift_nor_in_its_place() {
    let target = target();
    let running = Running::start(Arc::clone(&target), false);
    assert_eq!(running.asked_within(LONG).await, ["create /staging::shells"]);

    let plan =
        &target.kinds.iter().find(|found| found.kubernetes.kind == KIND).expect("it is there").resource;
    let scope = plan.parts().next().expect("a part beside the name").clone();
    let mut other = running.resources()["/staging::shells"].clone();
    scope.set(&mut other, Field::String("/prod".to_owned()));
    running.resources().insert(named(plan, &other), other);
    let scanned = async || {
        assert_eq!(scan(&running.engine, Duration::ZERO).await, []);
        running.asked_within(LONG).await
    };
    assert!(!plan.calls.list.is_empty(), "or this shows nothing");
    assert_eq!(scanned().await, [""; 0], "both are as they should be");

    running.resources().remove("/staging::shells");
    assert_eq!(scanned().await, ["get /staging::shells", "create /staging::shells"], "one is not the other");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_denied_is_tried_when_we_may_be_allowed_more() {
    let running = Running::start(target(), true);
    assert_eq!(running.asked_within(LONG).await, ["denied"], "and left alone for long");
    running.denies.store(false, Ordering::Relaxed);
    running.engine.allowed();
    assert_eq!(running.asked_within(SHORT).await, ["create /staging::shells"]);
    running.engine.allowed();
    assert_eq!(running.asked_within(SHORT).await, [""; 0], "nothing waits any more");
    running.end().await;
}
