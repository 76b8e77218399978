//! Generated CRDs on a real API server: it establishes them, and it takes the manifests that people write.
#[path = "support/kubernetes.rs"]
mod kubernetes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kubernetes::Kubernetes;
use serde_json::{Value, json};
use teleport_operator::cli::crds;
use teleport_operator::crd;
use teleport_operator::mapping::{self, plan::Target};

fn target() -> Target {
    mapping::embedded().expect("the embedded mappings are sound")
}

/// A Kubernetes API with all of our CRDs, established.
fn cluster() -> Arc<Kubernetes> {
    static INSTALL: Mutex<()> = Mutex::new(());
    let cluster = Kubernetes::shared();
    let _one_at_a_time = INSTALL.lock().unwrap_or_else(PoisonError::into_inner);
    let everything =
        crds::Args { kinds: Vec::new(), output: crds::Format::Yaml, dir: None, choice: Default::default() };
    let mut yaml = Vec::new();
    assert_eq!(crds::run(&everything, &target(), &mut yaml).expect("memory can be written"), []);
    let yaml = String::from_utf8(yaml).expect("UTF-8");
    cluster.kubectl_with(&["apply", "--server-side", "--validate=strict", "-f", "-"], &yaml);
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    cluster
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

#[test]
fn every_definition_is_established_without_complaint() {
    let cluster = cluster();
    let found: Value = serde_json::from_str(&cluster.kubectl(&["get", "crd", "-o", "json"])).expect("JSON");
    for kind in &target().kinds {
        let name = json!(crd::name(kind));
        let crd =
            list(&found["items"]).iter().find(|crd| crd["metadata"]["name"] == name).expect("it is there");
        let conditions = list(&crd["status"]["conditions"]).iter();
        let conditions: BTreeMap<_, _> = conditions.map(|c| (text(&c["type"]), text(&c["status"]))).collect();
        // NonStructuralSchema, for one, is only there when it has something to say.
        let expected = [("Established", "True"), ("NamesAccepted", "True")];
        let expected = expected.map(|(type_, status)| (type_.to_owned(), status.to_owned()));
        assert_eq!(conditions, BTreeMap::from(expected), "{name}");
    }
}

/// The custom resources of the conformance vectors whose kinds we have, by file and name: good ones, or bad ones.
fn vectors(bad: bool) -> BTreeMap<String, Value> {
    let kinds: BTreeSet<String> = target().kinds.iter().map(|kind| kind.kubernetes.kind.clone()).collect();
    let mut vectors = BTreeMap::new();
    for path in files("tests/vectors").iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        let file = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let all: Value = serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON");
        let ours = list(&all).iter().filter(|vector| kinds.contains(&text(&vector["cr"]["kind"])));
        vectors.extend(ours.map(|v| (format!("{file}/{}", text(&v["name"])), v["cr"].clone())));
    }
    vectors.retain(|name, _| name.starts_with("bad/") == bad);
    vectors
}

/// What the API server answers to a server-side apply with strict validation.
fn apply(cluster: &Kubernetes, object: &Value) -> Result<Value, String> {
    let arguments =
        ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-o", "json", "-f", "-"];
    let output = cluster.try_kubectl(&arguments, &object.to_string());
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("JSON")),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Vectors with members that the official decoder drops, which strict validation refuses before anybody could.
const UNKNOWN_MEMBERS: [&str; 2] =
    ["bot/bot-unknown-field", "workload_identity/workload-identity-reserved-key"];

#[test]
fn every_vector_is_accepted_and_kept_whole() {
    let cluster = cluster();
    cluster.namespace("teleport");
    let target = target();
    let names = target.kinds.iter().filter(|kind| kind.kubernetes.name_rule);
    let only_names: BTreeMap<_, _> = names
        .filter_map(|kind| Some((kind.kubernetes.kind.as_str(), kind.resource.singleton.clone()?)))
        .collect();
    let mut vectors = vectors(false);
    for name in UNKNOWN_MEMBERS {
        let refused = apply(&cluster, &vectors.remove(name).expect("the vector is there")).unwrap_err();
        assert!(refused.contains("field not declared in schema"), "{name}: {refused}");
    }
    assert!(vectors.len() >= 450, "the vectors are there");
    let mut refused = Vec::new();
    for (name, mut vector) in vectors {
        // Teleport knows names that Kubernetes does not, such as e-mail addresses; vectors of the only resource of a kind
        // have other names.
        let legal = text(&vector["metadata"]["name"]).replace(['@', '_'], ".");
        let only = only_names.get(text(&vector["kind"]).as_str()).cloned();
        vector["metadata"]["name"] = json!(only.clone().unwrap_or(legal));
        match apply(&cluster, &vector) {
            Ok(kept) => assert_eq!(without_null(&kept["spec"]), without_null(&vector["spec"]), "{name}"),
            Err(error) => refused.push(format!("{name}: {error}")),
        }
        if only.is_some() {
            cluster.kubectl_with(&["delete", "--ignore-not-found", "-f", "-"], &vector.to_string());
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// The API server drops null where it means absence.
fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, member)| !member.is_null());
            kept.map(|(name, member)| (name.clone(), without_null(member))).collect()
        }
        Value::Array(items) => items.iter().map(without_null).collect(),
        other => other.clone(),
    }
}

