//! A story: what is done, to whom, how it goes wrong, and how it ends. Told from a seed, the same each time.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use teleport_operator::mapping::{self, plan::Target};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::SECRET;
use super::bugs::Bug;
use super::history::deed;
use super::process::live;
use super::properties;
use super::world::{Cut, LONGEST_WAY, Line, State, Trace, Weather, World};

/// How long everything gets to come to rest: longer than the slowest retry.
const REST: Duration = Duration::from_secs(30 * 60);
/// How often drift is looked for.
const SYNC_PERIOD: Duration = Duration::from_secs(300);
/// Longer than any story.
const NEVER: Duration = Duration::from_secs(1_000_000);

/// What is done, and for how long.
#[derive(Debug, Clone)]
pub struct Story {
    pub seed: u64,
    /// Deeds.
    pub length: usize,
    /// Processes of the operator; where there are more than one, a Lease says which may write.
    pub replicas: usize,
    /// People write to the target, too, and drift is looked for.
    pub meddling: bool,
    /// Networks fail and machines die.
    pub trouble: bool,
    /// When the first process is to die.
    pub cut: Option<Cut>,
    /// What is wrong with the operator.
    pub bug: Option<Bug>,
    /// What is left out, to find out what matters.
    pub without: Without,
    /// What happens is written down.
    pub traced: bool,
}

/// What is left out of a story.
#[derive(Debug, Clone, Default)]
pub struct Without {
    pub deeds: BTreeSet<usize>,
    pub mishaps: BTreeSet<u64>,
}

/// What came of it.
pub struct Told {
    pub broken: Vec<String>,
    pub trace: Vec<String>,
    /// Things that went wrong by the weather's doing.
    pub mishaps: u64,
    /// The first process died as it was to.
    pub died: bool,
}

impl Story {
    /// The usual story of a seed.
    pub fn of(seed: u64) -> Self {
        Self {
            seed,
            length: 40,
            replicas: if seed % 4 == 1 { 2 } else { 1 },
            meddling: !seed.is_multiple_of(3),
            trouble: true,
            cut: None,
            bug: None,
            without: Without::default(),
            // What is logged is looked through for secrets.
            traced: seed.is_multiple_of(16),
        }
    }

    /// Tells it from its beginning to its end.
    pub fn tell(&self) -> Told {
        // The prober's pauses are drawn from it.
        fastrand::seed(self.seed);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let world = World::new(self, plan());
            let _logs = self.traced.then(|| tracing::subscriber::set_default(logs(world.trace())));
            let died = self.happen(&world).await;
            let state = world.state();
            let trace = world.trace().lock().unwrap_or_else(PoisonError::into_inner).lines().to_vec();
            Told { broken: state.broken.clone(), trace, mishaps: state.mishaps, died }
        })
    }

    async fn happen(&self, world: &Arc<World>) -> bool {
        let plan = plan();
        let mut machines = Machines { world, plan: &plan, story: self, running: JoinSet::new() };
        machines.start();
        for index in 0..self.length {
            let pause = {
                let mut state = world.state();
                state.people = Rng::with_seed(self.seed.rotate_left(32) ^ index as u64);
                let left_out = self.without.deeds.contains(&index);
                deed(&mut state, &plan, self, !left_out)
            };
            world.news.notify_waiters();
            world.ends.notify_waiters();
            sleep(pause).await;
        }
        let died = world.state().replicas[0].cut.is_none();
        self.rest(&mut machines).await;
        died
    }

    /// Everything goes well from now on: it must come to rest in the right state, and stay there.
    async fn rest(&self, machines: &mut Machines<'_>) {
        let world = machines.world;
        {
            let mut state = world.state();
            state.weather = Weather::default();
            state.replicas.iter_mut().for_each(|replica| replica.cut = None);
            state.note(format_args!("*** all is calm"));
        }
        sleep(REST).await;
        self.judge(&mut world.state(), machines.plan);
        world.state().note(format_args!("*** all is at rest"));
        let writes = |state: &State| (state.server.writes, state.kubernetes.writes);
        let before = writes(&world.state());
        sleep(Duration::from_secs(600)).await;
        machines.running = JoinSet::new();
        sleep(LONGEST_WAY * 2).await;
        machines.start();
        sleep(Duration::from_secs(600)).await;
        let shown = world.trace().lock().unwrap_or_else(PoisonError::into_inner).mentions(SECRET);
        let mut state = world.state();
        if shown {
            state.forbid("a secret stands in the log".to_owned());
        }
        let after = writes(&state);
        if before != after {
            state.forbid(format!("it writes in peace: (target, Kubernetes) {before:?}, then {after:?}"));
        }
    }

    fn judge(&self, state: &mut State, plan: &Target) {
        for wrong in properties::wrongs(state, plan, self.meddling) {
            state.forbid(wrong);
        }
    }

    fn sync_period(&self) -> Duration {
        if self.meddling { SYNC_PERIOD } else { NEVER }
    }
}

