//! A real Kubernetes API on this machine: etcd and kube-apiserver on free loopback ports, with their state in a folder.
//! It has no controllers and no kubelet, and must not outlive this process, however that ends.
use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::process::{Process, guarded};

/// How long a server may take to answer; it takes three seconds on an idle machine.
pub const START: Duration = Duration::from_secs(60);
/// Another process may take a port between our choice and the server's bind: then all starts again on others.
pub const TRIES: usize = 3;
/// The only user, a member of `system:masters`. The server listens on loopback alone.
const TOKEN: &str = "admin";

/// Why there is no Kubernetes.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or program is missing.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The key of the API server could not be made.
    #[error("can't make a key: {0}")]
    Key(#[from] rcgen::Error),
    /// A server did not come up.
    #[error("the Kubernetes API did not start; the end of its log:\n{0}")]
    Silent(String),
}

fn io_failure(what: &str, source: io::Error) -> Failure {
    Failure::Io { what: format!("can't {what}"), source }
}

/// Where the two servers are to listen, and what they need for it. Each can be started, ended and started again: the API
/// server keeps its keys, and etcd what it holds.
#[derive(Debug)]
pub struct Place {
    assets: PathBuf,
    folder: PathBuf,
    etcd: u16,
    peer: u16,
    api_server: u16,
}

impl Place {
    /// Ports that are free now, and the servers' files in `folder`; the programs are in the folder `assets`.
    ///
    /// # Errors
    /// When the folder can't be written, or there are no ports.
    pub fn new(assets: &Path, folder: &Path) -> Result<Self, Failure> {
        let [etcd, peer, api_server] =
            free_ports().map_err(|source| io_failure("find free ports", source))?;
        let (assets, folder) = (assets.to_owned(), folder.to_owned());
        let place = Self { assets, folder, etcd, peer, api_server };
        let pair = rcgen::KeyPair::generate()?;
        for (name, text) in [
            ("service-accounts.key", pair.serialize_pem()),
            ("service-accounts.pub", pair.public_key_pem()),
            ("users.csv", format!("{TOKEN},admin,admin,system:masters\n")),
            ("kubeconfig", place.kubeconfig_text()),
        ] {
            fs::write(place.path(name), text)
                .map_err(|source| io_failure("write the servers' files", source))?;
        }
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The address of the API server.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.api_server)
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    fn kubeconfig_text(&self) -> String {
        // The API server makes it when it starts, and puts the authority that signed it into the same file.
        let (url, authority) = (self.url(), self.path("certificates/apiserver.crt"));
        format!(
            "apiVersion: v1
kind: Config
current-context: sandbox
clusters:
- name: sandbox
  cluster: {{server: {url:?}, certificate-authority: {authority:?}}}
contexts:
- name: sandbox
  context: {{cluster: sandbox, user: admin}}
users:
- name: admin
  user: {{token: {TOKEN}}}
"
        )
    }

    fn start(&self, program: &str, arguments: &[String]) -> Result<Process, Failure> {
        let path = self.assets.join(program);
        if !path.is_file() {
            let source = io::Error::new(io::ErrorKind::NotFound, "no such program");
            return Err(io_failure(&format!("start {}", path.display()), source));
        }
        let log = self.path(&format!("{program}.log"));
        Process::start(guarded(path).args(arguments), &log)
            .map_err(|source| io_failure(&format!("start {program}"), source))
    }

    /// Starts etcd.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn start_etcd(&self) -> Result<Process, Failure> {
        let [client, peer] = [self.etcd, self.peer].map(|port| format!("http://127.0.0.1:{port}"));
        let arguments = [
            format!("--data-dir={}", self.path("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        self.start("etcd", &arguments)
    }

    /// Starts the API server, with `more` arguments.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn start_api_server(&self, more: &[String]) -> Result<Process, Failure> {
        let file = |name: &str| self.path(name).display().to_string();
        let arguments = [
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd),
            format!("--secure-port={}", self.api_server),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--cert-dir={}", file("certificates")),
            format!("--service-account-key-file={}", file("service-accounts.pub")),
            format!("--service-account-signing-key-file={}", file("service-accounts.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--token-auth-file={}", file("users.csv")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // Its controllers don't run here: without them no service account would ever have its token.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        self.start("kube-apiserver", &[&arguments, more].concat())
    }
}

/// A running Kubernetes API; stopped when dropped.
pub struct Kubernetes {
    // Stopped in this order: the API server first.
    api_server: Process,
    _etcd: Process,
    place: Place,
}

impl Kubernetes {
    /// Starts `kube-apiserver` and `etcd` of the folder `assets`, with state and a kubeconfig in `folder`, and waits
    /// until they serve.
    ///
    /// # Errors
    /// When a program is missing or does not come up.
    pub fn start(assets: &Path, folder: &Path) -> Result<Self, Failure> {
        let mut tried = Err(Failure::Silent(String::new()));
        for number in 0..TRIES {
            let folder = folder.join(format!("servers-{number}"));
            fs::create_dir_all(&folder).map_err(|source| io_failure("make a folder", source))?;
            tried = Self::try_start(Place::new(assets, &folder)?);
            if !matches!(tried, Err(Failure::Silent(_))) {
                break;
            }
        }
        tried
    }

    fn try_start(place: Place) -> Result<Self, Failure> {
        let etcd = place.start_etcd()?;
        let api_server = place.start_api_server(&[])?;
        let started = Self { api_server, _etcd: etcd, place };
        started.until_ready()?;
        Ok(started)
    }

    /// Waits until somebody listens. What is served then is asked through a client, which tries again by itself.
    fn until_ready(&self) -> Result<(), Failure> {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.place.api_server)).is_err() {
            if began.elapsed() > START || !matches!(self.api_server.ended(), Ok(None)) {
                return Err(Failure::Silent(self.api_server.log_end()));
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.place.kubeconfig()
    }
}

/// Ports that nobody listens on, held open together so that they differ.
///
/// # Errors
/// When the system has none.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    let held: Vec<TcpListener> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
