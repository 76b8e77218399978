//! The client and the gate against the sandbox's server, over real gRPC on loopback, for every kind that is embedded.
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost_reflect::{DynamicMessage, MapKey, Value};
use teleport_operator::mapping;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::{Kind, OwnedBy, Target};
use teleport_operator::sandbox::server::Sandbox;
use teleport_operator::target::call::{Observer, Options};
use teleport_operator::target::client::Client;
use teleport_operator::target::connection::{Connection, Plaintext};
use teleport_operator::target::error::Error;
use teleport_operator::target::gate::{Gate, Refusal, Write};
use teleport_operator::target::proof::{Owned, Vacant, mark};
use teleport_operator::target::reach::State;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tonic::Code;

/// A sandbox that serves, and a client of it.
struct Bench {
    target: Arc<Target>,
    sandbox: Arc<Sandbox>,
    client: Client,
    gate: Gate,
    address: SocketAddr,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}, Options::default()).await
    }

    async fn with(change: impl FnOnce(&mut Target), options: Options) -> Self {
        let mut target = mapping::embedded().expect("the embedded mappings are sound");
        change(&mut target);
        let target = Arc::new(target);
        let sandbox = Sandbox::new(Arc::clone(&target));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let connection = Plaintext::new(&address.to_string()).expect("an address");
        let client = Client::new(&target, Arc::new(connection), options);
        let gate = Gate::new(client.clone(), Arc::new(|| Ok(())));
        let mut bench = Self { target, sandbox, client, gate, address, server: None };
        bench.serve(listener);
        bench
    }

    fn serve(&mut self, listener: TcpListener) {
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&self.sandbox).serve(listener, async { drop(stopped.await) });
        self.server = Some((stop, tokio::spawn(async { serving.await.expect("serves") })));
    }

    async fn stop(&mut self) {
        let (stop, server) = self.server.take().expect("it serves");
        drop(stop);
        server.await.expect("stops");
    }

    async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the same port");
        self.serve(listener);
    }

    fn kind(&self, kubernetes: &str) -> Arc<Kind> {
        let found = self.target.kinds.iter().find(|kind| kind.kubernetes.kind == kubernetes);
        Arc::clone(found.expect("an embedded kind"))
    }

    /// A resource of this kind with nothing but what every one has, marked as ours.
    fn resource(&self, kind: &Kind, name: &str) -> DynamicMessage {
        let resource = &kind.resource;
        let mut message = DynamicMessage::new(resource.message.clone());
        resource.metadata.name.set(&mut message, Value::String(name.to_owned()));
        let mark = &self.target.ownership;
        self.label(kind, &mut message, &mark.label, &mark.value);
        for constant in &kind.constants {
            if let Some(field) = &constant.field {
                field.set(&mut message, Value::String(constant.value.clone()));
            }
        }
        message
    }

    fn label(&self, kind: &Kind, message: &mut DynamicMessage, key: &str, value: &str) {
        let Some(path) = &kind.resource.metadata.labels else { return };
        let mut labels = match path.get(message).map(std::borrow::Cow::into_owned) {
            Some(Value::Map(labels)) => labels,
            _ => std::collections::HashMap::new(),
        };
        labels.insert(MapKey::String(key.to_owned()), Value::String(value.to_owned()));
        path.set(message, Value::Map(labels));
    }

    async fn create(&self, kind: &Kind, message: DynamicMessage) -> Result<Option<DynamicMessage>, Refusal> {
        let unread = Vacant::unread();
        let proof =
            if kind.resource.calls.create.is_empty() { Vacant::read(None).expect("vacant") } else { unread };
        self.gate.write(kind, "default/x", &[], Write::Create(message, proof)).await
    }

    async fn get(&self, kind: &Kind, name: &str) -> Option<DynamicMessage> {
        self.client.get(&kind.resource, name, None).await.expect("reads")
    }

    fn owned(&self, kind: &Kind, live: &DynamicMessage) -> Owned {
        let recorded = || Owned::recorded(&kind.resource, live);
        Owned::marked(&self.target.ownership, &kind.resource, live).or_else(recorded).expect("ours")
    }

    fn count(&self, method: &str) -> u64 {
        self.sandbox.counts().get(method).copied().unwrap_or_default()
    }
}

fn error(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Target(error) => error,
        other => panic!("not the target's error: {other}"),
    }
}

