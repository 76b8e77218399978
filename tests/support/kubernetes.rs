//! A real Kubernetes API for tests: etcd and kube-apiserver on free loopback ports, with state in a temporary folder.
//! It has no controllers and no kubelet, and must not outlive the test process, however that ends.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use teleport_operator::sandbox::kubernetes::{self, Place, START, TRIES};
use teleport_operator::sandbox::process::Process;
use tempfile::TempDir;

/// Every write stands in this file, beside the kubeconfig, and every read of an object that is synced: one JSON object a
/// line, without bodies.
pub const AUDIT_LOG: &str = "audit.log";
/// Of the service accounts of this namespace every read stands there, too.
pub const AUDITED: &str = "teleport-iac";
const AUDIT_RULES: &str = "audit-policy.yaml";
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, userGroups: ['system:serviceaccounts:teleport-iac']}
- {level: Metadata, verbs: [get], resources: [{group: resources.teleport.dev}]}
- {level: None, verbs: [get, list, watch]}
- {level: Metadata}
";

/// A running Kubernetes API; stopped and its folder removed when dropped.
pub struct Kubernetes {
    // Stopped in this order: the API server first, and the folder goes last.
    api_server: Option<Process>,
    etcd: Option<Process>,
    place: Place,
    folder: TempDir,
}

impl Kubernetes {
    /// The instance that the tests of this process share; it goes when the last one that holds it ends.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Kubernetes>> = Mutex::new(Weak::new());
        // A test that failed while it started the servers must not fail the others.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *shared = Arc::downgrade(&started);
            started
        })
    }

    /// Starts an instance of one's own: for a test that restarts it, or that needs an empty one.
    ///
    /// # Panics
    /// When the servers can't be started, with the end of their logs.
    pub fn start() -> Self {
        let started = (0..TRIES).find_map(|_| {
            Self::try_start().inspect_err(|failure| eprintln!("Kubernetes did not start: {failure}")).ok()
        });
        started.expect("Kubernetes starts")
    }

    fn try_start() -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(AUDIT_RULES), AUDIT_POLICY).expect("the policy is written");
        let place = Place::new(assets(), folder.path()).expect("a place for the servers");
        let mut started = Self { api_server: None, etcd: None, place, folder };
        started.revive_etcd();
        started.revive_api_server();
        started.until_ready()?;
        Ok(started)
    }

    /// Ends the API server without warning.
    pub fn kill_api_server(&mut self) {
        self.api_server = None;
    }

    /// Starts the API server, at its address and with what etcd holds.
    pub fn revive_api_server(&mut self) {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let audit = [
            format!("--audit-policy-file={}", file(AUDIT_RULES)),
            format!("--audit-log-path={}", file(AUDIT_LOG)),
        ];
        self.api_server = Some(self.place.start_api_server(&audit).expect("it starts"));
    }

    /// Whether the API server has ended by itself: it does when it starts while etcd is away for too long.
    pub fn api_server_ended(&self) -> bool {
        self.api_server.as_ref().is_some_and(has_ended)
    }

    /// Ends etcd without warning.
    pub fn kill_etcd(&mut self) {
        self.etcd = None;
    }

    /// Starts etcd, at its address and with what it held.
    pub fn revive_etcd(&mut self) {
        self.etcd = Some(self.place.start_etcd().expect("it starts"));
    }

    fn until_ready(&self) -> Result<(), String> {
        self.until(&["get", "--raw", "/readyz"])?;
        // The server is ready a moment before the namespace that everybody uses exists.
        self.until(&["get", "namespace", "default"])
    }

    fn until(&self, arguments: &[&str]) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let output = self.try_kubectl(arguments, "");
            if output.status.success() {
                return Ok(());
            }
            let api_server = self.api_server.as_ref().expect("it was started");
            if started.elapsed() > START || has_ended(api_server) {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(said + &api_server.log_end());
            }
            sleep(Duration::from_millis(100));
        }
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.place.kubeconfig()
    }

    /// The address of the API server, with its scheme.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// Makes a namespace of its own for a test: instances are shared.
    pub fn namespace(&self, name: &str) {
        self.kubectl(&["create", "namespace", name]);
    }

    /// Runs kubectl and gives its standard output.
    ///
    /// # Panics
    /// When kubectl fails, with what it said.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_with(arguments, "")
    }

    /// [`Self::kubectl`] with a text on standard input, for `-f -`.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> String {
        let output = self.try_kubectl(arguments, input);
        assert!(
            output.status.success(),
            "kubectl {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("kubectl prints UTF-8")
    }

    /// Runs kubectl, whether it succeeds or not.
    pub fn try_kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(assets().join("kubectl"))
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            // Discovery is cached by address, and a port may have been another server's.
            .arg("--cache-dir")
            .arg(self.folder.path().join("kubectl-cache"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = input.to_owned();
        // In a thread of its own: kubectl may print more than a pipe holds before it has read all.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("kubectl ends");
        // A broken pipe only says that kubectl did not want it all.
        let _ = writer.join().expect("the writer does not panic");
        output
    }
}

/// The folder with `kube-apiserver`, `etcd` and `kubectl`: `KUBEBUILDER_ASSETS`, else built from `tests/peers`.
pub fn assets() -> &'static Path {
    static ASSETS: OnceLock<PathBuf> = OnceLock::new();
    ASSETS.get_or_init(|| match std::env::var_os("KUBEBUILDER_ASSETS") {
        Some(folder) => folder.into(),
        None => {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/build.sh");
            let built = Command::new(script).arg("kubernetes").stderr(Stdio::inherit()).output();
            let built = built.expect("tests/peers/build.sh runs");
            assert!(built.status.success(), "tests/peers/build.sh kubernetes failed");
            String::from_utf8(built.stdout).expect("a path in UTF-8").trim().into()
        }
    })
}

fn has_ended(server: &Process) -> bool {
    server.ended().expect("it is a child").is_some()
}

/// Ports that nobody listens on.
pub fn free_ports<const N: usize>() -> [u16; N] {
    kubernetes::free_ports().expect("free ports")
}
