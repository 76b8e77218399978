//! The real engine on paused time, against Kubernetes and a target in memory, through random histories of edits, drift,
//! errors, outages, lost Leases and deaths. A seed is a history: `SIM_SEED=n` runs one and prints it, `SIM_SEEDS=n` runs
//! so many, `SIM_FOREVER=1` runs until it is stopped or something goes wrong.
mod bugs;
mod cluster;
mod election;
mod history;
mod kubernetes;
mod process;
mod properties;
mod remote;
mod shrink;
mod story;
mod target;
mod watches;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bugs::Bug;
use shrink::report;
use story::{LOG, Story};
use world::Cut;

/// Kinds and names of objects. Two kinds stand for roles, so that some objects ask for the same one.
const KINDS: [(&str, &[&str]); 7] = [
    ("TeleportRole", &["r1", "r2", "r3"]),
    ("TeleportRoleV7", &["r1", "r2"]),
    ("TeleportUser", &["u1", "u2"]),
    ("TeleportProvisionToken", &["t1", "t2"]),
    ("TeleportGithubConnector", &["g1"]),
    ("TeleportBotV1", &["b1"]),
    ("TeleportAutoupdateConfigV1", &["autoupdate-config"]),
];
/// Names of Secrets.
const SECRETS: [&str; 2] = ["s1", "s2"];
/// What every secret value begins with.
const SECRET: &str = "s3cr3t-";
/// Histories that are run where nobody says how many: `make test` does, and runs more.
const SEEDS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs the histories of these seeds, as many at once as the machine can; gives what went wrong, by seed. Ends early when
/// something has and `first` is all that is asked for.
fn run(
    seeds: std::ops::Range<u64>,
    first: bool,
    story: impl Fn(u64) -> Story + Sync,
    matters: impl Fn(&str) -> bool + Sync,
) -> BTreeMap<u64, String> {
    let (next, found) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
    std::thread::scope(|scope| {
        let worker = || {
            let mut wrong = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end || (first && seed > found.load(Ordering::Relaxed)) {
                    return wrong;
                }
                if let Some(what) = story(seed).tell().broken.iter().find(|what| matters(what)) {
                    found.fetch_min(seed, Ordering::Relaxed);
                    wrong.push((seed, what.clone()));
                }
            }
        };
        let workers: Vec<_> = (0..threads()).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    })
}

#[test]
fn everything_comes_to_rest_in_the_right_state() {
    if let Some(seed) = number("SIM_SEED") {
        let story = Story { traced: true, ..Story::of(seed) };
        let told = story.tell();
        assert!(told.broken.is_empty(), "{}", report(&story));
        println!("{}", told.trace.join("\n"));
        return;
    }
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    // Others run the same seeds every time; a soak goes on where it has not been.
    let mut from = number("SIM_FROM").unwrap_or(0);
    let began = Instant::now();
    loop {
        let wrong = run(from..from + seeds, false, Story::of, |_| true);
        if let Some((seed, _)) = wrong.first_key_value() {
            panic!(
                "{} of {seeds} go wrong: {wrong:#?}; the first:\n{}",
                wrong.len(),
                report(&Story::of(*seed))
            );
        }
        from += seeds;
        println!("{from} histories came to rest, {:?}", began.elapsed());
        if number("SIM_FOREVER").is_none() {
            return;
        }
    }
}

/// Each bug that is planted is found within so many histories, by what it does and not by accident.
#[test]
fn planted_bugs_are_found() {
    const ENOUGH: u64 = 2000;
    for (bug, signs) in Bug::ALL {
        let story = |seed| {
            // Two replicas where it takes them, and all that can go wrong.
            let replicas = if bug == Bug::WriteWithoutLease { 2 } else { 1 };
            let traced = bug == Bug::LogSecret;
            Story { replicas, traced, meddling: true, bug: Some(bug), ..Story::of(seed) }
        };
        let wrong = run(0..ENOUGH, true, story, |what| signs.iter().any(|sign| what.contains(sign)));
        let (seed, what) = wrong.first_key_value().unwrap_or_else(|| panic!("{bug:?} is not found"));
        println!("{bug:?}: found in history {seed}: {what}");
    }
}

/// Without any other trouble, so that what people do takes little else than these calls.
#[test]
fn a_process_may_die_at_any_call() {
    let stories = (0..3).flat_map(|seed| [(seed, false), (seed, true)]);
    std::thread::scope(|scope| {
        for (seed, done) in stories {
            scope.spawn(move || die_at_each_call(seed, done));
        }
    });
}

fn die_at_each_call(seed: u64, done: bool) {
    for call in 1.. {
        let cut = Some(Cut { call, done });
        let story = Story {
            length: 25,
            replicas: 1,
            meddling: seed > 0,
            trouble: false,
            traced: false,
            cut,
            ..Story::of(seed)
        };
        let told = story.tell();
        assert!(told.broken.is_empty(), "{cut:?}: {}", report(&story));
        if !told.died {
            assert!(call > 20, "the story is longer than {call} calls");
            return;
        }
    }
}

#[test]
fn a_seed_is_a_history() {
    for seed in 0..6 {
        let story = Story { length: 60, meddling: true, traced: true, ..Story::of(seed) };
        let tell = || story.tell().trace.into_iter().filter(|line| !line.contains(LOG)).collect::<Vec<_>>();
        let (once, again) = (tell(), tell());
        let differ = once.iter().zip(&again).find(|(once, again)| once != again);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(once.len(), again.len(), "seed {seed}");
    }
}
