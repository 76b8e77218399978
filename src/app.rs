//! The composition root: takes the configuration apart, builds the parts, wires and runs them until told to stop.
//! Holds no logic of its own beyond who is told what, and in which order things end.
mod identity;
mod observe;
mod standing;

pub use identity::{Kept, kept, known};
pub use standing::Told;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use kube::Client as Kubernetes;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::standing::Crier;
use crate::kube::errors::Class;
use crate::kube::events::{Events, Subject};
use crate::kube::lease::{self, Claim};
use crate::kube::watch::{self as kube_watch, Event, Lists};
use crate::kube::{connect, namespaces, secrets};
use crate::mapping::plan::{Credentials, Kind, Target};
use crate::ops::health::{Fact, Health};
use crate::ops::metrics::Metrics;
use crate::ops::server;
use crate::sync::cluster::{RealCluster, api_resource};
use crate::sync::engine::Engine;
use crate::sync::feed;
use crate::sync::remote::{RealFeed, RealRemote};
use crate::sync::scan;
use crate::sync::shards::Shards;
use crate::target::call;
use crate::target::client::Client;
use crate::target::connection::secure::Secure;
use crate::target::connection::{Connection, Plaintext};
use crate::target::gate::{Gate, Permission};
use crate::target::reach::State;
use crate::teleport::session::Session;
use crate::teleport::settings::Settings;
use observe::{Counting, Shown};

/// How long passes under way may take to end after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How long one call to the target may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Name under which events are reported and metrics stand.
const NAME: &str = env!("CARGO_PKG_NAME");

/// All that a process is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Kubeconfig file, instead of those that are found by themselves.
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, instead of the current one.
    pub context: Option<String>,
    /// Namespaces whose objects are synced; none stands for all that there are.
    pub namespaces: Vec<Option<String>>,
    /// How the target is reached.
    pub connect: Connect,
    /// Namespace and name of the Lease by which one of several replicas is chosen; none: there is one replica.
    pub lease: Option<(String, String)>,
    /// Among how many Leases the objects are shared out; one, where there is none.
    pub shards: usize,
    /// How often all resources are compared with what they should be.
    pub sync_period: Duration,
    /// What else is said about syncing.
    pub settings: crate::sync::settings::Settings,
    /// Where metrics are served (`:8080`; empty or `0`: nowhere).
    pub metrics: String,
    /// Where health is served.
    pub health: String,
}

/// How the target is reached.
#[derive(Debug, Clone)]
pub enum Connect {
    /// As a Teleport is reached: by joining it, or with the identity in a file.
    Teleport(Box<Settings>),
    /// Over TLS, with credentials in files.
    Secure(Credentials, String),
    /// Without encryption or credentials.
    Plaintext(String),
}

/// The way to the target, and the session that it is where there is one. Must be called within a tokio runtime.
///
/// # Errors
/// When an address is none, or a file of credentials is of no use.
pub fn connection(connect: Connect) -> Result<(Arc<dyn Connection>, Option<Session>)> {
    Ok(match connect {
        Connect::Plaintext(address) => (Arc::new(Plaintext::new(&address)?), None),
        Connect::Secure(credentials, address) => (Arc::new(Secure::new(credentials, &address)?), None),
        Connect::Teleport(settings) => {
            let session = Session::start(*settings)?;
            (Arc::new(session.clone()), Some(session))
        }
    })
}

type TheEngine = Engine<RealCluster, RealRemote>;

