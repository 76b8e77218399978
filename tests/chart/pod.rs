//! The guide, run as it is printed, and the pod that it makes, run as its manifest says: with its own service account's tokens
//! and rights it joins Teleport and syncs, nothing that it asks for is refused, and nothing that it was granted lies unused.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control::Control;
use crate::helm;
use crate::kubernetes::{AUDIT_LOG, AUDITED, assets, free_ports};
use crate::node::Pod;
use crate::place::Place;
use crate::teleport::Teleport;

/// How long anything may take that is to happen at all.
const PATIENCE: Duration = Duration::from_secs(90);
/// As the peer calls its cluster.
const CLUSTER: &str = "teleport.example.com";

/// The guide's commands, in a folder with what they need.
struct Guide {
    blocks: Vec<String>,
    folder: TempDir,
    place: Place,
    teleport: Teleport,
    target: Control,
}

impl Guide {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = fs::read_to_string(root.join("docs/getting-started.md")).expect("the guide");
        let blocks =
            page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().expect("an end").to_owned());
        let place = Place::new(AUDITED);
        let teleport = Teleport::joining("19", &[]);
        let target = Control::of(&teleport.path("ready.json"));
        let folder = tempfile::tempdir().expect("a folder");
        let guide = Self { blocks: blocks.collect(), folder, place, teleport, target };
        guide.prepare(root);
        guide
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is in the guide's folder and on the path, and what a cluster's controllers would have made.
    fn prepare(&self, root: &Path) {
        let bin = self.path("bin");
        fs::create_dir(&bin).expect("a folder");
        for (name, path) in [
            ("teleport-operator", PathBuf::from(env!("CARGO_BIN_EXE_teleport-operator"))),
            ("kubectl", assets().join("kubectl")),
            ("helm", helm::binary().to_owned()),
        ] {
            symlink(path, bin.join(name)).expect("a link");
        }
        // It only takes the file; what is in it is stored below.
        let tctl = bin.join("tctl");
        fs::write(&tctl, "#!/bin/sh\n[ \"$1 $2\" = 'create -f' ] && cp \"$3\" created.yaml\n")
            .expect("written");
        fs::set_permissions(&tctl, fs::Permissions::from_mode(0o755)).expect("its mode");
        for folder in ["charts", "examples"] {
            symlink(root.join(folder), self.path(folder)).expect("a link");
        }
        fs::copy(self.teleport.web_authorities(), self.path("root-ca.pem")).expect("copied");
        let kubeconfig: Value =
            serde_saphyr::from_str(&fs::read_to_string(self.place.cluster.kubeconfig()).expect("a text"))
                .expect("YAML");
        let authority =
            kubeconfig["clusters"][0]["cluster"]["certificate-authority"].as_str().expect("a path");
        let from = format!("--from-file=ca.crt={authority}");
        self.place.kubectl(&["create", "configmap", "kube-root-ca.crt", &from], "");
    }

    /// Runs the block with this in it.
    fn run(&self, part: &str) {
        let block = self
            .blocks
            .iter()
            .find(|block| block.contains(part))
            .unwrap_or_else(|| panic!("no block with {part}"));
        let block = match part {
            // These are the reader's own.
            "TELEPORT=" => return,
            _ => format!(
                "set -euo pipefail\nTELEPORT={}\nCLUSTER={CLUSTER}\nIMAGE=ours\n{block}",
                self.teleport.proxy()
            ),
        };
        let path =
            std::env::join_paths([self.path("bin"), "/usr/bin".into(), "/bin".into()]).expect("a path");
        let output = Command::new("bash")
            .args(["-c", &block])
            .current_dir(self.folder.path())
            .env_clear()
            .envs([("PATH", path.as_os_str()), ("HOME", self.folder.path().as_os_str())])
            .env("KUBECONFIG", self.place.cluster.kubeconfig())
            .output()
            .expect("bash starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}\n{said}");
    }

    /// Stores what `tctl` was given.
    fn store(&self) {
        let created = fs::read_to_string(self.path("created.yaml")).expect("what tctl was given");
        let documents = helm::documents(&created);
        assert_eq!(documents.len(), 3, "{created}");
        for document in documents {
            let of = |value: &Value| value.as_str().expect("a text").to_owned();
            self.target.put(&of(&document["kind"]), &of(&document["metadata"]["name"]), &document);
        }
    }

    fn start(&self) -> Pod {
        let deployment = self.place.objects("deployment")["teleport-operator"].clone();
        Pod::of(&self.place, &deployment, &self.path("operator.log"))
    }

    /// All that this user asked of Kubernetes, as `verb resource`, with the answers' codes.
    fn asked(&self) -> BTreeMap<(String, String), BTreeSet<u64>> {
        let log =
            fs::read_to_string(self.place.cluster.kubeconfig().with_file_name(AUDIT_LOG)).expect("the log");
        let mut asked: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
        let user = format!("system:serviceaccount:{AUDITED}:teleport-operator");
        for event in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let object = &event["objectRef"];
            if event["user"]["username"] != user.as_str() || object.is_null() {
                continue;
            }
            let part = |name: &str| object[name].as_str().unwrap_or_default();
            let subresource = if part("subresource").is_empty() {
                String::new()
            } else {
                format!("/{}", part("subresource"))
            };
            let resource = format!("{}/{}{subresource}", part("apiGroup"), part("resource"));
            let verb = event["verb"].as_str().unwrap_or_default().to_owned();
            asked.entry((verb, resource)).or_default().extend(event["responseStatus"]["code"].as_u64());
        }
        asked
    }
}

