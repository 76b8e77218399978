//! What outlives a process of the operator: Kubernetes, the target, the network between, and what happened so far.
//! Everything that could be otherwise is drawn from one seed, so that a seed is a history.
use std::collections::BTreeSet;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use teleport_operator::mapping::plan::Target;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::bugs::Bug;
use super::kubernetes::ApiServer;
use super::story::Story;
use super::target::Server;

/// The longest that a request or its answer is under way.
pub const LONGEST_WAY: Duration = Duration::from_millis(1500);
/// How long a call to Kubernetes takes that gets no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// All that there is.
pub struct World {
    state: Mutex<State>,
    trace: Arc<Mutex<Trace>>,
    /// A process died, or is told to end.
    pub ends: Notify,
    /// Something changed in Kubernetes.
    pub news: Notify,
}

/// All that changes.
pub struct State {
    /// How calls, watches and caches go.
    pub dice: Rng,
    /// What people do: the same in each deed, whatever else happens.
    pub people: Rng,
    pub kubernetes: ApiServer,
    pub server: Server,
    pub weather: Weather,
    /// What must never happen, and did.
    pub broken: Vec<String>,
    pub replicas: Vec<Replica>,
    /// What is wrong with the operator on purpose.
    pub bug: Option<Bug>,
    /// Things that went wrong so far by the weather's doing: each has a number.
    pub mishaps: u64,
    /// Those that do not happen, to find out which matter.
    pardoned: BTreeSet<u64>,
    traced: bool,
    trace: Arc<Mutex<Trace>>,
}

/// One of the processes that may write.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    /// Which process it is by now: calls of those before it reach nobody.
    pub epoch: u64,
    /// Calls of this process so far.
    pub calls: u64,
    /// When it is to die.
    pub cut: Option<Cut>,
    /// It died.
    pub dead: bool,
    /// It is told to end.
    pub leaves: bool,
    /// Calls that have been sent and have not arrived.
    pub under_way: u32,
}

/// A death: at the call of this number, before or after it is done.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub call: u64,
    pub done: bool,
}

/// How things go wrong at present.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// How many calls take long.
    pub slow: f64,
    /// How many calls to Kubernetes fail.
    pub kubernetes: f64,
    /// How many calls to the target fail.
    pub target: f64,
    /// How many watch events come late, twice, in another order, or not at all until the next list.
    pub watches: f64,
    /// The target can't be reached.
    pub outage: bool,
    /// The replica that can't reach Kubernetes.
    pub cut_off: Option<usize>,
}

/// What happened, for people.
pub struct Trace {
    began: Instant,
    lines: Vec<String>,
}

impl Trace {
    pub fn line(&mut self, text: &dyn fmt::Display) {
        let at = self.began.elapsed().as_secs_f64();
        self.lines.push(format!("{at:>9.3} {text}"));
    }

    pub fn mentions(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// How a call goes.
struct Way {
    there: Duration,
    back: Duration,
    fault: Option<Fault>,
    /// The process dies before or after it.
    dies: Option<bool>,
    /// It never gets there.
    lost: bool,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// It is done all the same.
    pub done: bool,
    /// Which of the possible errors is answered.
    pub error: usize,
}

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Kubernetes,
    Target,
}

/// What came back of a call.
pub enum Answer<T> {
    Given(T),
    Failed(Fault),
}

impl World {
    pub fn new(story: &Story, plan: Arc<Target>) -> Arc<Self> {
        let mut dice = Rng::with_seed(story.seed);
        let trace = Arc::new(Mutex::new(Trace { began: Instant::now(), lines: Vec::new() }));
        let mut replicas = vec![Replica::default(); story.replicas];
        replicas[0].cut = story.cut;
        let state = State {
            kubernetes: ApiServer::new(&plan.words.ignore),
            server: Server::new(plan, &mut dice),
            dice,
            people: Rng::with_seed(0),
            weather: Weather::default(),
            broken: Vec::new(),
            replicas,
            bug: story.bug,
            mishaps: 0,
            pardoned: story.without.mishaps.clone(),
            traced: story.traced,
            trace: Arc::clone(&trace),
        };
        Arc::new(Self { state: Mutex::new(state), trace, ends: Notify::new(), news: Notify::new() })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn trace(&self) -> Arc<Mutex<Trace>> {
        Arc::clone(&self.trace)
    }

    /// Waits until something is so of a replica.
    pub async fn until(&self, replica: usize, so: impl Fn(&Replica) -> bool) {
        loop {
            let changed = self.ends.notified();
            if so(&self.state().replicas[replica]) {
                return;
            }
            changed.await;
        }
    }
}

impl State {
    /// Notes what happened.
    pub fn note(&self, text: fmt::Arguments<'_>) {
        if self.traced {
            self.trace.lock().unwrap_or_else(PoisonError::into_inner).line(&text);
        }
    }