/// Runs until `stop`.
///
/// # Errors
/// When a part can't be built: a bad address, no access to Kubernetes. What fails later is tried again instead.
pub async fn run(config: Config, target: Arc<Target>, stop: CancellationToken) -> Result<()> {
    let Config {
        kubeconfig,
        context,
        namespaces,
        connect,
        lease,
        shards,
        sync_period,
        settings,
        metrics,
        health,
    } = config;
    let kubernetes = connect::client(kubeconfig.as_deref(), context.as_deref()).await?;

    let mut registry = Registry::with_prefix(NAME.replace('-', "_"));
    let (version, interface) = (env!("CARGO_PKG_VERSION"), interface());
    let counters = Metrics::register(&mut registry, version, &interface, &target.name);
    let facts = Health::default();
    let (watching, reaching) = (facts.require("watches synced"), facts.require("target reached"));

    let (connection, session) = connection(connect)?;
    let observer = Arc::new(Counting(counters.clone()));
    let options =
        call::Options { deadline: DEADLINE, observer: Arc::clone(&observer) as Arc<dyn call::Observer> };
    let client = Client::new(&target, connection, options);

    let (election, elected) = match lease {
        Some((namespace, name)) => elect(&kubernetes, &namespace, &name, shards),
        None => (Election::Alone, None),
    };
    let held = election.clone();
    let sharing = Shards::new(election.shards(), move |shard| held.holds(shard));
    let asked = sharing.clone();
    let permission: Arc<Permission> = Arc::new(move || asked.may_write());
    let gate = Gate::new(client.clone(), Arc::clone(&permission));
    let (events, _) = Events::start(kubernetes.clone(), NAME, &hostname());
    let crier = Crier { events: events.clone(), myself: myself(&namespaces), metrics: counters.clone() };
    let cluster = RealCluster::new(kubernetes.clone(), events, &target.words, observer.clone(), permission);
    let remote = RealRemote::new(client.clone(), gate);
    let engine: Arc<TheEngine> =
        Engine::with_settings(Arc::clone(&target), cluster, remote, observer, settings);
    engine.share(sharing);
    engine.hold();

    // Served before anything is reached: that nothing is reached yet is what they are asked for.
    let mut servers = JoinSet::new();
    let ending = CancellationToken::new();
    let told = feed::State::default();
    let shown = Shown {
        engine: Arc::clone(&engine),
        client: client.clone(),
        stream: told.clone(),
        election: election.clone(),
        metrics: counters.clone(),
    };
    let measured = shown.clone();
    let pages = [
        (server::listen(&health).await?, server::health_pages(facts.clone())),
        (
            server::listen(&metrics).await?,
            server::metrics_pages(registry, move || measured.measure(), move || shown.state()),
        ),
    ];
    for (listener, pages) in pages {
        if let Some(listener) = listener {
            servers.spawn(server::serve(listener, pages, ending.clone()));
        }
    }

    let mut tasks = JoinSet::new();
    let lists = lists(&kubernetes, &stop).await;
    for kind in &target.kinds {
        for namespace in &namespaces {
            let (engine, counters) = (Arc::clone(&engine), counters.clone());
            tasks.spawn(watch(
                kubernetes.clone(),
                Arc::clone(kind),
                namespace.clone(),
                lists,
                engine,
                counters,
            ));
        }
    }
    for namespace in &namespaces {
        tasks.spawn(watch_secrets(kubernetes.clone(), namespace.clone(), lists, Arc::clone(&engine)));
    }
    let mut heard = JoinSet::new();
    for namespace in &namespaces {
        let (told, hears) = oneshot::channel();
        let engine = Arc::clone(&engine);
        tasks.spawn(watch_namespace(kubernetes.clone(), namespace.clone(), lists, engine, told));
        heard.spawn(hears);
    }
    let prober = client.clone();
    tasks.spawn(async move { prober.keep_reaching().await });
    tasks.spawn(crier.clone().follow_reach(client.reach().subscribe()));
    if let Some(session) = session {
        let (joined, client, engine) = (facts.require("joined"), client.clone(), Arc::clone(&engine));
        let renewed = move |other| {
            // What the server can do is asked anew whenever it is reached, which is what a doubt comes to.
            client.reach().doubt();
            if other {
                engine.allowed();
            }
        };
        let renewed = Arc::new(renewed);
        tasks.spawn(crier.follow_session(session.standing(), joined, renewed));
    }
    tasks.spawn(follow(client.clone(), Arc::clone(&engine), reaching));
    tasks.spawn(synced(Arc::clone(&engine), namespaces.clone(), watching));

    election.won(&stop).await;
    // Before anything is written: what namespaces say holds from the beginning.
    stop.run_until_cancelled(heard.join_all()).await;
    tasks.spawn(scans(Arc::clone(&engine), sync_period));
    if target.stream.is_some() {
        let (engine, stream) = (Arc::clone(&engine), RealFeed(client.clone()));
        tasks.spawn(async move { feed::follow(&engine, &stream, told).await });
    }
    election.follow(&engine, &stop, &mut tasks);
    let running = tokio::spawn(Arc::clone(&engine).run(stop.clone()));
    stop.cancelled().await;
    info!("stopping: no new work is begun");
    if timeout(DRAIN, running).await.is_err() {
        warn!("some work did not end in time; it is finished at the next start");
    }
    // Only now: until here our writes needed the Lease.
    drop(tasks);
    if let Some((elected, released)) = elected {
        elected.cancel();
        let _ = timeout(DEADLINE, released.join_all()).await;
    }
    ending.cancel();
    while servers.join_next().await.is_some() {}
    Ok(())
}

