//! What a node does for a pod, as far as it is needed here: tokens, volumes, environment, and the program started as the pod
//! says: its user, its command, a root file system that can't be written to. Knows no chart.
//!
//! The root holds the program, the libraries of the image's base and the pod's volumes, in a mount namespace of its own.
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::{Value, json};
use teleport_operator::sandbox::process::{Process, guarded};
use tempfile::TempDir;

use crate::place::Place;

const PROGRAM: &str = env!("CARGO_BIN_EXE_teleport-operator");

/// A pod that runs; it ends when this is dropped, or the test process dies.
pub struct Pod {
    process: Process,
    root: TempDir,
    log: PathBuf,
}

impl Pod {
    /// Makes the pod of a Deployment, and starts it.
    pub fn of(place: &Place, deployment: &Value, log: &Path) -> Self {
        let pod = create(place, &deployment["spec"]["template"]);
        let (root, spec) = (tempfile::tempdir().expect("a folder"), &pod["spec"]);
        let node = Node { place, pod: &pod, root: root.path() };
        node.lay_out_image();
        let volumes: BTreeMap<&str, Vec<(String, String)>> = list(&spec["volumes"])
            .iter()
            .map(|volume| (text(&volume["name"]), node.volume(volume)))
            .collect();
        let [container] = list(&spec["containers"]) else { panic!("one container: {spec}") };
        for mount in list(&container["volumeMounts"]) {
            assert_eq!(mount["readOnly"], true, "{mount}");
            for (path, content) in &volumes[text(&mount["name"])] {
                node.write(&format!("{}/{path}", text(&mount["mountPath"])), content.as_bytes());
            }
        }
        let process = node.start(container, log);
        Self { process, root, log: log.to_owned() }
    }

    /// All that it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log")
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.process.ended().expect("it is a child")
    }

    /// Ends it as a node does: SIGTERM, and time to finish.
    pub fn stop(self, place: &Place) -> ExitStatus {
        self.process.signal("TERM").expect("it runs");
        let status = self.process.wait(Duration::from_secs(30)).expect("it is a child");
        let status = status.unwrap_or_else(|| panic!("it does not stop: {}", self.log()));
        place.kubectl(&["delete", "pod", "--all", "--force", "--grace-period=0"], "");
        assert!(self.root.path().join("teleport-operator").exists());
        status
    }
}

/// The pod as the API server keeps it: tokens are for it, and end with it.
fn create(place: &Place, template: &Value) -> Value {
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!("operator-0");
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] });
    let created = place.kubectl(&["create", "--validate=strict", "-o", "json", "-f", "-"], &pod.to_string());
    serde_json::from_str(&created).expect("JSON")
}

struct Node<'a> {
    place: &'a Place,
    pod: &'a Value,
    root: &'a Path,
}

