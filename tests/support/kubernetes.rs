//! A real Kubernetes API for tests: etcd and kube-apiserver on free loopback ports, with state in a temporary folder.
//! It has no controllers and no kubelet, and must not outlive the test process, however that ends.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to answer; it takes three seconds on an idle machine.
const START: Duration = Duration::from_secs(60);
/// Another process may take a port between our choice and the server's bind: then all starts again on others.
const TRIES: usize = 3;
/// The only user, a member of `system:masters`.
const TOKEN: &str = "admin-of-this-test";

/// Every write stands in this file, beside the kubeconfig, and every read of an object that is synced: one JSON object a
/// line, without bodies.
pub const AUDIT_LOG: &str = "audit.log";
/// Of the service accounts of this namespace every read stands there, too.
pub const AUDITED: &str = "teleport-iac";
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
    api_server: Option<Server>,
    etcd: Option<Server>,
    folder: TempDir,
    url: String,
    ports: Ports,
}

/// Where the servers listen, also after they were killed.
#[derive(Clone, Copy)]
struct Ports {
    etcd: u16,
    peer: u16,
    api_server: u16,
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
        let [etcd, peer, api_server] = free_ports();
        let ports = Ports { etcd, peer, api_server };
        let url = format!("https://127.0.0.1:{api_server}");
        let mut started = Self { api_server: None, etcd: None, folder, url, ports };
        started.revive_etcd();
        started.revive_api_server();
        fs::write(started.kubeconfig(), kubeconfig(started.folder.path(), &started.url))
            .expect("the kubeconfig is written");
        started.until_ready()?;
        Ok(started)
    }

    /// Ends the API server without warning.
    pub fn kill_api_server(&mut self) {
        self.api_server = None;
    }

    /// Starts the API server, at its address and with what etcd holds.
    pub fn revive_api_server(&mut self) {
        self.api_server = Some(start_api_server(self.folder.path(), self.ports.etcd, self.ports.api_server));
    }

    /// Whether the API server has ended by itself: it does when it starts while etcd is away for too long.
    pub fn api_server_ended(&self) -> bool {
        self.api_server.as_ref().is_some_and(Server::ended)
    }

    /// Ends etcd without warning.
    pub fn kill_etcd(&mut self) {
        self.etcd = None;
    }

    /// Starts etcd, at its address and with what it held.
    pub fn revive_etcd(&mut self) {
        self.etcd = Some(start_etcd(self.folder.path(), self.ports.etcd, self.ports.peer));
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
            if started.elapsed() > START || api_server.ended() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(said + &api_server.log_end());
            }
            sleep(Duration::from_millis(100));
        }
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The address of the API server, with its scheme.
    pub fn url(&self) -> &str {
        &self.url
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

/// A server process, killed when dropped and when the test process dies.
struct Server {
    guard: Mutex<Child>,
    log: PathBuf,
}

impl Server {
    fn start(program: &str, folder: &Path, arguments: &[String]) -> Self {
        // The reader sees its input end even when the test process is killed by SIGKILL.
        const GUARD: &str = r#"exec 3<&0; "$0" "$@" 3<&- & server=$!
            { read -r _ <&3; kill -KILL $server; } & wait $server"#;
        let log = folder.join(format!("{program}.log"));
        let output = File::options().create(true).append(true).open(&log).expect("a log file");
        let guard = Command::new("sh")
            .args(["-c", GUARD])
            .arg(assets().join(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("sh starts");
        Self { guard: Mutex::new(guard), log }
    }

    fn ended(&self) -> bool {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(guard.try_wait(), Ok(None))
    }

    fn log_end(&self) -> String {
        const END: usize = 4000;
        let mut log = Vec::new();
        let read = File::open(&self.log).and_then(|mut file| file.read_to_end(&mut log));
        let end = String::from_utf8_lossy(&log[log.len().saturating_sub(END)..]).into_owned();
        read.map_or_else(|error| error.to_string(), |_| end)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let guard = self.guard.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(guard.stdin.take());
        // Its end is all that matters; there is nobody to tell of a failure.
        let _ = guard.wait();
    }
}

fn start_etcd(folder: &Path, client: u16, peer: u16) -> Server {
    let client = format!("http://127.0.0.1:{client}");
    let peer = format!("http://127.0.0.1:{peer}");
    let arguments = [
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    Server::start("etcd", folder, &arguments)
}

fn start_api_server(folder: &Path, etcd: u16, secure: u16) -> Server {
    let pair = rcgen::KeyPair::generate().expect("a key pair");
    let (private, public) = (folder.join("service-accounts.key"), folder.join("service-accounts.pub"));
    fs::write(&private, pair.serialize_pem()).expect("the key is written");
    fs::write(&public, pair.public_key_pem()).expect("the key is written");
    let policy = folder.join("audit-policy.yaml");
    fs::write(&policy, AUDIT_POLICY).expect("the policy is written");
    let users = folder.join("users.csv");
    fs::write(&users, format!("{TOKEN},admin,admin,system:masters\n")).expect("the users are written");
    let arguments = [
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        format!("--secure-port={secure}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--cert-dir={}", folder.join("certificates").display()),
        format!("--service-account-key-file={}", public.display()),
        format!("--service-account-signing-key-file={}", private.display()),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--token-auth-file={}", users.display()),
        "--authorization-mode=RBAC".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        // Its controllers don't run here: without them no service account would ever have its token.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", folder.join(AUDIT_LOG).display()),
    ];
    Server::start("kube-apiserver", folder, &arguments)
}

fn kubeconfig(folder: &Path, url: &str) -> String {
    // The API server makes it when it starts, and puts the authority that signed it into the same file.
    let authority = folder.join("certificates/apiserver.crt");
    format!(
        "apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {{server: {url:?}, certificate-authority: {authority:?}}}
contexts:
- name: test
  context: {{cluster: test, user: admin}}
users:
- name: admin
  user: {{token: {TOKEN}}}
"
    )
}

/// Ports that nobody listens on, held open together so that they differ.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("its address").port())
}
