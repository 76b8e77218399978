//! What the engine adds to each pass: deciding that nothing is to be done, standing in the queue, and what the store does
//! with the objects that watches give.
//! Must not hold assertions about time: it prints, people judge.
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use teleport_operator::kube::object::{Key, Object};
use teleport_operator::sync::decide::{Desired, Facts, Known, Live, Outcome, Record, Secrets, Step, decide};
use teleport_operator::sync::queue::{Bounds, Lane, Queue};
use teleport_operator::sync::rivals::Stake;
use teleport_operator::sync::store::{News, Store};

/// An object whose desired state is as recorded: what is decided of every object after a restart.
fn in_sync() -> Known {
    let record = Record { desired: "1:d".into(), live: "1:l".into(), revision: "r".into() };
    let object = Facts { finalized: true, exclusive_create: true, record: Some(record), ..Facts::default() };
    Known {
        object,
        unsupported: None,
        desired: Desired::Hash("1:d".to_owned()),
        secrets: Secrets::Ready,
        live: Live::Unread,
        failed: None,
        written: None,
        rereads: 0,
    }
}

fn deciding(c: &mut Criterion) {
    let known = in_sync();
    assert!(matches!(decide(&known), Step::Finish(finish) if finish.outcome == Outcome::InSync));
    c.bench_function("decide: nothing to do", |b| b.iter(|| decide(black_box(&known))));
}

const OBJECTS: u32 = 10_000;
const KINDS: u32 = 10;

fn queueing(c: &mut Criterion) {
    let keys: Vec<Key> = (0..OBJECTS)
        .map(|n| Key::new(format!("Kind{}", n % KINDS), "default", format!("object-{n}")))
        .collect();
    let bounds = Bounds { total: 32, kind: 8, background: 24, kinds: HashMap::new() };
    let now = Instant::now().into();
    let mut group = c.benchmark_group("queue");
    group.throughput(Throughput::Elements(OBJECTS.into()));
    group.bench_function("push, pop and end 10,000 objects of 10 kinds", |b| {
        b.iter_batched_ref(
            || Queue::new(bounds.clone()),
            |queue| {
                for key in &keys {
                    queue.push(key.clone(), Lane::Edit, now);
                }
                while let Some(turn) = queue.pop(now) {
                    queue.done(&turn.key);
                }
                assert!(queue.is_idle());
            },
            BatchSize::LargeInput,
        )
    });
    group.finish();
}

/// Objects as a watch gives them, of about 1 KB.
fn objects() -> Vec<(Key, Object)> {
    let made = |n: u32| {
        let (kind, name) = (format!("Kind{}", n % KINDS), format!("object-{n}"));
        let metadata = json!({"name": name, "namespace": "default", "uid": format!("{n:032}"), "generation": 1,
            "resourceVersion": (n + 1).to_string(), "finalizers": ["example.com/deletion"]});
        let object = json!({"metadata": metadata, "spec": {"text": "x".repeat(800)}, "status": {"observedGeneration": 1}});
        (Key::new(kind, "default", name), serde_json::from_value(object).expect("an object"))
    };
    (0..OBJECTS).map(made).collect()
}

fn storing(c: &mut Criterion) {
    let objects = objects();
    let fill = |store: &mut Store, objects: Vec<(Key, Object)>, news: News| {
        for (key, object) in objects {
            assert_eq!(store.apply(&key, object, Stake::default()), news);
        }
    };
    let mut full = Store::default();
    fill(&mut full, objects.clone(), News::New);
    let mut group = c.benchmark_group("store of 10,000 objects of 10 kinds");
    group.throughput(Throughput::Elements(OBJECTS.into()));
    group.bench_function("take in new ones", |b| {
        let new = || (Store::default(), objects.clone());
        b.iter_batched(
            new,
            |(mut store, objects)| {
                fill(&mut store, objects, News::New);
                store
            },
            BatchSize::LargeInput,
        )
    });
    group.bench_function("take in the same again", |b| {
        let again = || objects.clone();
        b.iter_batched(again, |objects| fill(&mut full, objects, News::Same), BatchSize::LargeInput)
    });
    group.bench_function("find by kind and name, as scans do", |b| {
        b.iter(|| {
            objects
                .iter()
                .filter(|(key, _)| full.named(&key.kind, black_box(&key.name)).next().is_some())
                .count()
        })
    });
    group.finish();
}

criterion_group!(benches, deciding, queueing, storing);
criterion_main!(benches);