#[tokio::test]
async fn every_kind_is_created_read_listed_updated_and_deleted() {
    let bench = Bench::new().await;
    for kind in &bench.target.kinds {
        let (resource, which) = (&kind.resource, &kind.kubernetes.kind);
        let name = resource.singleton.clone().unwrap_or_else(|| "one".to_owned());
        assert_eq!(bench.get(kind, &name).await, None, "{which}");
        let first = bench.resource(kind, &name);
        bench.create(kind, first.clone()).await.expect(which);
        let live = bench.get(kind, &name).await.expect(which);
        let mut sent = live.clone();
        if let Some(revision) = &resource.metadata.revision {
            assert!(!revision.text(&live).is_empty(), "{which}");
            revision.clear(&mut sent);
        }
        assert_eq!(sent, first, "{which}");
        if !resource.calls.create.is_empty() {
            let again = error(bench.create(kind, first.clone()).await.expect_err(which));
            assert_eq!(again.class, Class::Exists, "{which}: {again}");
        }
        list_has(&bench, kind, &live).await;
        if !resource.immutable {
            update(&bench, kind, &live).await;
        }
        let live = bench.get(kind, &name).await.expect(which);
        let proof = bench.owned(kind, &live);
        bench.gate.write(kind, "default/x", &[], Write::Delete(proof.clone())).await.expect(which);
        assert_eq!(bench.get(kind, &name).await, None, "{which}");
        let gone = bench.gate.write(kind, "default/x", &[], Write::Delete(proof)).await.expect_err(which);
        assert_eq!(error(gone).class, Class::Absent, "{which}");
    }
}

/// Where the server puts its own mark in the place of ours, the object's word has to do; nowhere else.
#[tokio::test]
async fn a_resource_that_keeps_no_mark_is_ours() {
    let bench = Bench::new().await;
    let foreign = |kind: &Kind| {
        let mut message = bench.resource(kind, kind.resource.singleton.as_deref().unwrap_or("one"));
        bench.label(kind, &mut message, &bench.target.ownership.label, "defaults");
        Owned::marked(&bench.target.ownership, &kind.resource, &message).is_some()
    };
    let ours: Vec<_> = bench.target.kinds.iter().filter(|kind| foreign(kind)).collect();
    assert!(!ours.is_empty());
    let is_claimed =
        |kind: &Kind| kind.resource.owned_by == OwnedBy::Object && kind.resource.singleton.is_some();
    assert!(ours.iter().all(|kind| is_claimed(kind)));
}

/// What has no place for a mark is ours by a record alone, and nothing else is.
#[tokio::test]
async fn a_record_proves_what_has_no_place_for_a_mark() {
    let bench = Bench::new().await;
    let mut by_record = 0;
    for kind in &bench.target.kinds {
        let (resource, ownership) = (&kind.resource, &bench.target.ownership);
        let message = bench.resource(kind, "one");
        let is_by_record = resource.owned_by == OwnedBy::Record;
        assert_eq!(Owned::recorded(resource, &message).is_some(), is_by_record, "{}", kind.kubernetes.kind);
        if is_by_record {
            by_record += 1;
            assert_eq!(Owned::marked(ownership, resource, &mark(ownership, resource, &message)), None);
        }
    }
    assert!(by_record > 0);
}

/// Where a name is not all that identifies a resource, reads and deletions are asked for by the rest too.
#[tokio::test]
async fn resources_of_one_name_are_told_apart_by_their_other_parts() {
    let bench = Bench::new().await;
    let kinds: Vec<_> = bench.target.kinds.iter().filter(|kind| kind.resource.parts().count() == 1).collect();
    assert!(kinds.len() >= 4);
    for kind in kinds {
        let (which, part) = (&kind.kubernetes.kind, kind.resource.parts().next().expect("one"));
        let of = |text: &str| {
            let mut message = bench.resource(kind, "one");
            part.set(&mut message, Value::String(text.to_owned()));
            message
        };
        let get = async |like: &DynamicMessage| {
            let found = bench.client.get(&kind.resource, "one", Some(like)).await.expect(which);
            found.map(|live| part.text(&live))
        };
        let (east, west) = (of("east"), of("west"));
        bench.create(kind, east.clone()).await.expect(which);
        assert_eq!(get(&west).await, None, "{which}");
        bench.create(kind, west.clone()).await.expect(which);
        assert_eq!((get(&east).await.as_deref(), get(&west).await.as_deref()), (Some("east"), Some("west")));

        let live = bench.client.get(&kind.resource, "one", Some(&east)).await.expect(which).expect(which);
        let proof = bench.owned(kind, &live);
        bench.gate.write(kind, "default/one", &[], Write::Delete(proof)).await.expect(which);
        assert_eq!((get(&east).await, get(&west).await.as_deref()), (None, Some("west")), "{which}");
    }
}

