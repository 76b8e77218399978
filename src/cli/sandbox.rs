//! `sandbox`: the operator, a target in this process and a real Kubernetes, for trying out. Shows what happens until it
//! is interrupted.
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use kube::Client;
use kube::api::ApiResource;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::manifest;
use super::source::Given;
use crate::app::{self, Config, Connect};
use crate::crd::crd;
use crate::diagnostic::Source;
use crate::kube::object::{self, Object};
use crate::kube::{apply::apply, connect, crds};
use crate::mapping::plan::{Target, Within};
use crate::ops::log::{self, Format};
use crate::ops::shutdown;
use crate::sandbox::kubernetes::Kubernetes;
use crate::sandbox::server::Sandbox;
use crate::sync::cluster::api_resource;

/// Try the operator out, with no Teleport or other server: a target in this process, and a real Kubernetes API
///
/// Installs the CRDs, applies the examples and shows what becomes of them until it is interrupted. Kubernetes is
/// kube-apiserver and etcd out of the folder KUBEBUILDER_ASSETS, started for the occasion, or the current context.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// End when all examples are ready (exit code 0), or when they are not within a minute (1)
    #[arg(long)]
    pub once: bool,
    /// Folder of manifests to apply [default: the target's own examples]
    #[arg(long, value_name = "DIR")]
    pub examples: Option<PathBuf>,
    /// Use the current context's cluster (of KUBECONFIG, or of --kubeconfig) instead of starting an API server
    #[arg(long)]
    pub current_context: bool,
    /// Where the kubeconfig of the started API server is written [default: sandbox.kubeconfig]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the examples; it must exist
    #[arg(long, default_value = "default")]
    pub namespace: String,
    /// Least severe messages to log
    #[arg(long, default_value = "WARN", value_name = "LEVEL")]
    pub log_level: String,
}

/// How long Kubernetes may take to establish the CRDs, and with `--once` all examples to become ready.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(300);
const MANAGER: &str = "sandbox";

