//! The operator as a process of its own, with its output in a file and its pages on free loopback ports.
//! It must not outlive the test process, however that ends.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::{Duration, Instant};

use teleport_operator::sandbox::process::{Process, guarded};

use crate::kubernetes::free_ports;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_teleport-operator");

/// A running operator; killed when dropped.
pub struct Operator {
    process: Process,
    log: PathBuf,
    health: String,
    metrics: String,
    agent: ureq::Agent,
}

impl Operator {
    /// Starts `run` with these flags and addresses for its pages; what it says is appended to `log`.
    pub fn start(log: &Path, flags: &[String]) -> Self {
        Self::start_in(&[], log, flags)
    }

    /// [`Self::start`] with more in its environment.
    pub fn start_in(environment: &[(String, String)], log: &Path, flags: &[String]) -> Self {
        let [health, metrics] = free_ports().map(|port| format!("127.0.0.1:{port}"));
        let mut command = guarded(PROGRAM);
        command
            .args(["run", "--health-probe-bind-address", &health, "--metrics-bind-address", &metrics])
            .args(flags)
            .envs(environment.iter().map(|(name, value)| (name, value)));
        let process = Process::start(&mut command, log).expect("it starts");
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10)));
        let agent = config.http_status_as_error(false).build().new_agent();
        Self { process, log: log.to_owned(), health, metrics, agent }
    }

    /// The process itself: the guard's child that runs the program.
    pub fn pid(&self) -> u32 {
        let program = fs::canonicalize(PROGRAM).expect("the program");
        let children = format!("/proc/{0}/task/{0}/children", self.process.guard_id());
        let began = Instant::now();
        loop {
            let children = fs::read_to_string(&children).expect("the guard runs");
            let mut pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
            let runs =
                |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|runs| runs == program);
            if let Some(pid) = pids.find(runs) {
                return pid;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "the guard does not run {PROGRAM}");
            sleep(Duration::from_millis(10));
        }
    }

    /// Status and text of a health page; none while nobody listens.
    pub fn health(&self, page: &str) -> Option<(u16, String)> {
        self.page(&self.health, page)
    }

    /// The text of a page beside the metrics.
    pub fn metrics(&self, page: &str) -> String {
        let (status, text) = self.page(&self.metrics, page).expect("metrics are served");
        assert_eq!(status, 200, "{page}: {text}");
        text
    }

    fn page(&self, address: &str, page: &str) -> Option<(u16, String)> {
        let mut answer = self.agent.get(format!("http://{address}{page}")).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), text))
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name).expect("it runs");
    }

    /// How it ended, if it did within this time.
    pub fn wait(&self, at_most: Duration) -> Option<ExitStatus> {
        self.process.wait(at_most).expect("it is a child")
    }

    /// Ends it without warning, and waits until it is gone.
    pub fn kill(self) {
        self.signal("KILL");
        self.wait(Duration::from_secs(10)).expect("nothing survives SIGKILL");
    }

    /// All that it has said, in this run and those before.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log")
    }
}