async fn list_has(bench: &Bench, kind: &Kind, live: &DynamicMessage) {
    if kind.resource.calls.list.is_empty() {
        return;
    }
    let mut pages = bench.client.pages(&kind.resource);
    let mut found = Vec::new();
    while let Some(page) = pages.next().await.expect("lists") {
        found.extend(page);
    }
    assert_eq!(found, std::slice::from_ref(live), "{}", kind.kubernetes.kind);
}

/// An update of what was read goes through; the same proof a second time does not, where the API can tell.
async fn update(bench: &Bench, kind: &Kind, live: &DynamicMessage) {
    let (which, proof) = (&kind.kubernetes.kind, bench.owned(kind, live));
    let mut changed = live.clone();
    bench.label(kind, &mut changed, "env", "prod");
    let write = Write::Update(changed.clone(), proof.clone());
    bench.gate.write(kind, "default/x", &[], write.clone()).await.expect(which);
    let now = bench.get(kind, proof.name()).await.expect(which);
    let labels = |message: &DynamicMessage| {
        kind.resource.metadata.labels.as_ref().map(|labels| labels.get(message).unwrap().into_owned())
    };
    assert_eq!(labels(&now), labels(&changed), "{which}");
    let again = bench.gate.write(kind, "default/x", &[], write).await;
    if kind.resource.calls.update.is_empty() || kind.resource.metadata.revision.is_none() {
        again.expect(which);
    } else {
        assert_eq!(error(again.expect_err(which)).class, Class::Conflict, "{which}");
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = Bench::with(|target| target.limits.page_size = 2, Options::default()).await;
    let kind = bench.kind("TeleportRoleV7");
    for name in ["a", "b", "c", "d", "e"] {
        bench.create(&kind, bench.resource(&kind, name)).await.expect("creates");
    }
    let mut pages = bench.client.pages(&kind.resource);
    let (mut sizes, mut names) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await.expect("lists") {
        sizes.push(page.len());
        names.extend(page.iter().map(|role| kind.resource.metadata.name.text(role)));
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_page_may_be_larger_than_a_request() {
    let bench = Bench::new().await;
    let kind = bench.kind("TeleportRoleV7");
    for name in ["a", "b", "c", "d", "e", "f"] {
        let mut large = bench.resource(&kind, name);
        bench.label(&kind, &mut large, "text", &"x".repeat(1 << 20));
        bench.create(&kind, large).await.expect("creates");
    }
    let page = bench.client.pages(&kind.resource).next().await.expect("lists").expect("a page");
    assert_eq!(page.len(), 6);
}

#[tokio::test]
async fn many_writes_at_once_all_have_their_turn() {
    let bench = Bench::with(|target| target.limits.concurrent = 2, Options::default()).await;
    let kind = bench.kind("TeleportRoleV7");
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..50 {
        let write = Write::Create(bench.resource(&kind, &number.to_string()), Vacant::unread());
        let (gate, kind) = (bench.gate.clone(), Arc::clone(&kind));
        writes.spawn(async move { gate.write(&kind, "default/x", &[], write).await.map(drop) });
    }
    assert_eq!(writes.join_all().await, vec![Ok(()); 50]);
    assert_eq!(bench.sandbox.snapshot()[kind.resource.message.full_name()].len(), 50);
}

#[tokio::test]
async fn the_next_call_is_tried_when_the_server_lacks_one() {
    let bench = Bench::new().await;
    let kind = bench.kind("TeleportUser");
    let (newer, older) = ("teleport.users.v1.UsersService/CreateUser", "proto.AuthService/CreateUser");
    bench.sandbox.refuse(newer, Code::Unimplemented, "unknown service");
    for name in ["a", "b", "c"] {
        bench.create(&kind, bench.resource(&kind, name)).await.expect("creates");
    }
    assert_eq!((bench.count(newer), bench.count(older)), (1, 3), "remembered after the first refusal");
    bench.sandbox.refuse(older, Code::Unimplemented, "unknown method");
    let none = error(bench.create(&kind, bench.resource(&kind, "d")).await.expect_err("no call is left"));
    assert_eq!((none.class, none.message.as_str()), (Class::Unimplemented, "unknown method"));
}

#[tokio::test]
async fn without_a_read_nothing_is_created_that_could_overwrite() {
    let bench = Bench::new().await;
    let kind = bench.kind("TeleportRoleV7");
    bench.sandbox.refuse("proto.AuthService/CreateRole", Code::Unimplemented, "unknown method");
    let created = bench.create(&kind, bench.resource(&kind, "a")).await;
    assert_eq!(error(created.expect_err("not put")).class, Class::Unimplemented);
    assert_eq!(bench.get(&kind, "a").await, None);
    let proof = Vacant::read(bench.get(&kind, "a").await.as_ref()).expect("vacant");
    let write = Write::Create(bench.resource(&kind, "a"), proof);
    bench.gate.write(&kind, "default/a", &[], write).await.expect("put after a read");
    assert!(bench.get(&kind, "a").await.is_some());
    assert_eq!(Vacant::read(bench.get(&kind, "a").await.as_ref()), None);
}

#[tokio::test]
async fn what_is_not_ours_gives_no_proof() {
    let bench = Bench::new().await;
    let kind = bench.kind("TeleportRoleV7");
    let mut foreign = bench.resource(&kind, "a");
    bench.label(&kind, &mut foreign, &bench.target.ownership.label, "somebody");
    assert_eq!(Owned::marked(&bench.target.ownership, &kind.resource, &foreign), None);
    let other = Owned::adopted(&kind.resource, &bench.resource(&kind, "b"));
    let refusal = bench.gate.write(&kind, "default/a", &[], Write::Update(foreign, other)).await;
    let unproven = Refusal::Unproven { wanted: "a".into(), proven: "b".into() };
    assert_eq!(refusal.expect_err("proof of another"), unproven);
    assert!(bench.sandbox.counts().is_empty());
}

#[tokio::test]
async fn a_closed_gate_calls_nothing() {
    let bench = Bench::new().await;
    let kind = bench.kind("TeleportRoleV7");
    let gate = Gate::new(bench.client.clone(), Arc::new(|| Err("not the leader".to_owned())));
    let write = Write::Create(bench.resource(&kind, "a"), Vacant::unread());
    let refusal = gate.write(&kind, "default/a", &[], write).await.expect_err("held");
    assert_eq!(refusal, Refusal::Held("not the leader".into()));
    assert!(bench.sandbox.counts().is_empty());
}

#[tokio::test]
async fn a_target_that_asks_for_less_gets_less() {
    let bench = Bench::with(|target| target.limits.concurrent = 8, Options::default()).await;
    let kind = bench.kind("TeleportRoleV7");
    bench.sandbox.refuse("proto.AuthService/GetRole", Code::ResourceExhausted, "slow down");
    for expected in [4, 2, 1, 1] {
        let error = bench.client.get(&kind.resource, "a", None).await.expect_err("limited");
        assert_eq!((error.class, bench.client.limit()), (Class::Limited, expected));
    }
    bench.sandbox.allow("proto.AuthService/GetRole");
    for _ in 0..50 {
        bench.get(&kind, "a").await;
    }
    assert_eq!(bench.client.limit(), 8);
}

#[tokio::test]
async fn a_request_that_the_server_would_not_take_is_not_sent() {
    let bench = Bench::with(|target| target.limits.message_bytes = 1000, Options::default()).await;
    let kind = bench.kind("TeleportRoleV7");
    let mut large = bench.resource(&kind, "a");
    bench.label(&kind, &mut large, "text", &"x".repeat(1000));
    let error = error(bench.create(&kind, large).await.expect_err("too large"));
    assert_eq!(error.class, Class::Invalid);
    assert!(error.message.ends_with("the server takes no more than 1000"), "{error}");
    assert!(bench.sandbox.counts().is_empty());
}

#[tokio::test]
async fn an_outage_is_seen_by_one_prober_and_work_goes_on_after_it() {
    let mut bench = Bench::new().await;
    let kind = bench.kind("TeleportRoleV7");
    let (kept, mut state) = (bench.client.clone(), bench.client.reach().subscribe());
    let prober = tokio::spawn(async move { kept.keep_reaching().await });
    within(state.wait_for(|state| *state == State::Up)).await.expect("open");
    bench.get(&kind, "a").await;

    bench.stop().await;
    let error = bench.client.get(&kind.resource, "a", None).await.expect_err("gone");
    assert_eq!(error.class, Class::Unavailable, "{error}");
    within(state.wait_for(|state| matches!(state, State::Down(_)))).await.expect("open");
    let error = bench.client.get(&kind.resource, "a", None).await.expect_err("still gone");
    assert!(error.message.contains("refused"), "{error}");
    assert!(error.method.is_empty(), "no call was made");

    bench.start_again().await;
    let back = Instant::now();
    within(bench.client.reach().up()).await;
    bench.get(&kind, "a").await;
    assert!(back.elapsed() < Duration::from_secs(3), "{:?}", back.elapsed());
    prober.abort();
}

async fn within<T>(wait: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), wait).await.expect("it happens soon")
}

#[tokio::test]
async fn a_silent_server_costs_a_deadline_and_the_channel() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = mapping::embedded().expect("sound");
    let connection = Arc::new(Plaintext::new(&silent.local_addr().unwrap().to_string()).expect("address"));
    let options = Options { deadline: Duration::from_millis(100), ..Options::default() };
    let client = Client::new(&target, connection.clone(), options);
    let error = client.get(&target.kinds[0].resource, "a", None).await.expect_err("no answer");
    assert_eq!((error.class, error.code_name()), (Class::Unavailable, "DEADLINE_EXCEEDED"));
    assert_eq!(connection.link().await.expect("open").number, 1, "a new channel");
}

