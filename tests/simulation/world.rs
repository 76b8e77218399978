//! What outlives a process of the operator: Kubernetes, the target, the network between, and what happened so far.
//! Everything that could be otherwise is drawn from one seed, so that a seed is a history.
use std::fmt::Write as _;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use teleport_operator::mapping::plan::Target;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::kubernetes::ApiServer;
use super::target::Server;

/// The longest that a request or its answer is under way. A process starts later than this after the one before it
/// ended: what that one had sent has arrived.
pub const LONGEST_WAY: Duration = Duration::from_millis(1500);

/// All that there is.
pub struct World {
    state: Mutex<State>,
    trace: Arc<Mutex<Trace>>,
    /// A process died.
    pub died: Notify,
    /// Something changed in Kubernetes.
    pub news: Notify,
}

/// All that changes.
pub struct State {
    /// How calls, watches and caches go.
    pub dice: Rng,
    /// What people do: the same, whatever else happens.
    pub people: Rng,
    pub kubernetes: ApiServer,
    pub server: Server,
    pub weather: Weather,
    /// What must never happen, and did.
    pub broken: Vec<String>,
    /// Which process is alive: calls of those before it reach nobody.
    pub epoch: u64,
    /// Calls of this process so far.
    pub calls: u64,
    /// When it is to die.
    pub cut: Option<Cut>,
    trace: Arc<Mutex<Trace>>,
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
    /// How many watch events come late, twice, or not at all until the next list.
    pub watches: f64,
    /// The target can't be reached.
    pub outage: bool,
}

/// What happened, for people.
pub struct Trace {
    began: Instant,
    lines: Vec<String>,
}

impl Trace {
    pub fn line(&mut self, text: &str) {
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
    pub fn new(seed: u64, plan: Arc<Target>) -> Arc<Self> {
        let mut dice = Rng::with_seed(seed);
        let trace = Arc::new(Mutex::new(Trace { began: Instant::now(), lines: Vec::new() }));
        let state = State {
            kubernetes: ApiServer::new(&plan.words.ignore),
            server: Server::new(plan, &mut dice),
            dice,
            people: Rng::with_seed(!seed),
            weather: Weather::default(),
            broken: Vec::new(),
            epoch: 0,
            calls: 0,
            cut: None,
            trace: Arc::clone(&trace),
        };
        Arc::new(Self { state: Mutex::new(state), trace, died: Notify::new(), news: Notify::new() })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn trace(&self) -> Arc<Mutex<Trace>> {
        Arc::clone(&self.trace)
    }
}

impl State {
    /// Notes what happened.
    pub fn note(&self, text: &str) {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).line(text);
    }

    /// Something happened that must not.
    pub fn forbid(&mut self, what: String) {
        self.note(&format!("!!! {what}"));
        self.broken.push(what);
    }

    pub fn chance(&mut self, of: f64) -> bool {
        self.dice.f64() < of
    }

    fn way(&mut self, peer: Peer) -> Way {
        self.calls += 1;
        let dies = self.cut.filter(|cut| cut.call == self.calls).map(|cut| cut.done);
        let rate = match peer {
            Peer::Kubernetes => self.weather.kubernetes,
            Peer::Target => self.weather.target,
        };
        let fault = self.chance(rate).then(|| Fault { done: self.dice.bool(), error: self.dice.usize(..) });
        let (there, back) = (self.latency(), self.latency());
        Way { there, back, fault, dies }
    }

    fn latency(&mut self) -> Duration {
        let longest = if self.chance(self.weather.slow) { LONGEST_WAY.as_millis() as u64 } else { 10 };
        Duration::from_millis(self.dice.u64(0..longest))
    }
}

/// A process's line to the world. It is dead when the process is.
#[derive(Clone)]
pub struct Line {
    pub world: Arc<World>,
    pub epoch: u64,
}

impl Line {
    /// Makes a call. What was sent happens, even if nobody waits for the answer any more.
    pub async fn call<T: Send + 'static>(
        &self,
        peer: Peer,
        what: &str,
        happen: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Answer<T> {
        let way = {
            let mut state = self.world.state();
            (state.epoch == self.epoch).then(|| state.way(peer))
        };
        let Some(Way { there, back, fault, dies }) = way else { return pending().await };
        if dies == Some(false) {
            self.die(what, "before").await;
        }
        let done = fault.is_none_or(|fault| fault.done);
        let world = Arc::clone(&self.world);
        let arriving = tokio::spawn(async move {
            sleep(there).await;
            done.then(|| happen(&mut world.state()))
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
                let mut text = format!("    {what} fails");
                let _ = write!(text, ", and {}", if fault.done { "is done" } else { "is not done" });
                self.world.state().note(&text);
                Answer::Failed(fault)
            }
        }
    }

    async fn die(&self, what: &str, when: &str) {
        {
            let mut state = self.world.state();
            state.note(&format!("*** the process dies {when}: {what}"));
            state.epoch += 1;
        }
        self.world.died.notify_one();
        pending().await
    }
}
