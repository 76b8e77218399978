//! `kube` against a real kube-apiserver: watches, guarded writes, secrets, events, definitions and the leader lease.
use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{Stream, StreamExt};
use kube::{Client, Config, api::ApiResource, config::KubeConfigOptions};
use serde_json::{Value, json};
use teleport_operator::kube::{
    call::Outcome,
    connect, crds,
    errors::Class,
    events::{EventType, Events, Note},
    finalizer, lease,
    object::{self, Object},
    secrets::{self, Lookup, Refused},
    status::{self, Condition, Time},
    watch::{self, Event, Lists},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch::channel,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

#[path = "support/kubernetes.rs"]
mod kubernetes;
use kubernetes::Kubernetes;

/// Long enough for anything that does happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster shared by the tests, and a namespace and a kind of one's own in it.
struct Corner {
    kubernetes: Arc<Kubernetes>,
    client: Client,
    name: &'static str,
    resource: ApiResource,
}

impl Corner {
    /// `name` is the namespace, and the plural of the kind.
    async fn new(name: &'static str) -> Self {
        let kubernetes = tokio::task::spawn_blocking(Kubernetes::shared).await.unwrap();
        kubernetes.namespace(name);
        let client = connect::client(Some(&kubernetes.kubeconfig()), None).await.unwrap();
        let kind = format!("Kind{name}");
        let resource = ApiResource {
            group: "example.dev".to_owned(),
            version: "v1".to_owned(),
            api_version: "example.dev/v1".to_owned(),
            kind,
            plural: name.to_owned(),
        };
        Self { kubernetes, client, name, resource }
    }

    async fn with_kind(name: &'static str) -> Self {
        let corner = Self::new(name).await;
        corner.install().await;
        corner
    }

    async fn install(&self) {
        crds::install(&self.client, &[self.definition()], "test", PATIENCE).await.unwrap();
    }

    fn definition(&self) -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.example.dev", self.name)},
            "spec": {
                "group": "example.dev",
                "names": {"kind": self.resource.kind, "plural": self.name},
                "scope": "Namespaced",
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    }},
                }],
            },
        })
    }

    fn apply(&self, name: &str, more: &Value) {
        let mut manifest = json!({
            "apiVersion": "example.dev/v1",
            "kind": self.resource.kind,
            "metadata": {"name": name, "namespace": self.name},
        });
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.kubernetes.kubectl_with(&["apply", "-f", "-"], &manifest.to_string());
    }

    fn delete(&self, name: &str) {
        self.kubernetes.kubectl(&["delete", "-n", self.name, self.name, name, "--wait=false"]);
    }

    async fn get(&self, name: &str) -> Option<Object> {
        object::get(&self.client, &self.resource, self.name, name).await.unwrap()
    }

    async fn patch_status(&self, object: &Object, members: Value) -> Outcome<Object> {
        status::patch(&self.client, &self.resource, object, &members).await.unwrap()
    }

    /// How many requests with this verb the server has had for the kind.
    fn requests(&self, verb: &str) -> u32 {
        let metrics = self.kubernetes.kubectl(&["get", "--raw", "/metrics"]);
        let ours = |line: &&str| {
            line.starts_with("apiserver_request_total{")
                && line.contains(&format!("resource=\"{}\"", self.name))
                && line.contains(&format!("verb=\"{verb}\""))
        };
        let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap();
        metrics.lines().filter(ours).map(count).sum()
    }
}

/// A watch read one event at a time.
struct Reader<T>(Pin<Box<dyn Stream<Item = Event<T>> + Send>>);

impl<T: std::fmt::Debug> Reader<T> {
    fn new(stream: impl Stream<Item = Event<T>> + Send + 'static) -> Self {
        Self(stream.boxed())
    }

    async fn next(&mut self) -> Event<T> {
        timeout(PATIENCE, self.0.next()).await.expect("an event in time").expect("a watch never ends")
    }

