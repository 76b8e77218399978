//! What the engine adds to each pass: deciding that nothing is to be done, and standing in the queue.
//! Must not hold assertions about time: it prints, people judge.
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use teleport_operator::kube::object::Key;
use teleport_operator::sync::decide::{Desired, Facts, Known, Live, Outcome, Record, Secrets, Step, decide};
use teleport_operator::sync::queue::{Bounds, Lane, Queue};

/// An object whose desired state is as recorded: the pass that is run for every object after a restart.
fn in_sync() -> Known {
    let record = Record { desired: "1:d".to_owned(), live: "1:l".to_owned(), revision: "r".to_owned() };
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

criterion_group!(benches, deciding, queueing);
criterion_main!(benches);