/// Runs the sandbox; true: everything that was waited for came.
///
/// # Errors
/// When a part can't be started.
pub fn run(args: &Args, given: &Given, target: Target) -> Result<bool> {
    let examples = args.examples.clone().unwrap_or_else(|| given.examples(&target));
    log::start(&args.log_level, Format::by_terminal())?;
    let folder = tempfile::tempdir().context("can't make a temporary folder")?;
    // Started here and dropped last: everything else is done with it by then.
    let own = if args.current_context { None } else { Some(start_kubernetes(folder.path())?) };
    let kubeconfig = match &own {
        Some(own) => Some(publish(own, args)?),
        None => args.kubeconfig.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(play(args, target, &examples, kubeconfig, own.is_some()))
}

fn start_kubernetes(folder: &Path) -> Result<Kubernetes> {
    let Some(assets) = env::var_os("KUBEBUILDER_ASSETS") else {
        bail!(
            "which Kubernetes? Set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd (`make sandbox` builds \
             them), or give --current-context to use the cluster of your kubeconfig"
        );
    };
    eprintln!("Starting kube-apiserver and etcd …");
    Ok(Kubernetes::start(assets.as_ref(), folder)?)
}

/// Puts the kubeconfig where it is easily found.
fn publish(own: &Kubernetes, args: &Args) -> Result<PathBuf> {
    let path = args.kubeconfig.clone().unwrap_or_else(|| "sandbox.kubeconfig".into());
    fs::copy(own.kubeconfig(), &path).with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

async fn play(
    args: &Args,
    target: Target,
    examples: &Path,
    kubeconfig: Option<PathBuf>,
    own: bool,
) -> Result<bool> {
    let stop = shutdown::on_signal()?;
    // Nobody is responsible for a part of what is here alone.
    let target = Arc::new(target.within(Within::Any));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let (server, ended) = (Sandbox::new(Arc::clone(&target)), stop.clone());
    tokio::spawn(server.serve(listener, async move { ended.cancelled().await }));

    let client = connect::client(kubeconfig.as_deref(), None).await?;
    until_served(&client, &stop).await?;
    let definitions: Vec<Value> = target.kinds.iter().map(|kind| crd(kind, &target.words)).collect();
    crds::install(&client, &definitions, MANAGER, PATIENCE).await?;
    eprintln!("{} CRDs are installed; the target listens on {address}.", definitions.len());

    let config = Config {
        kubeconfig: kubeconfig.clone(),
        context: None,
        namespaces: vec![Some(args.namespace.clone())],
        connect: Connect::Plaintext(address),
        lease: None,
        shards: 1,
        sync_period: PATIENCE,
        settings: Default::default(),
        metrics: "0".to_owned(),
        health: "0".to_owned(),
    };
    let operator = tokio::spawn(app::run(config, Arc::clone(&target), stop.clone()));
    let applied = apply_all(examples, args, &client, &target).await?;
    eprintln!("{} manifests of {} are applied.\n", applied.len(), examples.display());
    if let (Some(kubeconfig), true) = (&kubeconfig, own) {
        let category = &target.words.category;
        eprintln!("Look at it, and change things, from another terminal:\n");
        eprintln!("    export KUBECONFIG={}", fs::canonicalize(kubeconfig)?.display());
        eprintln!("    kubectl get {category}\n\nCtrl-C ends it.\n");
    }
    let ready = show(args, &client, &target, &stop).await;
    stop.cancel();
    operator.await??;
    ready
}

/// Waits until the API server answers and has the namespace that everybody uses.
async fn until_served(client: &Client, stop: &CancellationToken) -> Result<()> {
    let began = Instant::now();
    let namespaces = ApiResource::erase::<k8s_openapi::api::core::v1::Namespace>(&());
    while !stop.is_cancelled() {
        match object::get(client, &namespaces, "", "default").await {
            Ok(Some(_)) => return Ok(()),
            Err(error) if began.elapsed() > PATIENCE => return Err(error.into()),
            _ => sleep(Duration::from_millis(100)).await,
        }
    }
    Ok(())
}

async fn apply_all(folder: &Path, args: &Args, client: &Client, target: &Target) -> Result<Vec<Object>> {
    let known: Vec<_> = target.kinds.iter().map(|kind| api_resource(&kind.kubernetes)).collect();
    let mut applied = Vec::new();
    for path in manifests(folder)? {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).with_context(|| format!("can't read {name}"))?;
        let parsed = manifest::parse(&Arc::new(Source { name: name.clone(), text }));
        if let Some(problem) = parsed.problems.first() {
            bail!("{name}: {problem}");
        }
        for document in parsed.documents.into_iter().flat_map(manifest::Document::expand) {
            let object = apply(client, &document.json, &args.namespace, &known, MANAGER).await;
            applied.push(object.with_context(|| name.clone())?);
        }
    }
    Ok(applied)
}

fn manifests(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json"));
    paths.sort();
    Ok(paths)
}

/// Shows the state of all objects whenever it changes, until all are ready (`--once`) or somebody stops it.
async fn show(args: &Args, client: &Client, target: &Target, stop: &CancellationToken) -> Result<bool> {
    let (began, mut before) = (Instant::now(), BTreeMap::new());
    loop {
        let now = states(args, client, target).await?;
        print(&before, &now)?;
        let all = !now.is_empty() && now.values().all(|state| state.ready);
        before = now;
        match (args.once, all) {
            (true, true) => return Ok(true),
            (true, false) if began.elapsed() > PATIENCE => return Ok(false),
            _ => {}
        }
        if stop.run_until_cancelled(sleep(LOOK)).await.is_none() {
            return Ok(!args.once || all);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    ready: bool,
    says: String,
}

async fn states(args: &Args, client: &Client, target: &Target) -> Result<BTreeMap<String, State>> {
    let mut states = BTreeMap::new();
    for kind in &target.kinds {
        for object in object::list(client, &api_resource(&kind.kubernetes), &args.namespace).await? {
            let name = format!("{:<28} {:<32}", kind.kubernetes.kind, object.name());
            states.insert(name, state(&object.status()));
        }
    }
    Ok(states)
}

fn state(status: &Value) -> State {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready");
    let text = |condition: &Value, key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    match ready {
        None => State { ready: false, says: "waiting".to_owned() },
        Some(condition) if condition["status"] == "True" => State { ready: true, says: "ready".to_owned() },
        Some(condition) => {
            let says = format!("{}: {}", text(condition, "reason"), text(condition, "message"));
            State { ready: false, says }
        }
    }
}

/// On a terminal the whole table anew, elsewhere a line for each change.
fn print(before: &BTreeMap<String, State>, now: &BTreeMap<String, State>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if before == now {
        return Ok(());
    }
    if out.is_terminal() {
        // Up to where the last table began, and everything below it gone.
        if !before.is_empty() {
            write!(out, "\x1b[{}A\x1b[J", before.len())?;
        }
        for (name, state) in now {
            writeln!(out, "{name} {}", state.says)?;
        }
    } else {
        for (name, state) in now.iter().filter(|(name, state)| before.get(*name) != Some(state)) {
            writeln!(out, "{name} {}", state.says)?;
        }
        for name in before.keys().filter(|name| !now.contains_key(*name)) {
            writeln!(out, "{name} gone")?;
        }
    }
    out.flush()
}