impl Node<'_> {
    /// What the image holds.
    fn lay_out_image(&self) {
        let libraries = Command::new("ldd").arg(PROGRAM).output().expect("ldd");
        let libraries = String::from_utf8(libraries.stdout).expect("UTF-8");
        let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        for path in paths.chain(["/etc/hosts", "/etc/nsswitch.conf"]).filter(|path| Path::new(path).exists())
        {
            self.write(path, &fs::read(path).expect("readable"));
        }
        self.write("/teleport-operator", &fs::read(PROGRAM).expect("the program"));
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.root.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, content).expect("written");
        // As `fsGroup` makes it: others than its group need not read it.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o550)).expect("its mode");
        if is_root() {
            let group = self.pod["spec"]["securityContext"]["fsGroup"].as_u64().expect("a group");
            chown(&path, None, u32::try_from(group).ok()).expect("its group");
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).expect("its mode");
        }
    }

    /// Paths in a volume, with what stands there.
    fn volume(&self, volume: &Value) -> Vec<(String, String)> {
        if let Some(secret) = volume["secret"]["secretName"].as_str() {
            let secret = self.get("secret", secret);
            let data = secret["data"].as_object().expect("data");
            return data.iter().map(|(key, value)| (key.clone(), decoded(text(value)))).collect();
        }
        let sources = volume["projected"]["sources"].as_array();
        sources
            .unwrap_or_else(|| panic!("no volume that is known here: {volume}"))
            .iter()
            .flat_map(|source| self.source(source))
            .collect()
    }

    fn source(&self, source: &Value) -> Vec<(String, String)> {
        let items = |of: &str| list(&source[of]["items"]).to_vec();
        if let Some(token) = source.get("serviceAccountToken") {
            return vec![(text(&token["path"]).to_owned(), self.token(token))];
        }
        if let Some(name) = source["configMap"]["name"].as_str() {
            let data = self.get("configmap", name)["data"].clone();
            let item =
                |item: &Value| (text(&item["path"]).to_owned(), text(&data[text(&item["key"])]).to_owned());
            return items("configMap").iter().map(item).collect();
        }
        items("downwardAPI")
            .iter()
            .map(|item| (text(&item["path"]).to_owned(), self.field(&item["fieldRef"])))
            .collect()
    }

    /// A token for this pod, with the audience and the lifetime that are asked for.
    fn token(&self, token: &Value) -> String {
        let metadata = &self.pod["metadata"];
        let seconds = format!("{}s", token["expirationSeconds"].as_u64().unwrap_or(3600));
        let account = text(&self.pod["spec"]["serviceAccountName"]);
        let bound = [
            "--bound-object-kind=Pod",
            "--bound-object-name",
            text(&metadata["name"]),
            "--bound-object-uid",
            text(&metadata["uid"]),
        ];
        let mut arguments = vec!["create", "token", account, "--duration", &seconds];
        arguments.extend(bound);
        if let Some(audience) = token["audience"].as_str() {
            arguments.extend(["--audience", audience]);
        }
        self.place.kubectl(&arguments, "").trim().to_owned()
    }

    fn field(&self, reference: &Value) -> String {
        assert_eq!(reference["fieldPath"], "metadata.namespace");
        text(&self.pod["metadata"]["namespace"]).to_owned()
    }

    fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.place.kubectl(&["get", kind, name, "-o", "json"], "")).expect("JSON")
    }

    fn start(&self, container: &Value, log: &Path) -> Process {
        // One process all the way, so that signals reach the program.
        const ENTER: &str = r#"root=$1 user=$2; shift 2; mount --bind "$root" "$root" &&
            mount -o remount,bind,ro "$root" && exec chroot $user "$root" "$@""#;
        let context = &self.pod["spec"]["securityContext"];
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        let user = format!("--userspec={}:{}", context["runAsUser"], context["runAsGroup"]);
        let (unshare, user) = if is_root() {
            (vec!["--mount"], user)
        } else {
            (vec!["--mount", "--map-root-user"], String::new())
        };
        let url = self.place.cluster.url();
        let (host, port) = url.trim_start_matches("https://").split_once(':').expect("a port");
        let mut command = guarded("unshare");
        command.args(unshare).args(["--", "sh", "-c", ENTER, "enter"]);
        command.arg(self.root).arg(user).args(list(&container["command"]).iter().map(text));
        command.env_clear().env("PATH", std::env::var_os("PATH").expect("a path"));
        // As a node does for every pod.
        command.envs([
            ("KUBERNETES_SERVICE_HOST", host),
            ("KUBERNETES_SERVICE_PORT", port),
            ("HOSTNAME", text(&self.pod["metadata"]["name"])),
        ]);
        for variable in container["env"].as_array().into_iter().flatten() {
            let value = variable["value"]
                .as_str()
                .map_or_else(|| self.field(&variable["valueFrom"]["fieldRef"]), str::to_owned);
            command.env(text(&variable["name"]), value);
        }
        Process::start(&mut command, log).expect("it starts")
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").map(|of| std::os::unix::fs::MetadataExt::uid(&of)).expect("readable") == 0
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn decoded(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    String::from_utf8(bytes).expect("UTF-8")
}
