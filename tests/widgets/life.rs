//! The inventory kept by real custom resources: everything that happens to them, over each way to connect.
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use prost_types::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::inventory::{
    Condition, Guard, ObjectInfo, Part, Place, Settings, SettingsSpec, Shelf, Size, Widget, WidgetSpec,
};
use crate::kubernetes::{Kubernetes, assets};
use crate::operator::{Operator, PROGRAM};
use crate::workshop::{Workshop, tls};

/// How long anything may take that is to happen at all: generous, for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
const TARGET: &str = "examples/widgets";
const EXAMPLES: &str = "examples/widgets/examples";
const TOKEN: &str = "rain-check-4711";

/// A namespace, an inventory's server, and the operator between them.
struct World {
    cluster: Arc<Kubernetes>,
    namespace: &'static str,
    workshop: Workshop,
    operator: Operator,
    _folder: TempDir,
}

impl World {
    /// Starts the operator with these flags beside what it needs in any case.
    fn new(namespace: &'static str, guard: Guard, folder: TempDir, flags: &[&str]) -> Self {
        let cluster = Kubernetes::shared();
        let printed = Command::new(PROGRAM).args(["crds", "--target", TARGET, "-o", "json"]).output();
        let crds = String::from_utf8(printed.expect("it runs").stdout).expect("UTF-8");
        cluster.kubectl_with(&["apply", "--server-side", "-f", "-"], &crds);
        cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
        cluster.namespace(namespace);
        let workshop = Workshop::start(guard);
        let kubeconfig = cluster.kubeconfig().display().to_string();
        let all = ["--target", TARGET, "--address", workshop.address(), "--kubeconfig", &kubeconfig]
            .into_iter()
            .chain(["--namespace", namespace, "--sync-period", "2s", "--log-level", "TRACE"])
            .chain(flags.iter().copied());
        let all: Vec<String> = all.map(str::to_owned).collect();
        let operator = Operator::start(&folder.path().join("log"), &all);
        Self { cluster, namespace, workshop, operator, _folder: folder }
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_with(arguments, "")
    }

    fn kubectl_with(&self, arguments: &[&str], input: &str) -> String {
        let arguments: Vec<_> = ["-n", self.namespace].into_iter().chain(arguments.iter().copied()).collect();
        self.cluster.kubectl_with(&arguments, input)
    }

    fn apply(&self, object: &Value) {
        self.kubectl_with(&["apply", "-f", "-"], &object.to_string());
    }

    fn patch(&self, name: &str, patch: &Value) {
        self.kubectl(&["patch", "widget", name, "--type=merge", "-p", &patch.to_string()]);
    }

    /// Waits until something is so.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            let state = || self.kubectl(&["get", "inventory", "-o", "yaml"]);
            assert!(began.elapsed() < PATIENCE, "not so: {what}\n{}\n{}", state(), self.operator.log());
            sleep(Duration::from_millis(200));
        }
    }

    /// Waits for this status of a condition; gives its reason and message.
    fn until_condition(&self, name: &str, type_: &str, status: &str) -> (String, String) {
        let condition = || -> Option<Value> {
            let object = self.kubectl(&["get", "widget", name, "-o", "json"]);
            let object: Value = serde_json::from_str(&object).expect("JSON");
            let conditions = object["status"]["conditions"].as_array()?;
            conditions.iter().find(|found| found["type"] == type_ && found["status"] == status).cloned()
        };
        self.until(&format!("{type_} of {name} is {status}"), || condition().is_some());
        let condition = condition().expect("nothing changes it");
        let text = |key: &str| condition[key].as_str().expect("a text").to_owned();
        (text("reason"), text("message"))
    }

    fn until_all_ready(&self) {
        let wait = ["wait", "--for=condition=Ready", "inventory", "--all", "--timeout=60s"];
        let arguments: Vec<_> = ["-n", self.namespace].into_iter().chain(wait).collect();
        let output = self.cluster.try_kubectl(&arguments, "");
        let log = || self.operator.log();
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), log());
    }

    fn spec(&self, id: &str) -> Option<WidgetSpec> {
        self.workshop.widget(id).and_then(|widget| widget.spec)
    }
}

fn widget(name: &str, spec: &Value) -> Value {
    let metadata = json!({"name": name});
    json!({"apiVersion": "inventory.example.dev/v1", "kind": "InventoryWidget", "metadata": metadata, "spec": spec})
}

