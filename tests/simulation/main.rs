//! The real engine on paused time, against Kubernetes and a target in memory, through random histories of edits, drift,
//! errors, outages and deaths. A seed is a history: `SIM_SEED=n` runs one and prints it, `SIM_SEEDS=n` runs so many.
mod history;
mod kubernetes;
mod process;
mod properties;
mod target;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use teleport_operator::mapping::{self, plan::Target};
use tokio::time::{Instant, sleep};

use history::deed;
use process::Process;
use world::{Cut, LONGEST_WAY, State, Trace, Weather, World};

/// Kinds and names of objects.
const KINDS: [(&str, &[&str]); 6] = [
    ("TeleportRole", &["r1", "r2", "r3"]),
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

/// How long everything gets to come to rest: longer than the slowest retry.
const REST: Duration = Duration::from_secs(30 * 60);
/// How often drift is looked for.
const SYNC_PERIOD: Duration = Duration::from_secs(300);
/// Longer than any story.
const NEVER: Duration = Duration::from_secs(1_000_000);

/// What is done, and for how long.
#[derive(Clone, Copy)]
struct Story {
    seed: u64,
    /// Deeds.
    length: usize,
    /// People write to the target, too, and drift is looked for.
    meddling: bool,
    /// Networks fail and machines die.
    trouble: bool,
    /// When the first process is to die.
    cut: Option<Cut>,
}

/// What came of it.
struct Told {
    broken: Vec<String>,
    trace: Vec<String>,
    /// The first process died as it was to.
    died: bool,
}

fn plan() -> Arc<Target> {
    static PLAN: OnceLock<Arc<Target>> = OnceLock::new();
    Arc::clone(PLAN.get_or_init(|| Arc::new(mapping::embedded().expect("the embedded plan is sound"))))
}

/// Tells a story from its beginning to its end.
fn tell(story: Story) -> Told {
    // The prober's pauses are drawn from it.
    fastrand::seed(story.seed);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let world = World::new(story.seed, plan());
        let _logs = tracing::subscriber::set_default(logs(world.trace()));
        let died = live(&world, story).await;
        let state = world.state();
        let trace = world.trace().lock().unwrap_or_else(PoisonError::into_inner).lines().to_vec();
        Told { broken: state.broken.clone(), trace, died }
    })
}

/// Puts what the program logs, down to its finest traces, among what happened.
fn logs(trace: Arc<Mutex<Trace>>) -> impl tracing::Subscriber {
    let writer = move || Log(Arc::clone(&trace));
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .with_writer(writer)
        .finish()
}

