//! A real Kubernetes API on this machine: etcd and kube-apiserver on free loopback ports, with their state in a folder.
//! It has no controllers and no kubelet, and must not outlive this process, however that ends.
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take to answer; it takes three seconds on an idle machine.
const START: Duration = Duration::from_secs(60);
/// Another process may take a port between our choice and the server's bind: then all starts again on others.
const TRIES: usize = 3;
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

/// A running Kubernetes API; stopped when dropped.
pub struct Kubernetes {
    // Stopped in this order: the API server first.
    api_server: Server,
    _etcd: Server,
    kubeconfig: PathBuf,
    url: String,
}

impl Kubernetes {
    /// Starts `kube-apiserver` and `etcd` of the folder `assets`, with state and a kubeconfig in `folder`, and waits
    /// until they serve. `api_server` are further arguments of the API server.
    ///
    /// # Errors
    /// When a program is missing or does not come up.
    pub fn start(assets: &Path, folder: &Path, api_server: &[String]) -> Result<Self, Failure> {
        let mut tried = Err(Failure::Silent(String::new()));
        for number in 0..TRIES {
            let folder = folder.join(format!("servers-{number}"));
            fs::create_dir_all(&folder).map_err(|source| io_failure("make a folder", source))?;
            tried = Self::try_start(assets, &folder, api_server);
            if !matches!(tried, Err(Failure::Silent(_))) {
                break;
            }
        }
        tried
    }

    fn try_start(assets: &Path, folder: &Path, more: &[String]) -> Result<Self, Failure> {
        let [client, peer, secure] = free_ports().map_err(|source| io_failure("find free ports", source))?;
        let etcd = start_etcd(assets, folder, client, peer)?;
        let api_server = start_api_server(assets, folder, client, secure, more)?;
        let (kubeconfig, url) = (folder.join("kubeconfig"), format!("https://127.0.0.1:{secure}"));
        fs::write(&kubeconfig, kubeconfig_text(folder, &url))
            .map_err(|source| io_failure("write the kubeconfig", source))?;
        let started = Self { api_server, _etcd: etcd, kubeconfig, url };
        started.until_ready(secure)?;
        Ok(started)
    }

    /// Waits until somebody listens. What is served then is asked through a client, which tries again by itself.
    fn until_ready(&self, secure: u16) -> Result<(), Failure> {
        let started = Instant::now();
        while !is_ready(secure) {
            if started.elapsed() > START || self.api_server.ended() {
                return Err(Failure::Silent(self.api_server.log_end()));
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The address of the API server.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn is_ready(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn io_failure(what: &str, source: io::Error) -> Failure {
    Failure::Io { what: format!("can't {what}"), source }
}

/// A server process, killed when dropped and when this process dies.
struct Server {
    guard: Mutex<Child>,
    log: PathBuf,
}

impl Server {
    fn start(assets: &Path, program: &str, folder: &Path, arguments: &[String]) -> Result<Self, Failure> {
        // The reader sees its input end even when this process is killed by SIGKILL. Ctrl-C on a terminal reaches the
        // whole process group: we end first, then the servers.
        const GUARD: &str = r#"trap '' INT; exec 3<&0; "$0" "$@" 3<&- & server=$!
            { read -r _ <&3; kill -KILL $server; } & wait $server"#;
        let path = assets.join(program);
        if !path.is_file() {
            let source = io::Error::new(io::ErrorKind::NotFound, "no such program");
            return Err(io_failure(&format!("start {}", path.display()), source));
        }
        let log = folder.join(format!("{program}.log"));
        let output = File::create(&log).map_err(|source| io_failure("make a log file", source))?;
        let errors = output.try_clone().map_err(|source| io_failure("share a log file", source))?;
        let guard = Command::new("sh")
            .args(["-c", GUARD])
            .arg(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| io_failure("start sh", source))?;
        Ok(Self { guard: Mutex::new(guard), log })
    }

    fn ended(&self) -> bool {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(guard.try_wait(), Ok(None))
    }

    fn log_end(&self) -> String {
        const END: usize = 4000;
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(END)..]).into_owned()
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

fn start_etcd(assets: &Path, folder: &Path, client: u16, peer: u16) -> Result<Server, Failure> {
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
    Server::start(assets, "etcd", folder, &arguments)
}

fn start_api_server(
    assets: &Path,
    folder: &Path,
    etcd: u16,
    secure: u16,
    more: &[String],
) -> Result<Server, Failure> {
    let pair = rcgen::KeyPair::generate()?;
    let (private, public) = (folder.join("service-accounts.key"), folder.join("service-accounts.pub"));
    let users = folder.join("users.csv");
    for (path, text) in [
        (&private, pair.serialize_pem()),
        (&public, pair.public_key_pem()),
        (&users, format!("{TOKEN},admin,admin,system:masters\n")),
    ] {
        fs::write(path, text).map_err(|source| io_failure("write the server's files", source))?;
    }
    let mut arguments = vec![
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
    ];
    arguments.extend_from_slice(more);
    Server::start(assets, "kube-apiserver", folder, &arguments)
}

fn kubeconfig_text(folder: &Path, url: &str) -> String {
    // The API server makes it when it starts, and puts the authority that signed it into the same file.
    let authority = folder.join("certificates/apiserver.crt");
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

/// Ports that nobody listens on, held open together so that they differ.
fn free_ports() -> io::Result<[u16; 3]> {
    let held = [listener()?, listener()?, listener()?];
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    Ok([port(&held[0])?, port(&held[1])?, port(&held[2])?])
}

fn listener() -> io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0")
}