/// What the drill's manifest says, in the API's own words.
fn drill() -> WidgetSpec {
    let size = |width, height, depth| Some(Size { width, height, depth });
    let chuck = Part { material: "steel".to_owned(), count: 1, size: size(13.0, 0.0, 0.0) };
    let handle = Part { material: "rubber".to_owned(), count: 2, size: None };
    WidgetSpec {
        title: "Hammer drill".to_owned(),
        condition: Condition::Used.into(),
        count: 2,
        size: size(310.5, 220.0, 95.0),
        parts: HashMap::from([("chuck".to_owned(), chuck), ("handle".to_owned(), handle)]),
        colours: vec!["blue".to_owned(), "black".to_owned()],
        place: Some(Place::Shelf(Shelf { aisle: "B".to_owned(), level: 3 })),
        bought_at: Some(Timestamp { seconds: 1_680_341_400, nanos: 0 }),
        service_interval: Some(prost_types::Duration { seconds: 2160 * 3600, nanos: 0 }),
        locker_code: String::new(),
    }
}

fn tags(more: &[(&str, &str)]) -> HashMap<String, String> {
    let ours = [("kept-by", "kubernetes")];
    ours.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The examples are applied, stand in the inventory word for word, are kept so, and go.
fn life(world: &World) {
    world.kubectl(&["apply", "-f", EXAMPLES]);
    world.until_all_ready();
    let stored = world.workshop.widgets();
    assert_eq!(stored.keys().collect::<Vec<_>>(), ["drill", "ladder"]);
    let info = stored["drill"].info.clone().expect("it has one");
    let note = "The heavy one, with the blue case".to_owned();
    let expected = ObjectInfo {
        id: "drill".to_owned(),
        tags: tags(&[("room", "workshop")]),
        note,
        etag: info.etag.clone(),
    };
    assert_eq!(info, expected);
    assert_eq!(stored["drill"].spec, Some(drill()));
    let ladder = stored["ladder"].spec.clone().expect("it has one");
    assert_eq!((ladder.place, &*ladder.locker_code), (Some(Place::LentTo("Ada".to_owned())), "4711"));
    settings(world);
    edits(world);
    drift(world);

    world.kubectl(&["delete", "inventory", "--all"]);
    assert_eq!((world.workshop.widgets().len(), world.workshop.settings()), (0, None));
    let log = world.operator.log();
    assert!(log.contains("InventoryWidget") && !log.contains("4711"), "a secret is in the log");
}

fn settings(world: &World) {
    let Settings { info, spec } = world.workshop.settings().expect("they are set");
    assert_eq!(info.map(|info| (info.id, info.tags)), Some(("settings".to_owned(), tags(&[]))));
    let hours = [("saturday", "10-16"), ("sunday", "closed")];
    let expected = SettingsSpec {
        workshop: "Cellar".to_owned(),
        default_service_interval: Some(prost_types::Duration { seconds: 31_536_000, nanos: 0 }),
        hours: hours.map(|(day, hours)| (day.to_owned(), hours.to_owned())).into(),
        lending: true,
    };
    assert_eq!(spec, Some(expected));
}

/// A changed number, a list that goes, the other one of two places, and a word that there is not.
fn edits(world: &World) {
    let patch = json!({"spec": {"count": 3, "colours": null, "shelf": null, "lent_to": "Eve", "condition": "Broken"}});
    world.patch("drill", &patch);
    let expected = WidgetSpec {
        count: 3,
        colours: Vec::new(),
        place: Some(Place::LentTo("Eve".to_owned())),
        condition: Condition::Broken.into(),
        ..drill()
    };
    world.until("the edit is in the inventory", || world.spec("drill").as_ref() == Some(&expected));
    world.patch("drill", &json!({"spec": {"condition": "brokn"}}));
    let (reason, message) = world.until_condition("drill", "Understood", "False");
    assert_eq!(reason, "Invalid");
    assert!(message.contains("spec.condition") && message.contains("did you mean `broken`"), "{message}");
    world.patch("drill", &json!({"spec": {"condition": "broken"}}));
    world.until_condition("drill", "Ready", "True");
}

/// What others change, is put back; what they delete, is made again.
fn drift(world: &World) {
    let kept = world.spec("drill").expect("it is there");
    world.workshop.change("drill", |widget| {
        let spec = widget.spec.get_or_insert_default();
        spec.title = "Mine".to_owned();
        spec.parts.clear();
    });
    world.until("the change is undone", || world.spec("drill").as_ref() == Some(&kept));
    world.workshop.delete("ladder");
    world.until("the deletion is undone", || {
        world.spec("ladder").is_some_and(|spec| spec.title == "Folding ladder" && spec.locker_code == "4711")
    });
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn plaintext() {
    let world = World::new("plaintext", Guard::default(), folder(), &["--insecure-plaintext"]);
    life(&world);
    world.kubectl(&["get", "lease", "inventory-sync.example.dev"]);
    refusals(&world);
    pages(&world);
}

/// What isn't ours is left alone, and what the server does not take is said in its own words.
fn refusals(world: &World) {
    let info = ObjectInfo { id: "vise".to_owned(), ..ObjectInfo::default() };
    let spec = WidgetSpec { title: "Ada's vise".to_owned(), ..WidgetSpec::default() };
    world.workshop.create(Widget { info: Some(info), spec: Some(spec), status: None });
    let before = world.workshop.widget("vise");
    world.apply(&widget("vise", &json!({"title": "Our vise"})));
    let (reason, _) = world.until_condition("vise", "Owned", "False");
    assert_eq!(reason, "Foreign");
    world.apply(&widget("nameless", &json!({"count": 1})));
    let (reason, message) = world.until_condition("nameless", "Synced", "False");
    assert_eq!((&*reason, &*message), ("Refused", "The inventory says: the widget has no title"));
    world.kubectl(&["delete", "inventory", "--all"]);
    assert_eq!(world.workshop.widget("vise"), before);
    world.workshop.delete("vise");
}

/// More widgets than the server gives in a page, and drift in the last one, which only a whole list shows.
fn pages(world: &World) {
    let many: Vec<_> =
        (0..60).map(|n| widget(&format!("bolt-{n:02}"), &json!({"title": "Bolt", "count": n}))).collect();
    world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": many}));
    world.until_all_ready();
    assert_eq!(world.workshop.widgets().len(), 60);
    world.workshop.change("bolt-59", |widget| widget.spec.get_or_insert_default().count = 0);
    world.until("the change is undone", || world.spec("bolt-59").is_some_and(|spec| spec.count == 59));
    world.kubectl(&["delete", "inventory", "--all"]);
    assert_eq!(world.workshop.widgets().len(), 0);
}

#[test]
fn tls_with_an_authority_of_ones_own() {
    let (authority, folder) = (Authority::new(), folder());
    let flags = ["--ca-file", &text(&authority.write(folder.path()))].map(str::to_owned);
    let guard = tls(&authority.issue(&["127.0.0.1"]), None);
    life(&World::new("tls", guard, folder, &flags.each_ref().map(String::as_str)));
}

#[test]
fn mutual_tls() {
    let (authority, folder) = (Authority::new(), folder());
    let guard = tls(&authority.issue(&["inventory.example"]), Some(&authority));
    let (certificate, key) = authority.issue(&["operator"]).write(folder.path());
    let flags = [
        format!("--ca-file={}", text(&authority.write(folder.path()))),
        format!("--certificate-file={}", text(&certificate)),
        format!("--key-file={}", text(&key)),
        "--server-name=inventory.example".to_owned(),
    ];
    life(&World::new("mutual-tls", guard, folder, &flags.each_ref().map(String::as_str)));
}

#[test]
fn a_bearers_token() {
    let (authority, folder) = (Authority::new(), folder());
    let guard = Guard { token: Some(TOKEN.to_owned()), ..tls(&authority.issue(&["127.0.0.1"]), None) };
    let token = folder.path().join("token");
    fs::write(&token, "of-yesterday").expect("writes");
    let flags = [
        format!("--ca-file={}", text(&authority.write(folder.path()))),
        format!("--token-file={}", text(&token)),
    ];
    let world = World::new("bearer", guard, folder, &flags.each_ref().map(String::as_str));
    world.apply(&widget("early", &json!({"title": "Too early"})));
    world.until("what is wrong is said", || {
        let page = world.operator.health("/readyz");
        page.is_some_and(|(status, text)| status == 503 && text.contains("carries no token, or a wrong one"))
    });
    fs::write(&token, TOKEN).expect("writes");
    world.until_condition("early", "Ready", "True");
    world.kubectl(&["delete", "widget", "early"]);
    life(&world);
    let log = world.operator.log();
    assert!(!log.contains(TOKEN) && !log.contains("of-yesterday"), "a token is in the log");
}

/// The README's first command.
#[test]
fn the_sandbox_plays_another_target() {
    let folder = folder();
    let mut sandbox = Command::new(PROGRAM);
    sandbox
        .args(["sandbox", "--target", TARGET, "--once", "--kubeconfig"])
        .arg(folder.path().join("kubeconfig"));
    let output = sandbox.env("KUBEBUILDER_ASSETS", assets()).output().expect("it runs");
    let (said, shown) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{said}\n{shown}");
    for name in ["drill", "ladder", "settings"] {
        let ready = |line: &str| line.contains(name) && line.ends_with("ready");
        assert!(shown.lines().any(ready), "{name} is not ready:\n{shown}");
    }
}
