//! The operator as a process of its own, with its output in a file and its pages on free loopback ports.
//! It must not outlive the test process, however that ends.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::kubernetes::free_ports;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_teleport-operator");

/// A running operator; killed when dropped.
pub struct Operator {
    guard: Child,
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
        // Signals come in as lines; the reader sees its input end even when the test process is killed by SIGKILL.
        const GUARD: &str = r#"exec 3<&0; "$0" "$@" 3<&- & server=$!
            { while read -r signal <&3; do kill -"$signal" $server; done; kill -KILL $server; } & reader=$!
            wait $server; code=$?; kill $reader; exit $code"#;
        let [health, metrics] = free_ports().map(|port| format!("127.0.0.1:{port}"));
        let output = File::options().create(true).append(true).open(log).expect("a log file");
        let guard = Command::new("sh")
            .args(["-c", GUARD, PROGRAM, "run"])
            .args(["--health-probe-bind-address", &health, "--metrics-bind-address", &metrics])
            .args(flags)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("sh starts");
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10)));
        let agent = config.http_status_as_error(false).build().new_agent();
        Self { guard, log: log.to_owned(), health, metrics, agent }
    }

    /// The process itself: the guard's child that runs the program.
    pub fn pid(&self) -> u32 {
        let program = fs::canonicalize(PROGRAM).expect("the program");
        let children = format!("/proc/{0}/task/{0}/children", self.guard.id());
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
    pub fn signal(&mut self, name: &str) {
        let stdin = self.guard.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{name}").expect("the guard reads");
    }

    /// How it ended, if it did within this time.
    pub fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        let began = Instant::now();
        while began.elapsed() < at_most {
            if let Some(status) = self.guard.try_wait().expect("it is a child") {
                return Some(status);
            }
            sleep(Duration::from_millis(20));
        }
        None
    }

    /// Ends it without warning, and waits until it is gone.
    pub fn kill(mut self) {
        self.signal("KILL");
        self.wait(Duration::from_secs(10)).expect("nothing survives SIGKILL");
    }

    /// All that it has said, in this run and those before.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log")
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // Its end is all that matters; there is nobody to tell of a failure.
        let _ = self.guard.wait();
    }
}