/// Waits until something is there.
fn until<T>(pod: &Pod, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(pod.ended().is_none() && began.elapsed() < PATIENCE, "{what}: {}", pod.log());
        sleep(Duration::from_millis(250));
    }
}

/// All that the pod's service account may do.
fn rules(place: &Place) -> Vec<Value> {
    let of = |kind, name: &str| place.objects(kind)[name]["rules"].as_array().expect("rules").clone();
    let rest = of("clusterrole", &format!("{AUDITED}-teleport-operator"));
    of("role", "teleport-operator").into_iter().chain(rest).collect()
}

#[test]
fn the_guide_leads_to_a_pod_that_syncs_with_the_rights_it_has() {
    let guide = Guide::new();
    let place = &guide.place;
    assert_eq!(guide.blocks.len(), 5, "each block is run below");
    guide.run("TELEPORT=");
    guide.run("tctl create");
    guide.store();
    // The namespace is there already, with the standard that its pods are held to.
    guide.run("helm install");
    guide.run("my-root-ca");
    // Every pod of a cluster has its own address; here they share one.
    let [metrics, health] = free_ports().map(|port| format!("127.0.0.1:{port}"));
    let arguments = json!(["-metrics-bind-address", metrics, "-health-probe-bind-address", health]);
    let flag = format!("extraArgs={arguments}");
    let chart = helm::chart().display().to_string();
    let policies = "namespacePolicies=true";
    place.helm(&[
        "upgrade",
        "teleport-operator",
        &chart,
        "--reuse-values",
        "--set-json",
        &flag,
        "--set",
        policies,
    ]);

    let pod = guide.start();
    let held = || place.objects("lease").into_iter().next();
    until(&pod, "it holds the Lease", held);
    guide.run("kubectl apply");
    let role = guide.target.resource("role", "orders-developer").expect("the role is in Teleport");
    assert_eq!(role.json["metadata"]["labels"]["teleport.dev/origin"], "kubernetes");

    exercise(&guide, &pod);
    let asked = guide.asked();
    let refused: Vec<_> = asked.iter().filter(|(_, codes)| codes.contains(&403)).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let idle = unused(&rules(place), &asked);
    assert!(idle.is_empty(), "granted and not used: {idle:#?}");
    let more = json!({ "apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get", "update"] });
    assert_eq!(unused(&[more], &asked), ["update /pods …", "any /pods"], "it would be seen");

    // Away, and back: nothing is lost here or there, and nothing is written anew.
    let before = place.custom_resources();
    assert!(pod.stop(place).success());
    let (resources, writes) = (guide.target.dump(), guide.target.writes().len());
    place.helm(&["uninstall", "teleport-operator"]);
    assert_eq!((place.custom_resources(), guide.target.dump()), (before.clone(), resources.clone()));
    guide.run("helm install");
    let flags = ["--reuse-values", "--set", "tls.existingCASecretName=my-root-ca", "--set-json", &flag];
    place.helm(&[&["upgrade", "teleport-operator", &chart], &flags[..]].concat());
    let pod = guide.start();
    until(&pod, "it is ready", || {
        ureq::get(format!("http://{health}/readyz")).call().ok().filter(|answer| answer.status() == 200)
    });
    assert_eq!(place.custom_resources(), before);
    let written: Vec<_> =
        guide.target.writes().into_iter().skip(writes).filter(|write| write.kind == "role").collect();
    assert!(written.is_empty(), "{written:?}");
}