struct Log(Arc<Mutex<Trace>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).line(&format!("      {}", text.trim_end()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn live(world: &Arc<World>, story: Story) -> bool {
    let plan = plan();
    let sync_period = if story.meddling { SYNC_PERIOD } else { NEVER };
    let mut machine = Machine { world, plan: &plan, sync_period, process: None };
    world.state().cut = story.cut;
    machine.start();
    for _ in 0..story.length {
        let pause = deed(&mut world.state(), &plan, story.meddling, story.trouble);
        world.news.notify_waiters();
        machine.run(pause).await;
    }
    let died = world.state().cut.is_none();
    rest(&mut machine).await;
    died
}

/// Everything goes well from now on: it must come to rest in the right state, and stay there.
async fn rest(machine: &mut Machine<'_>) {
    let world = machine.world;
    {
        let mut state = world.state();
        state.weather = Weather::default();
        state.cut = None;
        state.note("*** all is calm");
    }
    machine.run(REST).await;
    judge(&mut world.state(), machine.plan, machine.sync_period != NEVER);
    world.state().note("*** all is at rest");
    let writes = |state: &State| (state.server.writes, state.kubernetes.writes);
    let before = writes(&world.state());
    machine.run(Duration::from_secs(600)).await;
    machine.process = None;
    sleep(LONGEST_WAY * 2).await;
    machine.start();
    machine.run(Duration::from_secs(600)).await;
    let shown = world.trace().lock().unwrap_or_else(PoisonError::into_inner).mentions(SECRET);
    if shown {
        world.state().forbid("a secret stands in the log".to_owned());
    }
    let after = writes(&world.state());
    if before != after {
        let text = format!("it writes in peace: (target, Kubernetes) {before:?}, then {after:?}");
        world.state().forbid(text);
    }
}

fn judge(state: &mut State, plan: &Target, looked: bool) {
    for wrong in properties::wrongs(state, plan, looked) {
        state.forbid(wrong);
    }
}

/// Starts a new process where one died.
struct Machine<'a> {
    world: &'a Arc<World>,
    plan: &'a Arc<Target>,
    sync_period: Duration,
    process: Option<Process>,
}

impl Machine<'_> {
    fn start(&mut self) {
        self.process = Some(Process::start(self.world, self.plan, self.sync_period));
    }

    async fn run(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            tokio::select! {
                biased;
                () = self.world.died.notified() => {}
                () = tokio::time::sleep_until(end) => return,
            }
            self.process = None;
            self.world.state().cut = None;
            sleep(LONGEST_WAY * 2).await;
            self.start();
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The shortest beginning of a story that goes wrong too: what happened to the objects that it went wrong for.
fn report(story: Story) -> String {
    let goes_wrong = |length: &usize| !tell(Story { length: *length, ..story }).broken.is_empty();
    let length = (0..=story.length).find(goes_wrong).unwrap_or(story.length);
    let told = tell(Story { length, ..story });
    let names: Vec<_> = told.broken.iter().filter_map(|wrong| wrong.split([' ', ':']).nth(1)).collect();
    let peace =
        told.trace.iter().position(|line| line.contains("all is at rest")).unwrap_or(told.trace.len());
    let matters = |(at, line): &(usize, &String)| {
        *at > peace || line.contains("***") || names.iter().any(|name| line.contains(name))
    };
    let trace: Vec<_> =
        told.trace.iter().enumerate().filter(matters).map(|(_, line)| line.as_str()).collect();
    format!(
        "SIM_SEED={}, {length} of {} deeds:\n{}\n\n{}",
        story.seed,
        story.length,
        trace.join("\n"),
        told.broken.join("\n")
    )
}

#[test]
fn everything_comes_to_rest_in_the_right_state() {
    const LENGTH: usize = 40;
    let story = |seed| Story { seed, length: LENGTH, meddling: seed % 3 > 0, trouble: true, cut: None };
    if let Some(seed) = number("SIM_SEED") {
        let told = tell(story(seed));
        assert!(told.broken.is_empty(), "{}", report(story(seed)));
        println!("{}", told.trace.join("\n"));
        return;
    }
    let (seeds, next) = (number("SIM_SEEDS").unwrap_or(300), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: BTreeMap<u64, String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut wrong = Vec::new();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds {
                            return wrong;
                        }
                        let told = tell(story(seed));
                        if let Some(what) = told.broken.first() {
                            wrong.push((seed, what.clone()));
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    let Some((first, _)) = wrong.first_key_value() else { return };
    panic!("{} of {seeds} go wrong: {wrong:#?}; the first:\n{}", wrong.len(), report(story(*first)));
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
        let story = Story { seed, length: 15, meddling: seed > 0, trouble: false, cut };
        let told = tell(story);
        assert!(told.broken.is_empty(), "{cut:?}: {}", report(story));
        if !told.died {
            assert!(call > 20, "the story is longer than {call} calls");
            return;
        }
    }
}

#[test]
fn a_seed_is_a_history() {
    for seed in 0..5 {
        let story = Story { seed, length: 60, meddling: true, trouble: true, cut: None };
        let (once, again) = (tell(story).trace, tell(story).trace);
        let differ = once.iter().zip(&again).find(|(once, again)| once != again);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(once.len(), again.len(), "seed {seed}");
    }
}
