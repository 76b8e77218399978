//! The life of a fleet of one size, from the first role to the last: on servers of its own, measured all along.
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::Api;
use crate::counts::Counts;
use crate::edits::{edited, reverted};
use crate::process::{Cpu, Memory};
use crate::quiet::until_quiet;
use crate::roles::name;
use crate::table::{Figure, Table};
use crate::world::World;

/// As it is run in a cluster: the tests' worlds log more.
const USUAL: [&str; 2] = ["--log-level", "INFO"];
/// A scan of all begins anew as soon as the one before is over.
const SCANNING: [&str; 4] = ["--log-level", "INFO", "--sync-period", "100ms"];
/// Until what was written last counts as seen, and what was freed is given back.
const REST: Duration = Duration::from_secs(7);
/// Roles that one call lists, as the mappings have it.
const PAGE: usize = 200;
/// Edits, and changes in the target, of a stage; of a smaller fleet all are changed.
const CHANGES: usize = 100;

/// Lives it; gives a role as the API server keeps it.
pub fn live(size: usize, table: &mut Table) -> Value {
    eprintln!("a fleet of {size}:");
    let mut world = World::without_operator("fleet");
    world.allow_all_kinds();
    let lived = catch_unwind(AssertUnwindSafe(|| stages(size, &mut world, table)));
    lived.unwrap_or_else(|why| {
        // Its folder goes with the world.
        let log = world.log();
        let lines: Vec<_> = log.lines().collect();
        eprintln!("the operator said last:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        resume_unwind(why)
    })
}

fn stages(size: usize, world: &mut World, table: &mut Table) -> Value {
    let api = Api::new(&world.admin(), world.namespace());
    world.run(&USUAL);
    made(size, world, &api, table);
    let role = api.get(&name(0));
    scanned(size, world, &api, table);
    restarted(size, world, table);
    changed(size, world, &api, table);
    deleted(size, world, &api, table);
    alone(size, world, &api, &role, table);
    role
}

fn made(size: usize, world: &mut World, api: &Api, table: &mut Table) {
    until_quiet(world.operator(), 0);
    sleep(REST);
    let pid = world.operator().pid();
    let idle = Memory::of(pid);
    table.memory(size, Figure::RssIdle, idle.resident);
    table.memory(size, Figure::AnonymousIdle, idle.anonymous);

    let (counts, cpu, began) = (Counts::of(world), Cpu::of(pid), Instant::now());
    api.create(size);
    let ready = api.until("all are Ready", |seen| seen.there == size && seen.ready == size);
    table.seconds(size, Figure::ReadyCpu, Cpu::of(pid) - cpu);
    table.seconds(size, Figure::Ready, ready - began);
    sleep(REST);
    table.memory(size, Figure::RssMade, Memory::of(pid).resident);
    let done = Counts::of(world).since(counts);
    let each = |count: u64| count as f64 / size as f64;
    table.put(size, Figure::ObjectWrites, each(done.objects as u64));
    table.put(size, Figure::Reads, each(done.reads as u64));
    table.put(size, Figure::EventWrites, each(done.events as u64));
    table.put(size, Figure::Calls, each(done.calls));
    table.put(size, Figure::Pages, done.pages as f64);
}

fn scanned(size: usize, world: &mut World, api: &Api, table: &mut Table) {
    stop(world);
    world.run(&SCANNING);
    until_quiet(world.operator(), size);
    let pid = world.operator().pid();
    let scans = |world: &World| Counts::of(world).pages as f64 / size.div_ceil(PAGE) as f64;
    // Not what it does at the start.
    sleep(REST);
    let (before, cpu) = (scans(world), Cpu::of(pid));
    let samples =
        edited(world, api, "scanning", (0..size.min(CHANGES)).map(|n| n * size / size.min(CHANGES)));
    let (scans, cpu) = (scans(world) - before, Cpu::of(pid) - cpu);
    table.samples(size, [Figure::ScanEditHalf, Figure::ScanEditMost], &samples);
    table.put(size, Figure::Scans, scans);
    table.put(size, Figure::ScanCpu, cpu.as_secs_f64() / scans.max(1.0));
    api.until("all are Ready again", |seen| seen.ready == size);
}

fn restarted(size: usize, world: &mut World, table: &mut Table) {
    stop(world);
    let (counts, began) = (Counts::of(world), Instant::now());
    world.run(&USUAL);
    let quiet = until_quiet(world.operator(), size);
    let pid = world.operator().pid();
    table.seconds(size, Figure::QuietCpu, Cpu::of(pid).so_far());
    table.seconds(size, Figure::Quiet, quiet - began);
    // Long enough for the first scan, too.
    sleep(REST * 3);
    let memory = Memory::of(pid);
    table.memory(size, Figure::Rss, memory.resident);
    table.memory(size, Figure::Anonymous, memory.anonymous);
    table.memory(size, Figure::Peak, memory.peak);
    let done = Counts::of(world).since(counts);
    table.put(size, Figure::RestartWrites, (done.objects + done.events + done.others) as f64);
    table.put(size, Figure::RestartTargetWrites, done.target as f64);
}

fn changed(size: usize, world: &World, api: &Api, table: &mut Table) {
    let some = size.min(CHANGES);
    // Others than those that were edited before, as far as there are.
    let others = |by: usize| (0..some).map(move |n| (n * size / some + by) % size);
    let samples = edited(world, api, "idle", others(size / some / 3));
    table.samples(size, [Figure::EditHalf, Figure::EditMost], &samples);
    api.until("all are Ready again", |seen| seen.ready == size);
    sleep(REST);
    let samples = reverted(world, others(size / some / 2));
    table.samples(size, [Figure::DriftHalf, Figure::DriftMost], &samples);
    sleep(REST);
}

fn deleted(size: usize, world: &mut World, api: &Api, table: &mut Table) {
    let pid = world.operator().pid();
    let (counts, cpu, began) = (Counts::of(world), Cpu::of(pid), Instant::now());
    api.delete(size);
    let gone = api.until("all are gone", |seen| seen.there == 0);
    table.seconds(size, Figure::DeletedCpu, Cpu::of(pid) - cpu);
    table.seconds(size, Figure::Deleted, gone - began);
    let left = world.target.dump().remove("role").unwrap_or_default();
    assert!(!left.contains_key(&name(0)), "what was deleted is gone from the target");
    let done = Counts::of(world).since(counts);
    table.put(size, Figure::DeletedWrites, done.objects as f64 / size as f64);
    table.put(size, Figure::DeletedCalls, done.calls as f64 / size as f64);
}

/// The same writes without an operator: what the servers take for them.
fn alone(size: usize, world: &mut World, api: &Api, role: &Value, table: &mut Table) {
    stop(world);
    let began = Instant::now();
    api.create_like(size, role);
    let ready = api.until("all look Ready", |seen| seen.there == size && seen.ready == size);
    table.seconds(size, Figure::Alone, ready - began);
}

fn stop(world: &mut World) {
    world.operator().signal("TERM");
    let ended = world.operator().wait(Duration::from_secs(30));
    assert!(ended.is_some_and(|status| status.success()), "it ends when it is told to");
}