/// The target that all stories are about.
pub fn plan() -> Arc<Target> {
    static PLAN: OnceLock<Arc<Target>> = OnceLock::new();
    Arc::clone(PLAN.get_or_init(|| Arc::new(mapping::embedded().expect("the embedded plan is sound"))))
}

/// One for each replica: starts a new process where one has ended.
struct Machines<'a> {
    world: &'a Arc<World>,
    plan: &'a Arc<Target>,
    story: &'a Story,
    running: JoinSet<()>,
}

impl Machines<'_> {
    fn start(&mut self) {
        for replica in 0..self.story.replicas {
            let (world, plan) = (Arc::clone(self.world), Arc::clone(self.plan));
            self.running.spawn(machine(world, plan, replica, self.story.sync_period()));
        }
    }
}

async fn machine(world: Arc<World>, plan: Arc<Target>, replica: usize, sync_period: Duration) {
    loop {
        let stop = CancellationToken::new();
        // Dropped, the process is dead at once.
        let mut process = JoinSet::new();
        process.spawn(live(Line::new(&world, replica), Arc::clone(&plan), sync_period, stop.clone()));
        tokio::select! {
            biased;
            () = world.until(replica, |replica| replica.dead) => {}
            () = leaves(&world, replica, &stop) => {}
            Some(ended) = process.join_next() => {
                let mut state = world.state();
                match ended {
                    Ok(()) => state.note(format_args!("*** replica {replica} has ended")),
                    Err(error) => state.forbid(format!("a process panicked: {error}")),
                }
            }
        }
        drop(process);
        {
            let mut state = world.state();
            let replica = &mut state.replicas[replica];
            replica.epoch += 1;
        }
        arrived(&world, replica).await;
    }
}

/// Waits until all that a process had sent has arrived: without a Lease nothing keeps it from doing so after the next one
/// has begun. Then a little longer, or not.
async fn arrived(world: &World, replica: usize) {
    while world.state().replicas[replica].under_way > 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let longest = [1, 100, 3000][world.state().dice.usize(..3)];
    let pause = world.state().dice.u64(0..longest);
    sleep(Duration::from_millis(pause)).await;
}

/// Tells the process to end when somebody says so; does not end itself.
async fn leaves(world: &World, replica: usize, stop: &CancellationToken) {
    world.until(replica, |replica| replica.leaves).await;
    world.state().note(format_args!("*** replica {replica} is told to end"));
    stop.cancel();
    std::future::pending().await
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

/// Marks what the program logs. Threads share what they know of who listens, so that a line may be lost while others begin
/// and end: nothing else may hang on there being one.
pub const LOG: &str = "      |";

struct Log(Arc<Mutex<Trace>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut trace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trace.line(&format_args!("{LOG} {}", text.trim_end()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