    /// Something happened that must not.
    pub fn forbid(&mut self, what: String) {
        self.note(format_args!("!!! {what}"));
        self.broken.push(what);
    }

    /// Whether something goes wrong that does so as often as this.
    pub fn mishap(&mut self, rate: f64) -> bool {
        if self.dice.f64() >= rate {
            return false;
        }
        self.mishaps += 1;
        !self.pardoned.contains(&self.mishaps)
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Whether there is a Lease to be held.
    pub fn elects(&self) -> bool {
        self.replicas.len() > 1
    }

    /// Whoever writes must hold the Lease when the write arrives: its time is cut so that it does.
    pub fn check_leadership(&mut self, line: &Line, what: &str) {
        let holder = self.kubernetes.holder();
        if self.elects() && holder != line.identity() {
            self.forbid(format!(
                "{}: {what}: written without the Lease, which {holder:?} holds",
                line.identity()
            ));
        }
    }

    fn way(&mut self, line: &Line, peer: Peer) -> Way {
        let replica = &mut self.replicas[line.replica];
        replica.calls += 1;
        let dies = replica.cut.filter(|cut| cut.call == replica.calls).map(|cut| cut.done);
        let rate = match peer {
            Peer::Kubernetes => self.weather.kubernetes,
            Peer::Target => self.weather.target,
        };
        let fails = self.mishap(rate);
        let fault = Fault { done: self.dice.bool(), error: self.dice.usize(..) };
        let (there, back) = (self.latency(), self.latency());
        let lost = peer == Peer::Kubernetes && self.weather.cut_off == Some(line.replica);
        Way { there, back, fault: fails.then_some(fault), dies, lost }
    }

    fn latency(&mut self) -> Duration {
        let rate = self.weather.slow;
        let longest = if self.mishap(rate) { LONGEST_WAY.as_millis() as u64 } else { 10 };
        Duration::from_millis(self.dice.u64(0..longest))
    }
}

/// A process's line to the world. It is dead when the process is.
#[derive(Clone)]
pub struct Line {
    pub world: Arc<World>,
    pub replica: usize,
    pub epoch: u64,
}

impl Line {
    /// A new process's.
    pub fn new(world: &Arc<World>, replica: usize) -> Self {
        let mut state = world.state();
        let now = &mut state.replicas[replica];
        now.epoch += 1;
        (now.calls, now.dead, now.leaves) = (0, false, false);
        let line = Self { world: Arc::clone(world), replica, epoch: now.epoch };
        state.note(format_args!("*** {} starts", line.identity()));
        line
    }

    /// Who calls: different for every process.
    pub fn identity(&self) -> String {
        format!("replica-{}-{}", self.replica, self.epoch)
    }

    fn is_alive(&self, state: &State) -> bool {
        state.replicas[self.replica].epoch == self.epoch
    }

    /// Makes a call. What was sent happens, even if nobody waits for the answer any more.
    pub async fn call<T: Send + 'static>(
        &self,
        peer: Peer,
        what: &str,
        happen: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Answer<T> {
        let way = {
            let mut state = self.world.state();
            self.is_alive(&state).then(|| state.way(self, peer))
        };
        let Some(Way { there, back, fault, dies, lost }) = way else { return pending().await };
        if lost {
            sleep(PATIENCE).await;
            self.world.state().note(format_args!("    {}: {what}: no answer", self.identity()));
            return Answer::Failed(Fault { done: false, error: 1 });
        }
        if dies == Some(false) {
            self.die(what, "before").await;
        }
        let done = fault.is_none_or(|fault| fault.done);
        let (world, replica) = (Arc::clone(&self.world), self.replica);
        world.state().replicas[replica].under_way += 1;
        let arriving = tokio::spawn(async move {
            sleep(there).await;
            let mut state = world.state();
            state.replicas[replica].under_way -= 1;
            done.then(|| happen(&mut state))
        });
        let Ok(answer) = arriving.await else { return pending().await };
        self.world.news.notify_waiters();
        if dies == Some(true) {
            self.die(what, "after").await;
        }
        sleep(back).await;
        match (answer, fault) {
            (Some(answer), None) => Answer::Given(answer),
            (_, fault) => {
                let fault = fault.unwrap_or(Fault { done: false, error: 0 });
                let done = if fault.done { "is done" } else { "is not done" };
                self.world.state().note(format_args!("    {what} fails, and {done}"));
                Answer::Failed(fault)
            }
        }
    }

    async fn die(&self, what: &str, when: &str) {
        {
            let mut state = self.world.state();
            state.note(format_args!("*** {} dies {when}: {what}", self.identity()));
            let replica = &mut state.replicas[self.replica];
            replica.epoch += 1;
            (replica.dead, replica.cut) = (true, None);
        }
        self.world.ends.notify_waiters();
        pending().await
    }
}