/// Who writes: this replica alone, or for each shard the one that holds its Lease.
#[derive(Debug, Clone)]
enum Election {
    Alone,
    Among(Vec<Receiver<Claim>>),
}

impl Election {
    fn shards(&self) -> usize {
        match self {
            Self::Alone => 1,
            Self::Among(claims) => claims.len(),
        }
    }

    fn holds(&self, shard: usize) -> bool {
        match self {
            Self::Alone => true,
            Self::Among(claims) => claims.get(shard).is_some_and(|claim| claim.borrow().is_current()),
        }
    }

    /// Who holds a shard, as far as we know.
    fn holder(&self, shard: usize) -> Option<Arc<str>> {
        match self {
            Self::Alone => None,
            Self::Among(claims) => claims.get(shard)?.borrow().holder.clone(),
        }
    }

    /// Waits until this replica may write anything, or is to stop.
    async fn won(&self, stop: &CancellationToken) {
        let Self::Among(claims) = self else { return };
        let won = claims
            .iter()
            .cloned()
            .map(|mut claim| Box::pin(async move { drop(claim.wait_for(Claim::is_current).await) }));
        let _ = stop.run_until_cancelled(futures::future::select_all(won)).await;
    }

    /// Hands a shard's objects to the engine when it is ours. When one is lost the process ends, and begins anew as a
    /// candidate: what it remembers of the objects would soon be of the past.
    fn follow(&self, engine: &Arc<TheEngine>, stop: &CancellationToken, tasks: &mut JoinSet<()>) {
        let Self::Among(claims) = self else { return };
        for (shard, claim) in claims.iter().enumerate() {
            let (mut claim, engine, stop) = (claim.clone(), Arc::clone(engine), stop.clone());
            tasks.spawn(async move {
                if claim.wait_for(Claim::is_current).await.is_err() {
                    return;
                }
                engine.gained(shard);
                let lost = claim.wait_for(|claim| !claim.is_current());
                if stop.run_until_cancelled(lost).await.is_some() {
                    warn!(shard, "the Lease is lost: another replica leads now");
                    stop.cancel();
                }
            });
        }
    }
}

type Elected = Option<(CancellationToken, JoinSet<()>)>;

/// Becomes a candidate for each shard. The first has the Lease's own name, as where there is one alone; each replica
/// begins with another one.
fn elect(kubernetes: &Kubernetes, namespace: &str, name: &str, shards: usize) -> (Election, Elected) {
    let (stop, identity) = (CancellationToken::new(), lease::identity(&hostname()));
    let quota = (shards > 1).then(Arc::<lease::Quota>::default);
    let mut released = JoinSet::new();
    let claims = (0..shards).map(|shard| {
        let name = if shard == 0 { name.to_owned() } else { format!("{name}-{shard}") };
        let config = lease::Config { quota: quota.clone(), ..lease::Config::new(namespace, name, &identity) };
        let (claim, ended) = lease::start(kubernetes, config, stop.clone());
        released.spawn(async move { drop(ended.await) });
        claim
    });
    let claims = claims.collect();
    (Election::Among(claims), Some((stop, released)))
}

/// This process, as Kubernetes knows it.
fn myself(namespaces: &[Option<String>]) -> Subject {
    let watched = || namespaces.iter().flatten().next().cloned();
    let namespace = namespace(None).ok().or_else(watched).unwrap_or_else(|| "default".to_owned());
    standing::pod(&namespace, hostname)
}

