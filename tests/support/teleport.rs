//! An auth server made of Teleport's own types for tests, on a free loopback port, with its files in a temporary folder.
//! With a proxy and a load balancer in front of it, if asked for. It must not outlive the test process, however that ends.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use teleport_operator::sandbox::process::{Process, guarded};
use tempfile::TempDir;

/// How long a server may take to answer; it takes a tenth of a second on an idle machine.
const START: Duration = Duration::from_secs(30);
/// What the server says goes to this file.
const LOG: &str = "teleport-auth.log";

/// A running auth server; stopped and its folder removed when dropped.
pub struct Teleport {
    /// None while it is killed.
    server: Option<Process>,
    folder: TempDir,
    ready: Ready,
}

/// Where a server is, as it says itself.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Ready {
    auth: String,
    #[serde(default)]
    proxy: String,
    #[serde(default)]
    balancer: String,
    #[serde(default)]
    web_ca: String,
    #[serde(default)]
    ca_pins: Vec<String>,
}

impl Teleport {
    /// Starts a server whose reads lag behind writes by up to this duration, as Go writes it; `0` for not at all.
    pub fn start(lag: &str) -> Self {
        Self::with(&["-cache-lag", lag])
    }

    /// Starts a server with a proxy and a load balancer in front of it, which joins as this generation of Teleport does
    /// (`tests/peers/teleport/auth/profile.go` has them), and with more flags of the peer.
    pub fn joining(profile: &str, more: &[&str]) -> Self {
        let flags =
            ["-cache-lag", "0", "-proxy", "127.0.0.1:0", "-balancer", "127.0.0.1:0", "-profile", profile];
        Self::with(&[&flags[..], more].concat())
    }

    /// Starts a server that keeps what it is told, so that it can be killed and revived.
    pub fn kept(lag: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let flags = Self::keeping(&folder, lag, "127.0.0.1:0");
        let server = Some(start(folder.path(), &flags.each_ref().map(|flag| &**flag)));
        let ready = ready(folder.path());
        Self { server, folder, ready }
    }

    fn keeping(folder: &TempDir, lag: &str, address: &str) -> [String; 6] {
        let journal = folder.path().join("journal").display().to_string();
        ["-cache-lag", lag, "-journal", &journal, "-listen", address].map(str::to_owned)
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.server = None;
        fs::remove_file(self.path("ready.json")).expect("it was ready");
    }

    /// Starts a killed one again: with other authorities, at its address, and with what it kept.
    pub fn revive(&mut self, lag: &str) {
        let flags = Self::keeping(&self.folder, lag, &self.ready.auth);
        self.server = Some(start(self.folder.path(), &flags.each_ref().map(|flag| &**flag)));
        self.ready = ready(self.folder.path());
    }

    /// Starts a server with these flags of the peer.
    pub fn with(flags: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let server = Some(start(folder.path(), &[flags, &["-listen", "127.0.0.1:0"]].concat()));
        let ready = ready(folder.path());
        Self { server, folder, ready }
    }

    /// Where it serves gRPC: `host:port`.
    pub fn address(&self) -> &str {
        &self.ready.auth
    }

    /// The web address of the proxy: `localhost:port`.
    pub fn proxy(&self) -> &str {
        &self.ready.proxy
    }

    /// The address of the load balancer in front of the proxy, which breaks every route by ALPN.
    pub fn balancer(&self) -> &str {
        &self.ready.balancer
    }

    /// The file with what to trust for the certificates of these two, as for `SSL_CERT_FILE`.
    pub fn web_authorities(&self) -> &Path {
        Path::new(&self.ready.web_ca)
    }

    /// The pins of the cluster's host authorities when it started.
    pub fn pins(&self) -> &[String] {
        &self.ready.ca_pins
    }

    /// The identity file of the operator.
    pub fn identity(&self) -> PathBuf {
        self.path("identity")
    }

    /// A file in its folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Ends it, and starts another one with other authorities and an empty store in the same folder and at the same
    /// address.
    pub fn replace(&mut self) {
        self.server = None;
        fs::remove_file(self.path("ready.json")).expect("it was ready");
        self.server = Some(start(self.folder.path(), &["-cache-lag", "0", "-listen", &self.ready.auth]));
        ready(self.folder.path());
    }
}

fn start(folder: &Path, arguments: &[&str]) -> Process {
    let mut command = guarded(binary());
    command.arg("-dir").arg(folder).args(arguments);
    Process::start(&mut command, &folder.join(LOG)).expect("it starts")
}

fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/build.sh");
        let built = Command::new(script).arg("teleport").stderr(Stdio::inherit()).output();
        let built = built.expect("tests/peers/build.sh runs");
        assert!(built.status.success(), "tests/peers/build.sh teleport failed");
        Path::new(String::from_utf8(built.stdout).expect("a path in UTF-8").trim()).join("teleport-auth")
    })
}

/// Waits until the server has written where it listens.
fn ready(folder: &Path) -> Ready {
    let began = Instant::now();
    while began.elapsed() < START {
        if let Ok(text) = fs::read(folder.join("ready.json")) {
            return serde_json::from_slice(&text).expect("JSON");
        }
        sleep(Duration::from_millis(20));
    }
    let log = fs::read_to_string(folder.join(LOG)).unwrap_or_else(|error| error.to_string());
    panic!("the auth server did not start within {START:?}: {log}");
}