/// Gives the operator a reason to use each of its rights: objects of all kinds, a Secret, and events that repeat.
fn exercise(guide: &Guide, pod: &Pod) {
    let place = &guide.place;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "of-the-connector", "annotations": { "resources.teleport.dev/allow-lookup-from-cr": "*" } },
        "stringData": { "secret": "the-value" },
    });
    let connector = json!({
        "apiVersion": "resources.teleport.dev/v3", "kind": "TeleportGithubConnector", "metadata": { "name": "with-a-secret" },
        "spec": {
            "client_id": "id", "client_secret": "secret://of-the-connector/secret", "display": "GitHub",
            "redirect_url": "https://teleport.example.com/v1/webapi/github/callback",
            "teams_to_roles": [{ "organization": "o", "team": "t", "roles": ["orders-developer"] }],
        },
    });
    place.kubectl(&["apply", "-f", "-"], &format!("{secret}\n---\n{connector}"));
    place.kubectl(&["apply", "-f", &guide.path("examples/teleport").display().to_string()], "");
    until(pod, "the connector is there", || guide.target.resource("github", "with-a-secret"));
    let rules = rules(place);
    let mut turn = 0;
    until(pod, "all rights are used", || {
        turn += 1;
        let label = format!("turn={turn}");
        place.kubectl(&["label", "--overwrite", "teleportrolev7", "orders-developer", &label], "");
        sleep(Duration::from_secs(1));
        (unused(&rules, &guide.asked()).is_empty() || turn > 40).then_some(())
    });
}

/// Of what the rules grant, what was not asked for. A rule is about many kinds: each kind must be asked about, and each verb be
/// used on one of them.
fn unused(rules: &[Value], asked: &BTreeMap<(String, String), BTreeSet<u64>>) -> Vec<String> {
    let texts = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .expect("a list")
            .iter()
            .map(|text| text.as_str().expect("a text").to_owned())
            .collect()
    };
    let mut unused = Vec::new();
    for rule in rules {
        let (group, verbs) = (&texts(&rule["apiGroups"])[0], texts(&rule["verbs"]));
        let resources: Vec<String> =
            texts(&rule["resources"]).into_iter().map(|name| format!("{group}/{name}")).collect();
        let used = |verb: &str, resource: &str| asked.contains_key(&(verb.to_owned(), resource.to_owned()));
        // Servers before 1.34 can't stream what there is into a watch, and are asked for lists.
        let idle = verbs
            .iter()
            .filter(|verb| *verb != "list" && !resources.iter().any(|resource| used(verb, resource)));
        unused.extend(idle.map(|verb| format!("{verb} {} …", resources[0])));
        let idle = resources.iter().filter(|resource| !verbs.iter().any(|verb| used(verb, resource)));
        unused.extend(idle.map(|resource| format!("any {resource}")));
    }
    unused
}
