//! What one object costs without any network: read from its JSON, printed, compared, hashed; and what a CRD costs.
//! Must not hold assertions about time: it prints, people judge.
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::Value;
use teleport_operator::crd::crd;
use teleport_operator::mapping;
use teleport_operator::mapping::plan::{Kind, Target};
use teleport_operator::translate::{compare, desired, print};

/// A manifest of about 1 KB, as people write them.
const MANIFEST: &str = include_str!("../examples/teleport/role-v7.yaml");

fn manifest() -> Value {
    serde_saphyr::from_str(MANIFEST).expect("the example is YAML")
}

fn kind_of<'a>(target: &'a Target, manifest: &Value) -> &'a Kind {
    let text = |member: &str| manifest[member].as_str().unwrap_or_default();
    target.kind_of(text("apiVersion"), text("kind")).expect("the example's kind has a mapping")
}

fn one_object(c: &mut Criterion) {
    let target = mapping::embedded().expect("the embedded mappings are sound");
    let manifest = manifest();
    let kind = kind_of(&target, &manifest);
    let read = || desired(kind, &target.words, &target.ownership, &manifest);
    let made = read();
    assert_eq!(made.diagnostics, [], "the example is free of mistakes");
    let message = made.message;

    let mut group = c.benchmark_group("role of 1 KB");
    group.bench_function("read", |b| b.iter(|| black_box(read())));
    group.bench_function("print", |b| b.iter(|| print::resource(kind, black_box(&message))));
    group.bench_function("hash", |b| b.iter(|| compare::hash(&kind.resource, black_box(&message))));
    group.bench_function("compare with itself", |b| {
        b.iter(|| compare::differences(&kind.resource, black_box(&message), black_box(&message)))
    });
    group.finish();
}

fn definitions(c: &mut Criterion) {
    let target = mapping::embedded().expect("the embedded mappings are sound");
    let manifest = manifest();
    let kind = kind_of(&target, &manifest);
    c.bench_function("CRD of the role", |b| b.iter(|| crd(black_box(kind), &target.words)));
    c.bench_function("load mappings and interface", |b| b.iter(|| mapping::embedded().is_ok()));
}

criterion_group!(benches, one_object, definitions);
criterion_main!(benches);