/// Tells one interface that a binary carries from another.
fn interface() -> String {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    let hash =
        BuildHasherDefault::<DefaultHasher>::default().hash_one(crate::mapping::embedded_descriptors());
    format!("{hash:016x}")
}

/// In a pod, the pod's name.
fn hostname() -> String {
    std::env::var("HOSTNAME").unwrap_or_else(|_| NAME.to_owned())
}

/// The best way to list; asked until Kubernetes answers.
async fn lists(kubernetes: &Kubernetes, stop: &CancellationToken) -> Lists {
    while !stop.is_cancelled() {
        match Lists::of(kubernetes).await {
            Ok(lists) => return lists,
            Err(error) => warn!(%error, "Kubernetes does not answer yet"),
        }
        stop.run_until_cancelled(sleep(Duration::from_secs(1))).await;
    }
    Lists::Paged
}

async fn watch(
    kubernetes: Kubernetes,
    kind: Arc<Kind>,
    namespace: Option<String>,
    lists: Lists,
    engine: Arc<TheEngine>,
    counters: Metrics,
) {
    let name: Arc<str> = kind.kubernetes.kind.as_str().into();
    let resource = api_resource(&kind.kubernetes);
    let mut events = std::pin::pin!(kube_watch::watch(&kubernetes, &resource, namespace.as_deref(), lists));
    while let Some(event) = events.next().await {
        counters.watched(&name, event.name());
        match &event {
            Event::Restarted => counters.restarted(&name),
            Event::Missing => {
                info!(kind = %name, "CRD not deployed in the cluster: its kind is skipped until it is")
            }
            Event::Failed(error) => warn!(kind = %name, %error, "watch broke; it goes on by itself"),
            _ => {}
        }
        engine.event(&name, namespace.as_deref(), event);
    }
}

async fn watch_secrets(
    kubernetes: Kubernetes,
    namespace: Option<String>,
    lists: Lists,
    engine: Arc<TheEngine>,
) {
    let mut events = std::pin::pin!(secrets::watch(&kubernetes, namespace.as_deref(), lists));
    while let Some(event) = events.next().await {
        if let Event::Failed(error) = &event {
            warn!(%error, "watch of Secrets broke; it goes on by itself");
        }
        engine.secret(namespace.as_deref(), event);
    }
}

/// Tells the engine what a namespace's annotations say, and at the first time, or where nobody may know, also `told`.
async fn watch_namespace(
    kubernetes: Kubernetes,
    namespace: Option<String>,
    lists: Lists,
    engine: Arc<TheEngine>,
    told: oneshot::Sender<()>,
) {
    /// How often leave is asked for that was refused.
    const AGAIN: Duration = Duration::from_secs(600);
    let mut told = Some(told);
    // Who waits for it may have gone.
    let mut tell = || {
        let _ = told.take().map(|told| told.send(()));
    };
    let mut refused = false;
    loop {
        // Asked before, so that nobody's log fills with what is refused by intent.
        if namespaces::may_watch(&kubernetes, namespace.as_deref()).await.is_ok_and(|allowed| !allowed) {
            tell();
            if !std::mem::replace(&mut refused, true) {
                info!(
                    "the annotations of the namespace have no effect, only those of objects: it may not be watched"
                );
            }
            sleep(AGAIN).await;
            continue;
        }
        let mut events = std::pin::pin!(namespaces::watch(&kubernetes, namespace.as_deref(), lists));
        while let Some(event) = events.next().await {
            match event {
                Event::Applied(found) => {
                    engine.namespace(&found.name, |name| found.annotations.get(name).map(String::as_str));
                }
                Event::Deleted(found) => engine.namespace(&found.name, |_| None),
                Event::Synced => tell(),
                Event::Failed(error) if error.class == Class::Forbidden => {
                    tell();
                    if !std::mem::replace(&mut refused, true) {
                        info!(%error, "the annotations of the namespace have no effect, only those of objects");
                    }
                    break;
                }
                Event::Failed(error) => warn!(%error, "watch of the namespace broke; it goes on by itself"),
                Event::Missing | Event::Restarted => {}
            }
        }
        sleep(AGAIN).await;
    }
}

