//! A kube-apiserver of a test's own, with a namespace that holds its pods to the `restricted` standard. A test has its own
//! because definitions are of the whole cluster, and belong to one release.
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::helm::Helm;
use crate::kubernetes::Kubernetes;

/// A cluster, Helm for it, and the release's namespace.
pub struct Place {
    pub cluster: Kubernetes,
    pub helm: Helm,
    pub namespace: String,
}

impl Place {
    pub fn new(namespace: &str) -> Self {
        let cluster = Kubernetes::start();
        cluster.namespace(namespace);
        cluster.kubectl(&["label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"]);
        let helm = Helm::of(cluster.kubeconfig());
        Self { cluster, helm, namespace: namespace.to_owned() }
    }

    /// Runs Helm in the namespace.
    pub fn helm(&self, arguments: &[&str]) -> String {
        self.helm.run(["--namespace", &self.namespace].iter().chain(arguments))
    }

    /// Runs kubectl in the namespace.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> String {
        self.cluster.kubectl_with(&[&["--namespace", &self.namespace], arguments].concat(), input)
    }

    /// Objects as JSON, by name; of several kinds, separated by commas, by kind and name.
    pub fn objects(&self, kinds: &str) -> BTreeMap<String, Value> {
        let list: Value =
            serde_json::from_str(&self.kubectl(&["get", kinds, "-o", "json"], "")).expect("JSON");
        let named = |object: &Value| {
            let name = object["metadata"]["name"].as_str().expect("a name");
            let kind = object["kind"].as_str().expect("a kind");
            (if kinds.contains(',') { format!("{kind}/{name}") } else { name.to_owned() }, object.clone())
        };
        list["items"].as_array().expect("a list").iter().map(named).collect()
    }

    /// Who each custom resource is, whatever its name: an object that is made anew has another uid.
    pub fn custom_resources(&self) -> BTreeMap<String, Value> {
        // By their names: the official definitions have no category.
        let kinds: Vec<String> = self.objects("crd").into_keys().collect();
        let all = self.kubectl(&["get", &kinds.join(","), "-o", "json"], "");
        let all: Value = serde_json::from_str(&all).expect("JSON");
        let identity = |object: &Value| {
            let metadata = &object["metadata"];
            assert!(metadata["deletionTimestamp"].is_null(), "{object} is being deleted");
            let name = metadata["name"].as_str().expect("a name");
            (format!("{}/{name}", object["kind"].as_str().expect("a kind")), metadata["uid"].clone())
        };
        all["items"].as_array().expect("a list").iter().map(identity).collect()
    }

    /// Makes the examples of all kinds that are established, and says how many there are.
    pub fn apply_examples(&self) -> usize {
        self.cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
        let crds = self.objects("crd");
        let kinds: Vec<&Value> = crds.values().map(|crd| &crd["spec"]["names"]["kind"]).collect();
        let mut stream = String::new();
        for entry in
            fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/teleport")).expect("a folder")
        {
            let text = fs::read_to_string(entry.expect("an entry").path()).expect("a text");
            for mut document in crate::helm::documents(&text) {
                if kinds.contains(&&document["kind"]) {
                    // As the operator would: such an object can't go without it.
                    document["metadata"]["finalizers"] = json!(["resources.teleport.dev/deletion"]);
                    stream += &format!("{document}\n");
                }
            }
        }
        // Older definitions know less than the examples: what they lack is dropped, and what they refuse is not there.
        let create = ["--namespace", &self.namespace, "create", "--validate=ignore", "-f", "-"];
        self.cluster.try_kubectl(&create, &stream);
        self.custom_resources().len()
    }

    /// Whether a pod would be taken that is as a Deployment's template says; if not, why.
    pub fn admits_pod_of(&self, deployment: &Value) -> Result<(), String> {
        let template = &deployment["spec"]["template"];
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
            "metadata": { "name": "of-the-template", "labels": template["metadata"]["labels"] },
        });
        let arguments =
            ["--namespace", &self.namespace, "create", "--dry-run=server", "--validate=strict", "-f", "-"];
        let output = self.cluster.try_kubectl(&arguments, &pod.to_string());
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}