#[tokio::test]
async fn the_server_says_what_it_can_do() {
    let bench = Bench::new().await;
    let facts = bench.client.facts().await.expect("tells");
    let all: BTreeSet<String> = bench.target.features.paths.keys().cloned().collect();
    assert!(!all.is_empty());
    assert_eq!(facts.features, all);
    assert_eq!(facts.cluster.as_deref(), Some("sandbox"));
    assert!(facts.allow(&[]) && facts.allow(&["no such".into(), all.first().unwrap().clone()]));
    assert!(!facts.allow(&["no such".into()]));
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<(String, &'static str)>>);
    impl Observer for Seen {
        fn called(&self, method: &str, code: &'static str, _: Duration) {
            self.0.lock().unwrap().push((method.to_owned(), code));
        }
    }
    let seen = Arc::new(Seen::default());
    let bench = Bench::with(|_| {}, Options { observer: seen.clone(), ..Options::default() }).await;
    let kind = bench.kind("TeleportRoleV7");
    bench.get(&kind, "a").await;
    bench.create(&kind, bench.resource(&kind, "a")).await.expect("creates");
    let expected = [("proto.AuthService/GetRole", "NOT_FOUND"), ("proto.AuthService/CreateRole", "OK")];
    assert_eq!(*seen.0.lock().unwrap(), expected.map(|(method, code)| (method.to_owned(), code)));
}

/// Collects what a subscriber writes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_secret_is_in_no_error_and_no_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    // While there is but one subscriber, whoever passes a place of a log line first decides for all whether anybody
    // listens, and the other tests, on their threads, don't (tracing-core 0.1, `callsite::Rebuilder::JustOne`).
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);
    let bench = Bench::new().await;
    let kind = bench.kind("TeleportGithubConnector");
    let mut connector = bench.resource(&kind, "github");
    let shape = kind.resource.shapes.root();
    let spec = shape.member("spec").expect("has a specification");
    let below = spec.field.kind().as_message().expect("a message").get_field_by_name("ClientSecret");
    spec.path.join(below.expect("has a secret")).set(&mut connector, Value::String("hunter2".into()));

    let (method, text) = ("proto.AuthService/CreateGithubConnector", "secret \"hunter2\" is too short");
    bench.sandbox.refuse(method, Code::InvalidArgument, text);
    let write = Write::Create(connector, Vacant::unread());
    let paths = ["spec.client_secret".to_owned()];
    let refusal = bench.gate.write(&kind, "default/github", &paths, write).await.expect_err("refused");
    assert_eq!(refusal.to_string(), "secret \"«secret»\" is too short");

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).expect("text");
    assert!(!log.contains("hunter2"), "{log}");
    let changes: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &serde_json::Value| line["target"] == "change")
        .collect();
    let [change] = changes.as_slice() else { panic!("one line a write: {log}") };
    let fields = &change["fields"];
    assert_eq!(fields["kind"], "TeleportGithubConnector");
    assert_eq!(fields["name"], "default/github");
    assert_eq!(fields["verb"], "create");
    assert_eq!(fields["paths"], "spec.client_secret");
    assert_eq!(fields["outcome"], "invalid");
    assert!(fields["duration_ms"].is_u64());
}

#[tokio::test]
async fn reads_may_lag_behind_writes() {
    let bench = Bench::new().await;
    let kind = bench.kind("TeleportRoleV7");
    bench.create(&kind, bench.resource(&kind, "a")).await.expect("creates");
    bench.sandbox.set_lag(Duration::from_secs(3600));
    let live = bench.get(&kind, "a").await.expect("read through");
    let proof = bench.owned(&kind, &live);
    bench.gate.write(&kind, "default/a", &[], Write::Delete(proof.clone())).await.expect("deletes");
    bench.sandbox.set_lag(Duration::ZERO);
    assert_eq!(bench.get(&kind, "a").await, None);
    let snapshot = bench.sandbox.snapshot();
    assert!(snapshot[kind.resource.message.full_name()].is_empty());
}
