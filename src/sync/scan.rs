//! Finds what drifted: lists each kind of the target now and then, and has those objects looked at whose resource is not
//! as their record has it. Reads only; kinds that can't be listed are looked at one by one.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use prost_reflect::DynamicMessage;
use tokio::time::Instant;

use super::decide::{Failure, Record};
use super::engine::Engine;
use super::execute::Memory;
use super::ports::{Cluster, Remote};
use crate::kube::object::Key;
use crate::mapping::errors::Class;
use crate::mapping::plan::{Kind, Resource};
use crate::translate::compare;

/// Scans all kinds once, spreading what it finds over `spread`. Gives the kinds that could not be listed, and why.
pub async fn scan<C: Cluster, R: Remote>(engine: &Engine<C, R>, spread: Duration) -> Vec<(String, Failure)> {
    let mut failed = Vec::new();
    let kinds = &engine.target().kinds;
    for (index, kind) in kinds.iter().enumerate() {
        if kinds[..index].iter().any(|before| Arc::ptr_eq(&before.resource, &kind.resource)) {
            continue;
        }
        if let Err(failure) = scan_resource(engine, &kind.resource, spread).await {
            failed.push((kind.resource.name.clone(), failure));
        }
    }
    failed
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
    let one_by_one = || known.iter().cloned().collect();
    let suspects = if resource.calls.list.is_empty() {
        one_by_one()
    } else {
        match listed(engine, resource, &kinds, known.clone()).await {
            // An older server: what can't be read at all says so in its objects, once they are looked at.
            Err(failure) if failure.class == Class::Unimplemented => one_by_one(),
            listed => listed?,
        }
    };
    engine.scanned(&kinds);
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
        keys.filter(|key| store.memory(key).is_some_and(|memory| checkable(memory).is_some()))
            .cloned()
            .collect()
    })
}

/// What we wrote lately may not be in the list yet.
fn checkable(memory: &Memory) -> Option<&Record> {
    memory.record.as_ref().filter(|_| !memory.wrote_lately())
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
        let parts: Vec<String> = resource.parts().map(|part| part.text(live)).collect();
        engine.with_store(|store| {
            let named = kinds.iter().flat_map(|kind| store.named(&kind.kubernetes.kind, &name));
            for (key, memory) in named.filter(|(_, memory)| *memory.parts == *parts) {
                missing.remove(key);
                if checkable(memory).is_some_and(|record| !as_recorded(resource, record, live)) {
                    suspects.push(key.clone());
                }
            }
        });
    };
    engine.remote().list(resource, &mut each).await?;
    suspects.extend(missing);
    Ok(suspects)
}

fn as_recorded(resource: &Resource, record: &Record, live: &DynamicMessage) -> bool {
    let revision = resource.metadata.revision.as_ref().map(|path| path.text(live)).unwrap_or_default();
    let untouched = !record.revision.is_empty() && record.revision == revision;
    untouched || (!record.live.is_empty() && record.live == compare::hash(resource, live))
}
