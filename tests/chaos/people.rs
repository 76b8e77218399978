//! People who edit custom resources without pause, whether the API server answers or not.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use teleport_operator::kube::connect;
use teleport_operator::sync::cluster::api_resource;

use crate::agreement::{kind_of, plan};
use crate::world::{NAMESPACE, World};

/// How long an edit may take before it is given up.
const EDIT: Duration = Duration::from_secs(4);

/// People at work.
pub struct People {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU32>,
    failed: Arc<AtomicU32>,
    thread: JoinHandle<()>,
}

impl People {
    /// Begins to edit.
    pub fn start(world: &World, seed: u64) -> Self {
        let (stop, done, failed) = <(Arc<AtomicBool>, Arc<AtomicU32>, Arc<AtomicU32>)>::default();
        let work = Work {
            kubeconfig: world.kubernetes.kubeconfig(),
            dice: fastrand::Rng::with_seed(!seed),
            stop: Arc::clone(&stop),
            done: Arc::clone(&done),
            failed: Arc::clone(&failed),
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(work.run());
        });
        Self { stop, done, failed, thread }
    }

    /// Lets them rest; gives how many edits went through and how many did not.
    pub fn stop(self) -> (u32, u32) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("people do not panic");
        (self.done.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

struct Work {
    kubeconfig: PathBuf,
    dice: fastrand::Rng,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU32>,
    failed: Arc<AtomicU32>,
}

impl Work {
    async fn run(mut self) {
        let client = connect::client(Some(&self.kubeconfig), None).await.expect("a client");
        while !self.stop.load(Ordering::Relaxed) {
            let outcome = tokio::time::timeout(EDIT, self.edit(&client)).await;
            let count = if matches!(outcome, Ok(Ok(()))) { &self.done } else { &self.failed };
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(self.dice.u64(20..250))).await;
        }
    }

    async fn edit(&mut self, client: &Client) -> kube::Result<()> {
        let (kind, name, spec) = self.wish();
        let plan = plan();
        let resource = api_resource(&kind_of(&plan, kind).kubernetes);
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource);
        let draw = self.dice.u8(..10);
        if draw < 3 {
            match api.delete(&name, &DeleteParams::default()).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                other => drop(other?),
            }
        }
        // One in three of those that are deleted is made anew at once.
        if draw != 1 && draw != 2 {
            let team = self.dice.u8(..3).to_string();
            let object = json!({
                "apiVersion": resource.api_version,
                "kind": resource.kind,
                "metadata": {"name": name, "labels": {"team": team}},
                "spec": spec,
            });
            let params = PatchParams::apply("people").force();
            api.patch(&name, &params, &Patch::Apply(object)).await?;
        }
        Ok(())
    }

    fn wish(&mut self) -> (&'static str, String, Value) {
        let n = self.dice.u16(..);
        match self.dice.u8(..4) {
            0 | 1 => {
                let name = format!("role-{}", self.dice.u8(..8));
                ("TeleportRoleV7", name, json!({"allow": {"logins": [format!("login-{n}")]}}))
            }
            2 => {
                let roles: Vec<_> =
                    (0..8).filter(|_| self.dice.u8(..3) == 0).map(|role| format!("role-{role}")).collect();
                let name = format!("user-{}", self.dice.u8(..5));
                ("TeleportUser", name, json!({"roles": roles, "traits": {"logins": [format!("login-{n}")]}}))
            }
            _ => {
                let name = format!("token-{}", self.dice.u8(..4));
                let spec = json!({"roles": ["Node"], "join_method": "kubernetes", "kubernetes":
                    {"allow": [{"service_account": format!("ns:account-{n}")}]}});
                ("TeleportProvisionToken", name, spec)
            }
        }
    }
}