/// What a structural schema can't refuse, or should not, and the translation does.
const ONLY_TRANSLATION_REFUSES: [&str; 19] = [
    // Words and durations: any string may be one, and `format: duration` would refuse good ones.
    "access-list-notification-days",
    "app-label-period",
    "autoupdate-duration-unit",
    "role-bad-duration",
    "role-cert-extension-type",
    "role-duration-empty",
    "role-host-user-mode-word",
    "role-mfa-word",
    "saml-force-authn-word",
    // A number or a string, where the official CRD and the official decoder disagree.
    "role-stdduration-string",
    "db-tls-mode-word",
    "networking-word-enum",
    // More than one type is good, for which there is no structural type.
    "role-bool-number",
    "role-host-user-mode-list",
    "role-label-number",
    "role-null-enum",
    "oidc-redirect-number",
    // The official CRD has no lower limit.
    "role-negative-unsigned",
    // Which members go together, schemas without `oneOf` can't say.
    "workload-identity-two-operators",
];

#[test]
fn bad_vectors_are_refused_as_far_as_a_schema_can_say() {
    let cluster = cluster();
    cluster.namespace("bad");
    let mut accepted = BTreeSet::new();
    for (name, mut vector) in vectors(true) {
        vector["metadata"]["namespace"] = json!("bad");
        if apply(&cluster, &vector).is_ok() {
            accepted.insert(name);
        }
    }
    let expected = ONLY_TRANSLATION_REFUSES.iter().map(|name| format!("bad/{name}")).collect();
    assert_eq!(accepted, expected);
}

#[test]
fn the_examples_are_accepted_and_there_is_one_for_each_kind() {
    let cluster = cluster();
    cluster.namespace("examples");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/teleport");
    cluster.kubectl(&["apply", "--server-side", "--validate=strict", "-n", "examples", "-f", folder]);
    for kind in &target().kinds {
        let found = cluster.kubectl(&["get", "-n", "examples", "-o", "name", &crd::name(kind)]);
        assert!(!found.is_empty(), "{} has no example", kind.kubernetes.kind);
    }
}

#[test]
fn a_name_rule_admits_the_only_name_alone() {
    // In a group of its own, so that it is no definition of another test.
    let mut sources = mapping::embedded_sources();
    for source in &mut sources {
        source.text = source.text.replace("\"resources.teleport.dev\"", "\"rules.example.org\"").replace(
            "kind = \"TeleportAutoupdateConfigV1\"",
            "kind = \"TeleportAutoupdateConfigV1\"\nname-rule = true",
        );
    }
    let schema = mapping::embedded_schema().expect("the embedded interface is sound");
    let (target, _) = mapping::load(&[sources], &schema).expect("the mappings are sound");
    let kind = target.kinds.iter().find(|kind| kind.kubernetes.name_rule).expect("the rule is on");
    let only = kind.resource.singleton.as_deref().expect("it has one name");

    let cluster = Kubernetes::shared();
    let definition = crd::crd(kind, &target.words);
    cluster.kubectl_with(&["apply", "--server-side", "-f", "-"], &definition.to_string());
    let name = format!("crd/{}", crd::name(kind));
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &name]);
    let object = |name: &str| {
        json!({
            "apiVersion": kind.kubernetes.api_version(),
            "kind": kind.kubernetes.kind,
            "metadata": { "name": name, "namespace": "default" },
            "spec": {},
        })
    };
    let refused = apply(&cluster, &object("another")).expect_err("there is one name");
    assert!(refused.contains(&format!("resource must be named \"{only}\"")), "{refused}");
    apply(&cluster, &object(only)).expect("this is the name");
}
