//! A process of the operator: the real engine, with watches, scans, the election and the prober of the target around it as
//! `app` has them, on the simulated world. It can die at any call; another one starts from nothing.
use std::sync::Arc;
use std::time::Duration;

use teleport_operator::mapping::plan::{Resource, Target};
use teleport_operator::sync::engine::{Engine, Observer};
use teleport_operator::sync::queue::Turn;
use teleport_operator::sync::scan::scan;
use teleport_operator::target::reach::{Reach, State as Reached};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::KINDS;
use super::bugs::Bug;
use super::cluster::Cluster;
use super::election::{Elected, Election, elect};
use super::kubernetes::NAMESPACE;
use super::remote::Remote;
use super::target::Place;
use super::watches::{watch, watch_secrets};
use super::world::{Line, World};

/// How long passes under way may take to end after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);

pub type TheEngine = Engine<Cluster, Remote>;

/// Lives until told to stop, or until the Lease is lost. Dropped, it is dead at once.
pub async fn live(line: Line, plan: Arc<Target>, sync_period: Duration, stop: CancellationToken) {
    let (elects, bug) = {
        let state = line.world.state();
        (state.elects(), state.bug)
    };
    let (election, elected) = if elects { elect(&line) } else { (Election::Alone, None) };
    let election = if bug == Some(Bug::WriteWithoutLease) { Election::Alone } else { election };
    let reach = Arc::new(Reach::default());
    let cluster = Cluster::new(&line, &plan, election.clone());
    let remote = Remote::new(&line, Arc::clone(&reach), election.clone());
    let engine = Engine::new(plan, cluster, remote, Arc::new(Witness { world: Arc::clone(&line.world) }));

    engine.hold();
    let mut tasks = JoinSet::new();
    tasks.spawn(know_all(Arc::clone(&engine)));
    for (kind, _) in KINDS {
        tasks.spawn(watch(line.clone(), kind.into(), Arc::clone(&engine)));
    }
    tasks.spawn(watch_secrets(line.clone(), Arc::clone(&engine)));
    tasks.spawn(probe(line.clone(), Arc::clone(&reach)));
    tasks.spawn(follow(reach, Arc::clone(&engine)));

    election.won(&stop).await;
    tasks.spawn(scans(Arc::clone(&engine), sync_period));
    let mut running = JoinSet::new();
    running.spawn(engine.run(election.term(&stop, &mut tasks)));
    stop.cancelled().await;
    let _ = timeout(DRAIN, running.join_next()).await;
    drop(tasks);
    if let Some(Elected { stop, mut task }) = elected {
        stop.cancel();
        task.join_next().await;
    }
}

struct Witness {
    world: Arc<World>,
}

impl Observer for Witness {
    fn pass(&self, turn: &Turn, outcome: &'static str, _: Duration) {
        let mut state = self.world.state();
        state.note(format_args!("{}: {outcome}", turn.key));
        if outcome == "panic" {
            state.forbid(format!("{}: a pass panicked", turn.key));
        }
    }

    fn wrote(&self, _: &str, _: &'static str) {}
}

/// Keeps trying whether the target answers, as the client does.
async fn probe(line: Line, reach: Arc<Reach>) {
    let world = Arc::clone(&line.world);
    let probe = || async {
        sleep(Duration::from_millis(2)).await;
        if world.state().weather.outage { Err("the target is down".to_owned()) } else { Ok(()) }
    };
    reach.keep(probe).await;
}

async fn know_all(engine: Arc<TheEngine>) {
    while !KINDS.iter().all(|(kind, _)| engine.is_settled(&Arc::from(*kind), Some(NAMESPACE))) {
        sleep(Duration::from_millis(100)).await;
    }
    engine.release();
}

async fn follow(reach: Arc<Reach>, engine: Arc<TheEngine>) {
    let mut state = reach.subscribe();
    loop {
        if *state.borrow_and_update() == Reached::Up {
            engine.reachable();
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

async fn scans(engine: Arc<TheEngine>, period: Duration) {
    loop {
        sleep(period).await;
        scan(&engine, period / 10).await;
    }
}

/// Where the resource of an object stands.
pub fn place(resource: &Resource, name: &str) -> Place {
    (resource.name.clone(), resource.singleton.clone().unwrap_or_else(|| name.to_owned()))
}