/// Tells the engine when the target can be reached and what it can do.
async fn follow(client: Client, engine: Arc<TheEngine>, reaching: Fact) {
    let mut state = client.reach().subscribe();
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            State::Unknown => reaching.lacks("not tried yet"),
            State::Down(why) => reaching.lacks(why),
            State::Up => {
                match client.facts().await {
                    Ok(facts) => {
                        let (cluster, version) = (facts.cluster, facts.version);
                        info!(cluster, version, "target says what it is");
                        engine.features(facts.features);
                    }
                    Err(error) => warn!(%error, "the target does not say what it can do"),
                }
                reaching.holds();
                engine.reachable();
            }
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// Reports when all watches have given their objects.
async fn synced(engine: Arc<TheEngine>, namespaces: Vec<Option<String>>, watching: Fact) {
    /// How long others are waited for that may have the same resource, should a watch never be complete.
    const PATIENCE: Duration = Duration::from_secs(30);
    let began = Instant::now();
    loop {
        let missing: BTreeSet<_> = engine
            .target()
            .kinds
            .iter()
            .map(|kind| kind.kubernetes.kind.as_str())
            .filter(|kind| namespaces.iter().any(|ns| !engine.is_settled(&Arc::from(*kind), ns.as_deref())))
            .collect();
        if missing.is_empty() || began.elapsed() > PATIENCE {
            engine.release();
        }
        if missing.is_empty() {
            watching.holds();
            return;
        }
        watching.lacks(format!("waiting for {}", missing.into_iter().collect::<Vec<_>>().join(", ")));
        sleep(Duration::from_millis(100)).await;
    }
}

/// Looks for drift: soon after the start, for what changed while nobody looked, then now and then.
async fn scans(engine: Arc<TheEngine>, period: Duration) {
    scan::keep(&engine, period, |kind, failure| {
        warn!(kind, error = failure.message, "could not be scanned for drift");
    })
    .await;
}

/// The namespaces that were asked for, `*` for all of them, or the one that this process is in.
///
/// # Errors
/// When nobody says which, or what they say can't be one.
pub fn namespaces(flags: &[String]) -> Result<Vec<Option<String>>> {
    match flags {
        [] => Ok(vec![Some(namespace(None)?)]),
        flags if flags.iter().any(|flag| flag.trim() == "*") => Ok(vec![None]),
        flags => flags.iter().map(|flag| namespace(Some(flag)).map(Some)).collect(),
    }
}

/// The namespace of the Lease: the one that was asked for, else the first of those with objects, else the one that this
/// process is in.
///
/// # Errors
/// When nobody says which, or what they say can't be one.
pub fn lease_namespace(flag: Option<&str>, namespaces: &[Option<String>]) -> Result<String> {
    let first = namespaces.first().and_then(Option::as_deref);
    namespace(flag.or(first)).context("for the Lease (--leader-election-namespace)")
}

/// The namespace that this process is in, where it is in one.
pub fn own_namespace() -> Option<String> {
    namespace(None).ok()
}

fn namespace(flag: Option<&str>) -> Result<String> {
    let environment = std::env::var("POD_NAMESPACE").ok();
    connect::namespace(flag, environment.as_deref(), connect::NAMESPACE_FILE.as_ref()).context("no namespace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_named_or_all() {
        let given =
            |flags: &[&str]| namespaces(&flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>());
        assert_eq!(given(&["a", "b"]).unwrap(), [Some("a".to_owned()), Some("b".to_owned())]);
        assert_eq!(given(&["a", "*"]).unwrap(), [None]);
        assert!(given(&["A_"]).is_err());
    }

    #[test]
    fn the_lease_is_where_the_objects_are_unless_told() {
        let namespaces = [Some("a".to_owned()), Some("b".to_owned())];
        assert_eq!(lease_namespace(None, &namespaces).unwrap(), "a");
        assert_eq!(lease_namespace(Some("x"), &namespaces).unwrap(), "x");
        assert_eq!(lease_namespace(Some("x"), &[None]).unwrap(), "x");
        assert!(lease_namespace(Some("X_"), &namespaces).is_err());
    }
}
