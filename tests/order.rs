//! Objects of all kinds that need each other, applied and deleted in the worst order: whatever stands in the way of an
//! object goes while it waits, and it has its next try soon after that, not when a backoff is over.
#[path = "support/memory.rs"]
mod memory;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use memory::{Cluster, NAMESPACE, Nobody, key};
use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::Value;
use teleport_operator::kube::object::Key;
use teleport_operator::kube::watch::Event;
use teleport_operator::mapping;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::{Kind, Resource, Target, Within};
use teleport_operator::sync::decide::Failure;
use teleport_operator::sync::engine::Engine;
use teleport_operator::sync::ports;
use teleport_operator::target::gate::Write;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Objects in all, or a few less.
const OBJECTS: usize = 5000;
/// Kinds are in so many layers; what is in one needs what has the same number in the layer below.
const LAYERS: usize = 4;
/// How long each call takes.
const CALL: Duration = Duration::from_millis(5);

/// All that there is in the target.
#[derive(Default)]
struct World {
    /// Resources, by the place of their kind among all and their number.
    resources: Mutex<BTreeMap<(usize, usize), DynamicMessage>>,
    /// Calls that write, whether they are refused or not.
    calls: AtomicU64,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().expect("nobody panics here")
}

/// A resource can be made when the one below it is there, and can go when the one above it is gone.
struct Remote {
    world: Arc<World>,
    /// The place of each kind of resource among all.
    ranks: HashMap<String, usize>,
}

impl Remote {
    fn place(&self, resource: &Resource, name: &str) -> (usize, usize) {
        let number = name.rsplit('-').next().and_then(|number| number.parse().ok());
        (self.ranks[&resource.name], number.expect("a name with a number"))
    }
}

fn failure(class: Class, message: &str) -> Failure {
    Failure { class, message: message.to_owned() }
}

impl ports::Remote for Remote {
    async fn get(
        &self,
        resource: &Resource,
        name: &str,
        _: Option<&DynamicMessage>,
    ) -> Result<Option<DynamicMessage>, Failure> {
        sleep(CALL).await;
        Ok(locked(&self.world.resources).get(&self.place(resource, name)).cloned())
    }

    async fn list(&self, _: &Resource, _: &mut (dyn FnMut(&DynamicMessage) + Send)) -> Result<(), Failure> {
        Ok(())
    }

    async fn write(
        &self,
        kind: &Kind,
        key: &Key,
        _: &[String],
        write: Write,
    ) -> Result<Option<DynamicMessage>, Failure> {
        sleep(CALL).await;
        self.world.calls.fetch_add(1, Ordering::Relaxed);
        let (rank, number) = self.place(&kind.resource, &key.name);
        let mut resources = locked(&self.world.resources);
        match write {
            Write::Delete(_) if rank % LAYERS < LAYERS - 1 && resources.contains_key(&(rank + 1, number)) => {
                Err(failure(Class::Blocked, "it is still in use"))
            }
            Write::Delete(_) => {
                resources.remove(&(rank, number));
                Ok(None)
            }
            Write::Create(..) | Write::Update(..)
                if rank % LAYERS > 0 && !resources.contains_key(&(rank - 1, number)) =>
            {
                Err(failure(Class::Reference, "what it refers to is not found"))
            }
            Write::Create(mut message, _) | Write::Update(mut message, _) => {
                if let Some(revision) = &kind.resource.metadata.revision {
                    revision.set(&mut message, Field::String("r".to_owned()));
                }
                resources.insert((rank, number), message.clone());
                Ok(Some(message))
            }
        }
    }
}

/// The examples, by kind: for each resource one.
fn examples(target: &Target) -> Vec<Value> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for file in std::fs::read_dir("examples/teleport").expect("a folder") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("readable");
        let manifests: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        for manifest in manifests {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let kind = target.kind_of(&text(&manifest["apiVersion"]), &text(&manifest["kind"]));
            // Of a singleton there is one.
            if let Some(kind) = kind.filter(|kind| kind.resource.singleton.is_none()) {
                found.entry(kind.resource.name.clone()).or_insert(manifest);
            }
        }
    }
    found.into_values().collect()
}

