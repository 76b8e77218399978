//! Finds what drifted: lists each kind of the target now and then, and has those objects looked at whose resource is not
//! as their record has it. Reads only; kinds that can't be listed are looked at one by one, slowly.
use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use prost_reflect::DynamicMessage;
use tokio::time::{Instant, sleep, sleep_until};

use super::decide::Failure;
use super::engine::Engine;
use super::memory::Memory;
use super::ports::{Cluster, Remote};
use super::sight::Sight;
use crate::kube::object::Key;
use crate::mapping::errors::Class;
use crate::mapping::plan::{Kind, Resource};

/// How long after a start the first scan begins: the objects are known by then.
const SOON: Duration = Duration::from_secs(10);
/// How long a scan waits that found the target away.
const AWAY: Duration = Duration::from_secs(5);

/// Scans for ever: soon after the start for what changed while nobody looked, and from then on each kind once in a
/// period, the kinds spread over it. `failed` is told of kinds that could not be listed, and why.
pub async fn keep<C: Cluster, R: Remote>(
    engine: &Engine<C, R>,
    period: Duration,
    failed: impl Fn(&str, &Failure),
) {
    // Replicas and restarts are not to fall into step.
    let varied = |time: Duration| time.mul_f64(0.9 + 0.2 * fastrand::f64());
    let resources = resources(engine);
    let count = u32::try_from(resources.len()).unwrap_or(u32::MAX).max(1);
    sleep(varied(SOON.min(period / 10))).await;
    let mut pause = SOON.min(period) / count;
    loop {
        for resource in &resources {
            let next = Instant::now() + varied(pause);
            let mut told = false;
            while let Err(failure) = scan_resource(engine, resource, period).await {
                if !std::mem::replace(&mut told, true) {
                    failed(&resource.name, &failure);
                }
                if failure.class != Class::Unavailable {
                    break;
                }
                sleep(AWAY).await;
            }
            sleep_until(next).await;
        }
        pause = period / count;
    }
}

/// Scans all kinds once, spreading what can't be listed over `spread`. Gives the kinds that could not be listed though
/// they should, and why.
pub async fn scan<C: Cluster, R: Remote>(engine: &Engine<C, R>, spread: Duration) -> Vec<(String, Failure)> {
    let mut failed = Vec::new();
    for resource in resources(engine) {
        if let Err(failure) = scan_resource(engine, &resource, spread).await {
            failed.push((resource.name.clone(), failure));
        }
    }
    failed
}

/// All resources, each once however many kinds stand for it.
fn resources<C: Cluster, R: Remote>(engine: &Engine<C, R>) -> Vec<Arc<Resource>> {
    let mut resources: Vec<Arc<Resource>> = Vec::new();
    for kind in &engine.target().kinds {
        if !resources.iter().any(|known| Arc::ptr_eq(known, &kind.resource)) {
            resources.push(Arc::clone(&kind.resource));
        }
    }
    resources
}

/// Scans one resource, spreading what it finds over `spread`.
///
/// # Errors
/// When it can't be listed.
pub(super) async fn scan_resource<C: Cluster, R: Remote>(
    engine: &Engine<C, R>,
    resource: &Arc<Resource>,
    spread: Duration,
) -> Result<(), Failure> {
    let kinds: Vec<&Kind> = engine
        .target()
        .kinds
        .iter()
        .map(|kind| &**kind)
        .filter(|kind| Arc::ptr_eq(&kind.resource, resource))
        .collect();
    let known = recorded(engine, &kinds);
    if known.is_empty() {
        return Ok(());
    }
    // Of many objects even the keys take room: there is one set of them at a time.
    let one_by_one = |known: BTreeSet<Key>| (known.into_iter().collect(), spread);
    let (suspects, spread) = if resource.calls.list.is_empty() {
        one_by_one(known)
    } else {
        match listed(engine, resource, &kinds, known).await {
            // An older server: what can't be read at all says so in its objects, once they are looked at.
            Err(failure) if failure.class == Class::Unimplemented => one_by_one(recorded(engine, &kinds)),
            // What is known to have changed does not wait.
            listed => (listed?, Duration::ZERO),
        }
    };
    engine.scanned(&kinds);
    let suspects: Vec<Key> = suspects;
    let count = u32::try_from(suspects.len()).unwrap_or(u32::MAX).max(1);
    let now = Instant::now();
    for (index, key) in (0u32..).zip(suspects) {
        engine.suspect(key, now + spread * index / count);
    }
    Ok(())
}

/// Objects whose record a scan can hold against live.
fn recorded<C: Cluster, R: Remote>(engine: &Engine<C, R>, kinds: &[&Kind]) -> BTreeSet<Key> {
    engine.with_store(|store| {
        let keys = kinds.iter().flat_map(|kind| store.keys(&kind.kubernetes.kind, None));
        keys.filter(|key| store.memory(key).is_some_and(checkable)).cloned().collect()
    })
}

/// What we wrote lately may not be in the list yet.
fn checkable(memory: &Memory) -> bool {
    (memory.record.is_some() || memory.left().is_some()) && !memory.wrote_lately()
}

/// Lists the resource; those of the known objects that are not as recorded, or not there.
async fn listed<C: Cluster, R: Remote>(
    engine: &Engine<C, R>,
    resource: &Resource,
    kinds: &[&Kind],
    mut missing: BTreeSet<Key>,
) -> Result<Vec<Key>, Failure> {
    let mut suspects = Vec::new();
    let mut each = |live: &DynamicMessage| {
        let name = resource.metadata.name.text(live);
        let sight = LazyCell::new(|| Sight::of(resource, live));
        let revision = resource.metadata.revision.as_ref().map(|path| path.text(live)).unwrap_or_default();
        let parts: Vec<String> = resource.parts().map(|part| part.text(live)).collect();
        engine.with_store(|store| {
            let named = kinds.iter().flat_map(|kind| store.named(&kind.kubernetes.kind, &name));
            let is_meant = |key: &Key| store.stake(key).is_some_and(|stake| *stake.parts == *parts);
            for (key, memory) in named.filter(|(key, _)| is_meant(key)) {
                missing.remove(key);
                let is_known = || memory.is_untouched(&revision) || sight.is_known(memory);
                if checkable(memory) && !is_known() {
                    suspects.push(key.clone());
                }
            }
        });
    };
    engine.remote().list(resource, &mut each).await?;
    // Some are left absent: that they are is no news.
    let is_news = |key: &Key| {
        engine.with_store(|store| store.memory(key).is_some_and(|memory| memory.left() != Some("")))
    };
    suspects.extend(missing.into_iter().filter(is_news));
    Ok(suspects)
}
