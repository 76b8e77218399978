//! The peers and the operators, each of which can be killed without warning and started again. Judges nothing.
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::control::Control;
use crate::kubernetes::Kubernetes;
use crate::operator::{Operator, PROGRAM};
use crate::teleport::Teleport;

/// Where people edit.
pub const NAMESPACE: &str = "chaos";
/// As a Teleport's own cache.
const LAG: &str = "800ms";
/// Replicas of the operator.
const REPLICAS: usize = 2;

/// Who can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    Operator,
    ApiServer,
    Etcd,
    Teleport,
}

impl Victim {
    pub const ALL: [Self; 4] = [Self::Operator, Self::ApiServer, Self::Etcd, Self::Teleport];
}

/// All that runs.
pub struct World {
    pub kubernetes: Kubernetes,
    teleport: Teleport,
    operators: Vec<Operator>,
    /// Which operator is killed next.
    turn: usize,
    folder: TempDir,
}

impl World {
    /// Everything runs, and nothing is there yet.
    pub fn new() -> Self {
        let kubernetes = Kubernetes::start();
        let made = Command::new(PROGRAM).arg("crds").output().expect("crds runs");
        assert!(made.status.success(), "crds: {}", String::from_utf8_lossy(&made.stderr));
        let definitions = String::from_utf8(made.stdout).expect("UTF-8");
        kubernetes.kubectl_with(&["apply", "--server-side", "-f", "-"], &definitions);
        kubernetes.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
        kubernetes.namespace(NAMESPACE);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let teleport = Teleport::kept(LAG);
        let mut world = Self { kubernetes, teleport, operators: Vec::new(), turn: 0, folder };
        for replica in 0..REPLICAS {
            let started = world.start(replica);
            world.operators.push(started);
        }
        world
    }

    fn log(&self, replica: usize) -> PathBuf {
        self.folder.path().join(format!("operator-{replica}.log"))
    }

    fn start(&self, replica: usize) -> Operator {
        let flags = [
            ("--kubeconfig", self.kubernetes.kubeconfig().display().to_string()),
            ("--namespace", NAMESPACE.to_owned()),
            ("--identity", self.teleport.identity().display().to_string()),
            ("--auth-server", self.teleport.address().to_owned()),
            ("--sync-period", "5s".to_owned()),
        ];
        let flags: Vec<_> = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
        Operator::start(&self.log(replica), &flags)
    }

    /// Kills somebody, and starts them again after a while.
    pub fn kill(&mut self, victim: Victim, pause: Duration) {
        match victim {
            Victim::Operator => {
                self.turn = (self.turn + 1) % REPLICAS;
                self.operators[self.turn].signal("KILL");
                sleep(pause);
                self.revive_ended();
            }
            Victim::ApiServer => {
                self.kubernetes.kill_api_server();
                sleep(pause);
                self.kubernetes.revive_api_server();
            }
            Victim::Etcd => {
                self.kubernetes.kill_etcd();
                sleep(pause);
                self.kubernetes.revive_etcd();
            }
            Victim::Teleport => {
                self.teleport.kill();
                sleep(pause);
                self.teleport.revive(LAG);
            }
        }
    }

    /// Starts whoever has ended, as the kubelet does: an operator that lost the Lease ends by itself.
    pub fn revive_ended(&mut self) {
        for replica in 0..REPLICAS {
            if self.operators[replica].wait(Duration::from_millis(30)).is_some() {
                self.operators[replica] = self.start(replica);
            }
        }
        if self.kubernetes.api_server_ended() {
            self.kubernetes.revive_api_server();
        }
    }

    /// The peer's control port.
    pub fn target(&self) -> Control {
        Control::of(&self.teleport.path("ready.json"))
    }

    /// Writes to the target by others than people who meddle, since it last started.
    pub fn writes(&self) -> usize {
        self.target().writes().len()
    }

    /// Changes a resource behind the operator's back, or removes it.
    pub fn meddle(&self, dice: &mut fastrand::Rng) {
        let target = self.target();
        let name = format!("role-{}", dice.u8(..8));
        if let Some(mut stored) = target.resource("role", &name) {
            stored.json["spec"]["allow"]["logins"] = json!(["intruder"]);
            target.put("role", &name, &stored.json);
        }
        let name = format!("token-{}", dice.u8(..4));
        if target.resource("token", &name).is_some() {
            target.remove("token", &name);
        }
    }

    /// What the operators said last.
    pub fn logs(&self) -> String {
        const LINES: usize = 40;
        let logs = (0..REPLICAS).map(|replica| {
            let log = self.operators[replica].log();
            let lines: Vec<_> = log.lines().collect();
            format!("--- operator {replica}:\n{}", lines[lines.len().saturating_sub(LINES)..].join("\n"))
        });
        logs.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let panicked = self.operators.iter().any(|operator| operator.log().contains("panicked"));
        assert!(!panicked || std::thread::panicking(), "an operator panicked\n{}", self.logs());
    }
}