/// All objects, those last that others need.
fn manifests(examples: &[Value]) -> Vec<Value> {
    let per_kind = OBJECTS / examples.len();
    let mut ranks: Vec<usize> = (0..examples.len()).collect();
    ranks.sort_by_key(|rank| std::cmp::Reverse(rank % LAYERS));
    let of = |rank: usize| (0..per_kind).map(move |number| (rank, number));
    let manifests = ranks.into_iter().flat_map(of).map(|(rank, number)| {
        let mut manifest = examples[rank].clone();
        manifest["metadata"]["name"] = format!("object-{number}").into();
        manifest["metadata"]["namespace"] = NAMESPACE.into();
        manifest["metadata"]["uid"] = format!("{rank}-{number}").into();
        manifest["metadata"]["resourceVersion"] = "1".into();
        manifest["metadata"]["generation"] = 1.into();
        manifest
    });
    manifests.collect()
}

struct Running {
    engine: Arc<Engine<Cluster, Remote>>,
    cluster: Cluster,
    world: Arc<World>,
}

impl Running {
    fn apply(&self, manifest: Value) {
        let kind = key(&manifest).kind;
        let object = self.cluster.apply(manifest);
        self.engine.event(&kind, Some(NAMESPACE), Event::Applied(object));
    }

    /// How long it takes until so many resources are there and nothing is left to do, and how many calls.
    async fn until(&self, resources: usize) -> (Duration, u64) {
        let (began, calls) = (Instant::now(), self.world.calls.load(Ordering::Relaxed));
        while locked(&self.world.resources).len() != resources || !self.engine.is_idle() {
            assert!(began.elapsed() < Duration::from_secs(600), "it does not get there");
            sleep(Duration::from_millis(100)).await;
        }
        (began.elapsed(), self.world.calls.load(Ordering::Relaxed) - calls)
    }
}

#[tokio::test(start_paused = true)]
async fn the_worst_order_takes_little_longer_than_the_best() {
    let target = Arc::new(mapping::embedded().expect("the embedded mappings are sound").within(Within::Any));
    let examples = examples(&target);
    assert!(examples.len() >= 40, "of all kinds: {}", examples.len());
    let rank = |(rank, example): (usize, &Value)| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = target.kind_of(&text(&example["apiVersion"]), &text(&example["kind"])).expect("a kind");
        (kind.resource.name.clone(), rank)
    };
    let ranks = examples.iter().enumerate().map(rank).collect();
    let world = Arc::new(World::default());
    let remote = Remote { world: Arc::clone(&world), ranks };
    let cluster = Cluster::slow(CALL);
    let engine = Engine::new(target, cluster.clone(), remote, Arc::new(Nobody));
    let stop = CancellationToken::new();
    let run = tokio::spawn(Arc::clone(&engine).run(stop.clone()));
    engine.reachable();
    let running = Running { engine: Arc::clone(&engine), cluster, world };
    let manifests = manifests(&examples);
    let kinds: std::collections::BTreeSet<Arc<str>> =
        manifests.iter().map(|manifest| key(manifest).kind).collect();
    for kind in &kinds {
        engine.event(kind, Some(NAMESPACE), Event::Restarted);
        engine.event(kind, Some(NAMESPACE), Event::Synced);
    }

    // In the best order, as many calls as objects, one after the other in each slot.
    let best = CALL * 4 * u32::try_from(manifests.len() / 32).expect("small");
    manifests.iter().cloned().for_each(|manifest| running.apply(manifest));
    let (took, calls) = running.until(manifests.len()).await;
    println!(
        "{} objects of {} kinds applied: {took:?} ({best:?} at best), {calls} calls",
        manifests.len(),
        kinds.len()
    );
    assert!(took < best * 3, "some wait out a backoff: {took:?}");
    assert!(calls < 5 * manifests.len() as u64, "they are tried without need: {calls}");

    let deleted = |manifest: Value| {
        let mut manifest = running.cluster.manifest(&key(&manifest)).expect("it is there");
        manifest["metadata"]["deletionTimestamp"] = "2026-11-01T00:00:00Z".into();
        manifest["metadata"]["generation"] = 2.into();
        manifest
    };
    // Those first that others need.
    manifests.iter().rev().cloned().for_each(|manifest| running.apply(deleted(manifest)));
    let (took, calls) = running.until(0).await;
    println!("deleted: {took:?}, {calls} calls");
    assert!(took < best * 3, "some wait out a backoff: {took:?}");
    assert!(calls < 5 * manifests.len() as u64, "they are tried without need: {calls}");
    assert!(running.cluster.is_empty(), "all objects are gone");
    stop.cancel();
    let _ = run.await;
}