    /// The first event that the function knows what to make of.
    async fn until<U>(&mut self, pick: impl Fn(&Event<T>) -> Option<U>) -> U {
        let found = async {
            loop {
                if let Some(found) = pick(&self.next().await) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("the event in time")
    }

    /// The objects of a list, up to where it is complete.
    async fn list<U>(&mut self, name: impl Fn(&T) -> U) -> Vec<U> {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                Event::Restarted => all.clear(),
                Event::Applied(object) => all.push(name(&object)),
                Event::Synced => return all,
                event => panic!("{event:?} in a list"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_are_installed_found_and_refused_with_the_reason() {
    let corner = Corner::new("definitions").await;
    let wanted = [corner.resource.clone()];
    assert_eq!(crds::served(&corner.client, &wanted).await.unwrap(), []);
    corner.install().await;
    corner.install().await;
    assert_eq!(crds::served(&corner.client, &wanted).await.unwrap(), wanted);
    let other = ApiResource {
        version: "v9".to_owned(),
        api_version: "example.dev/v9".to_owned(),
        ..wanted[0].clone()
    };
    assert_eq!(crds::served(&corner.client, &[other]).await.unwrap(), []);

    let mut clash = corner.definition();
    clash["metadata"]["name"] = json!("others.example.dev");
    clash["spec"]["names"]["plural"] = json!("others");
    let refused = crds::install(&corner.client, &[clash], "test", Duration::from_secs(2)).await.unwrap_err();
    assert!(refused.to_string().contains("is already in use"), "{refused}");

    let mut broken = corner.definition();
    broken["spec"]["scope"] = json!("Galactic");
    let refused = crds::install(&corner.client, &[broken], "test", PATIENCE).await.unwrap_err();
    assert!(
        matches!(&refused, crds::Failure::Kubernetes(error) if error.class == Class::Invalid),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_streams_the_list_and_sees_every_change() {
    let corner = Corner::with_kind("streamed").await;
    assert_eq!(Lists::of(&corner.client).await.unwrap(), Lists::Streaming);
    corner.apply("a", &json!({"spec": {"n": 1}}));
    corner.apply("b", &json!({"spec": {"n": 1}}));
    let listed = corner.requests("LIST");
    let watch = watch::watch(&corner.client, &corner.resource, Some(corner.name), Lists::Streaming);
    let mut events = Reader::new(watch);
    assert_eq!(events.list(|object| object.name().to_owned()).await, ["a", "b"]);
    assert_eq!(corner.requests("LIST"), listed, "the list was streamed");

    corner.apply("a", &json!({"spec": {"n": 2}}));
    let Event::Applied(a) = events.next().await else { panic!("no change seen") };
    assert_eq!((a.json()["spec"]["n"].as_i64(), a.generation()), (Some(2), 2));
    assert_eq!(a.annotation("kubectl.kubernetes.io/last-applied-configuration"), None);
    corner.delete("b");
    let Event::Deleted(b) = events.next().await else { panic!("no deletion seen") };
    assert_eq!(b.name(), "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_in_pages_gives_all_pages_and_then_changes() {
    let corner = Corner::with_kind("paged").await;
    let kind = &corner.resource.kind;
    let manifests: Vec<_> = (0..250)
        .map(|n| json!({"apiVersion": "example.dev/v1", "kind": kind, "metadata": {"name": format!("n{n}")}}))
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
    corner.kubernetes.kubectl_with(&["create", "-n", corner.name, "-f", "-"], &list.to_string());
    let listed = corner.requests("LIST");
    let watch = watch::watch(&corner.client, &corner.resource, None, Lists::Paged);
    let mut events = Reader::new(watch);
    let all: BTreeSet<_> = events.list(|object| object.name().to_owned()).await.into_iter().collect();
    assert_eq!(all.len(), 250);
    assert_eq!(corner.requests("LIST") - listed, 3, "pages of 100");
    corner.delete("n7");
    assert!(matches!(events.next().await, Event::Deleted(object) if object.name() == "n7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_not_installed_is_waited_for_also_when_it_goes_and_comes_back() {
    let corner = Corner::new("latecomers").await;
    let watch = watch::watch(&corner.client, &corner.resource, Some(corner.name), Lists::Streaming);
    let mut events = Reader::new(watch);
    assert!(matches!(events.next().await, Event::Missing));
    corner.install().await;
    assert_eq!(events.list(|_| ()).await.len(), 0);
    corner.apply("a", &json!({}));
    assert!(matches!(events.next().await, Event::Applied(object) if object.name() == "a"));

    let definition = format!("{}.example.dev", corner.name);
    corner.kubernetes.kubectl(&["delete", "crd", &definition]);
    assert!(matches!(events.next().await, Event::Deleted(object) if object.name() == "a"));
    events.until(|event| matches!(event, Event::Missing).then_some(())).await;
    corner.install().await;
    corner.apply("b", &json!({}));
    events.until(|event| matches!(event, Event::Applied(object) if object.name() == "b").then_some(())).await;
}

/// Stands between a client and the server, and can cut the line.
struct Line {
    config: Config,
    open: Arc<AtomicBool>,
    cut: tokio::sync::watch::Sender<()>,
}

impl Line {
    async fn to(kubernetes: &Kubernetes) -> Self {
        let server = kubernetes.url().strip_prefix("https://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kubeconfig = kube::config::Kubeconfig::read_from(kubernetes.kubeconfig()).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.cluster_url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (cut, line) = channel(());
        let open = Arc::new(AtomicBool::new(true));
        let is_open = open.clone();
        tokio::spawn(async move {
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                let (mut line, server) = (line.clone(), server.clone());
                line.mark_unchanged();
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut from, &mut to) => {}
                        _ = line.changed() => {}
                    }
                });
            }
        });
        Self { config, open, cut }
    }

    fn client(&self) -> Client {
        Client::try_from(self.config.clone()).unwrap()
    }

    fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.cut.send(()).unwrap();
    }

    fn reopen(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_survives_an_outage_and_misses_nothing() {
    let corner = Corner::with_kind("outages").await;
    let line = Line::to(&corner.kubernetes).await;
    let watch = watch::watch(&line.client(), &corner.resource, Some(corner.name), Lists::Streaming);
    let mut events = Reader::new(watch);
    assert_eq!(events.list(|_| ()).await.len(), 0);
    line.close();
    corner.apply("a", &json!({}));
    let error = events
        .until(|event| match event {
            Event::Failed(error) => Some(error.clone()),
            _ => None,
        })
        .await;
    assert_eq!(error.class, Class::Unavailable, "{error}");
    line.reopen();
    events.until(|event| matches!(event, Event::Applied(object) if object.name() == "a").then_some(())).await;
}

fn done(outcome: Outcome<Object>) -> Object {
    match outcome {
        Outcome::Done(object) => object,
        refused => panic!("not written: {refused:?}"),
    }
}

fn condition(kind: &str, value: &str) -> Condition {
    Condition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: "Reason".to_owned(),
        message: "Message.".to_owned(),
        observed_generation: Some(1),
        last_transition_time: Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_patch_keeps_what_is_not_ours_and_never_hits_a_successor() {
    let corner = Corner::with_kind("statuses").await;
    corner.apply("a", &json!({"spec": {"n": 1}}));
    let first = corner.get("a").await.unwrap();
    let theirs = json!({"conditions": [condition("Theirs", "True")], "teleportResourceID": 7});
    let object = done(corner.patch_status(&first, theirs).await);
    assert_eq!(object.generation(), 1);

    let old = status::read(&object.status());
    let now = k8s_openapi::jiff::Timestamp::now();
    let merged = status::merge(&old, vec![condition("Ready", "False")], now);
    assert!(status::changed(&old, &merged));
    let ours = json!({"conditions": merged, "record": "x"});
    let written = done(corner.patch_status(&object, ours.clone()).await);
    assert_eq!(
        (&written.status()["teleportResourceID"], &written.status()["record"]),
        (&json!(7), &json!("x"))
    );
    let read = status::read(&written.status());
    assert_eq!(read, merged);
    let again = status::merge(&read, vec![condition("Ready", "False")], k8s_openapi::jiff::Timestamp::now());
    assert!(!status::changed(&read, &again), "what was read back is what was written");
    let patches = corner.requests("PATCH");
    let same = done(corner.patch_status(&written, ours.clone()).await);
    assert_eq!(same.resource_version(), written.resource_version());
    assert_eq!(corner.requests("PATCH"), patches, "what changes nothing is not sent");

    // Somebody wrote one of these members since: refused. Another one, or an edit of the spec: no matter.
    assert!(matches!(corner.patch_status(&object, ours).await, Outcome::Conflict));
    corner.apply("a", &json!({"spec": {"n": 2}}));
    let written = done(corner.patch_status(&written, json!({"record": null, "more": {"x": 1}})).await);
    assert_eq!((written.status().get("record"), written.generation()), (None, 2));
    assert_eq!(written.status()["more"], json!({"x": 1}));

    corner.delete("a");
    assert!(matches!(corner.patch_status(&first, json!({"record": "y"})).await, Outcome::Gone));
    corner.apply("a", &json!({"spec": {"n": 1}}));
    assert!(matches!(corner.patch_status(&first, json!({"record": "y"})).await, Outcome::Conflict));
    assert_eq!(corner.get("a").await.unwrap().status(), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn finalizers_of_others_are_never_touched() {
    let corner = Corner::with_kind("finalizers").await;
    let (client, resource) = (&corner.client, &corner.resource);
    corner.apply("a", &json!({}));
    let bare = corner.get("a").await.unwrap();
    let ours = done(finalizer::add(client, resource, &bare, "x.dev/ours").await.unwrap());
    assert_eq!(ours.finalizers(), ["x.dev/ours"]);
    let again = finalizer::add(client, resource, &ours, "x.dev/ours").await.unwrap();
    assert!(matches!(again, Outcome::Done(object) if object.resource_version() == ours.resource_version()));
    // Read before ours was there, and again before theirs was.
    let stale = finalizer::add(client, resource, &bare, "x.dev/theirs").await.unwrap();
    assert!(matches!(stale, Outcome::Conflict), "{stale:?}");
    let both = done(finalizer::add(client, resource, &ours, "x.dev/theirs").await.unwrap());
    assert_eq!(both.finalizers(), ["x.dev/ours", "x.dev/theirs"]);
    let theirs = done(finalizer::remove(client, resource, &both, "x.dev/ours").await.unwrap());
    assert_eq!(theirs.finalizers(), ["x.dev/theirs"]);
    let stale = finalizer::remove(client, resource, &both, "x.dev/ours").await.unwrap();
    assert!(matches!(stale, Outcome::Conflict), "{stale:?}");

    corner.delete("a");
    assert!(corner.get("a").await.unwrap().is_deleting());
    let refused = finalizer::add(client, resource, &theirs, "x.dev/ours").await.unwrap();
    assert!(matches!(refused, Outcome::Conflict), "none is added to what is being deleted: {refused:?}");
    let last = finalizer::remove(client, resource, &theirs, "x.dev/theirs").await.unwrap();
    assert!(matches!(last, Outcome::Done(_)), "{last:?}");
    assert!(corner.get("a").await.is_none());
    let gone = finalizer::remove(client, resource, &theirs, "x.dev/theirs").await.unwrap();
    assert!(matches!(gone, Outcome::Gone), "{gone:?}");
    corner.apply(
        "a",
        &json!({"metadata": {
            "name": "a", "namespace": corner.name, "finalizers": ["x.dev/theirs"],
        }}),
    );
    let successor = finalizer::remove(client, resource, &theirs, "x.dev/theirs").await.unwrap();
    assert!(matches!(successor, Outcome::Conflict), "{successor:?}");
    corner.kubernetes.kubectl(&[
        "patch",
        "-n",
        corner.name,
        corner.name,
        "a",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_read_only_with_its_permission_and_watched_without_its_value() {
    let corner = Corner::new("secrets-test").await;
    let lookup =
        Lookup { namespace: corner.name, secret: "s", key: "k", annotation: "x.dev/allow", reader: "cr" };
    let mut events = Reader::new(secrets::watch(&corner.client, corner.name, Lists::Streaming));
    assert_eq!(events.list(|version| version.name.clone()).await.len(), 0);
    let missing = secrets::read(&corner.client, &lookup).await.unwrap_err();
    assert_eq!(missing, Refused::Missing("s".to_owned()));

    corner.kubernetes.kubectl(&[
        "create",
        "secret",
        "generic",
        "-n",
        corner.name,
        "s",
        "--from-literal=k=hunter2",
    ]);
    let Event::Applied(created) = events.next().await else { panic!("no Secret seen") };
    assert_eq!((created.namespace.as_str(), created.name.as_str()), (corner.name, "s"));
    let refused = secrets::read(&corner.client, &lookup).await.unwrap_err();
    assert_eq!(refused.to_string(), r#"secret "s" doesn't have the "x.dev/allow" annotation"#);
    corner.kubernetes.kubectl(&["annotate", "secret", "-n", corner.name, "s", "x.dev/allow=other, cr"]);
    let Event::Applied(annotated) = events.next().await else { panic!("no change seen") };
    let found = secrets::read(&corner.client, &lookup).await.unwrap();
    assert_eq!((&*found.value, found.resource_version), ("hunter2", annotated.resource_version));
    let other = Lookup { reader: "third", ..lookup };
    assert!(matches!(secrets::read(&corner.client, &other).await, Err(Refused::NotListed { .. })));
    let key = Lookup { key: "none", ..lookup };
    assert!(matches!(secrets::read(&corner.client, &key).await, Err(Refused::NoKey { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_events_are_counted() {
    let corner = Corner::with_kind("told").await;
    corner.apply("a", &json!({}));
    let object = corner.get("a").await.unwrap();
    let (events, task) = Events::start(corner.client.clone(), "x.dev/operator", "pod-0");
    let note = Note {
        kind: EventType::Warning,
        reason: "TeleportError".to_owned(),
        action: "Sync".to_owned(),
        note: "role x is not found".to_owned(),
    };
    for _ in 0..3 {
        events.tell(&corner.resource, &object, note.clone());
    }
    drop(events);
    timeout(PATIENCE, task).await.expect("the queue drains").unwrap();
    let list = corner.kubernetes.kubectl(&["get", "events.events.k8s.io", "-n", corner.name, "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let [event] = list["items"].as_array().unwrap().as_slice() else { panic!("not one event: {list}") };
    assert_eq!(event["series"]["count"], 3);
    assert_eq!(event["regarding"]["uid"], object.uid());
    assert_eq!((&event["reason"], &event["type"]), (&json!("TeleportError"), &json!("Warning")));
    assert_eq!(event["note"], "role x is not found");
    assert_eq!(event["reportingController"], "x.dev/operator");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_who_may_not_do_what_and_what_can_not_be_reached() {
    let corner = Corner::with_kind("refusals").await;
    let kubeconfig = kube::config::Kubeconfig::read_from(corner.kubernetes.kubeconfig()).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.auth_info.impersonate = Some("nobody".to_owned());
    let client = Client::try_from(config).unwrap();
    let error = object::get(&client, &corner.resource, corner.name, "a").await.unwrap_err();
    assert_eq!(error.class, Class::Forbidden);
    assert!(error.to_string().contains("User \"nobody\" cannot get resource \"refusals\""), "{error}");

    let line = Line::to(&corner.kubernetes).await;
    line.close();
    let error = object::get(&line.client(), &corner.resource, corner.name, "a").await.unwrap_err();
    assert_eq!(error.class, Class::Unavailable, "{error}");
}

/// Short timings, so that a test sees a Lease run out.
fn election(namespace: &str, who: &str) -> lease::Config {
    lease::Config {
        duration: Duration::from_secs(3),
        renew_within: Duration::from_secs(2),
        retry: Duration::from_millis(200),
        ..lease::Config::new(namespace, "leader", lease::identity(who))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_is_handed_over_at_once() {
    let corner = Corner::new("handover").await;
    let (stop_first, stop_second) = (CancellationToken::new(), CancellationToken::new());
    let (mut first, first_task) =
        lease::start(&corner.client, election(corner.name, "first"), stop_first.clone());
    timeout(PATIENCE, first.wait_for(lease::Claim::is_current)).await.unwrap().unwrap();
    let (mut second, second_task) =
        lease::start(&corner.client, election(corner.name, "second"), stop_second.clone());
    // For longer than the Lease lasts: renewals keep it.
    for _ in 0..50 {
        assert!(first.borrow().is_current());
        assert!(!second.borrow().is_current());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(second.borrow().holder.as_deref().unwrap().starts_with("first_"));

    stop_first.cancel();
    timeout(PATIENCE, first_task).await.unwrap().unwrap();
    assert!(!first.borrow().is_current());
    let released = Instant::now();
    timeout(PATIENCE, second.wait_for(lease::Claim::is_current)).await.unwrap().unwrap();
    assert!(
        released.elapsed() < Duration::from_secs(2),
        "not waited for to run out: {:?}",
        released.elapsed()
    );
    stop_second.cancel();
    timeout(PATIENCE, second_task).await.unwrap().unwrap();
    let lease = corner.kubernetes.kubectl(&["get", "lease", "-n", corner.name, "leader", "-o", "json"]);
    let lease: Value = serde_json::from_str(&lease).unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_cut_off_stops_before_another_takes_over() {
    let corner = Corner::new("takeover").await;
    let line = Line::to(&corner.kubernetes).await;
    let stop = CancellationToken::new();
    let (mut first, _) = lease::start(&line.client(), election(corner.name, "first"), stop.clone());
    timeout(PATIENCE, first.wait_for(lease::Claim::is_current)).await.unwrap().unwrap();
    let (mut second, _) = lease::start(&corner.client, election(corner.name, "second"), stop.clone());
    let both = Arc::new(AtomicU32::new(0));
    let (a, b, count) = (first.clone(), second.clone(), both.clone());
    let observer = tokio::spawn(async move {
        loop {
            // Read in this order: the first one's claim can only have run out since.
            let second = b.borrow().is_current();
            if second && a.borrow().is_current() {
                count.fetch_add(1, Ordering::SeqCst);
            }
            sleep(Duration::from_millis(1)).await;
        }
    });
    line.close();
    timeout(PATIENCE, second.wait_for(lease::Claim::is_current)).await.unwrap().unwrap();
    assert!(!first.borrow().is_current());
    // Back again, it finds that it has lost.
    line.reopen();
    let knows =
        |claim: &lease::Claim| claim.holder.as_deref().is_some_and(|holder| holder.starts_with("second_"));
    let found_out = async {
        while !knows(&first.borrow()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, found_out).await.unwrap();
    assert!(second.borrow().is_current() && !first.borrow().is_current());
    observer.abort();
    assert_eq!(both.load(Ordering::SeqCst), 0, "two holders at one time");
    stop.cancel();
}
