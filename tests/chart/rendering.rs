//! What the chart makes of values: snapshots of the main cases, and what must hold in all of them.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use teleport_operator::mapping;

use crate::helm::{Helm, chart, own};

/// The values files, official ones first.
pub fn cases() -> Vec<PathBuf> {
    let files = |folder: &str| -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(own(folder)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    files("values/official").into_iter().chain(files("values/more")).collect()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_crd(document: &Value) -> bool {
    document["kind"] == "CustomResourceDefinition"
}

/// How many kinds there are.
fn kinds() -> usize {
    mapping::embedded().expect("the embedded mappings are sound").kinds.len()
}

/// Rules about many kinds are long, and checked elsewhere.
fn shortened(mut document: Value) -> Value {
    for rule in document.get_mut("rules").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(resources) = rule["resources"].as_array_mut().filter(|resources| resources.len() > 20) {
            *resources = vec![resources[0].clone(), json!("and so on")];
        }
    }
    document
}

#[test]
fn manifests_are_as_in_the_snapshots() {
    let (helm, kinds) = (Helm::alone(), kinds());
    for case in cases() {
        let mut shown = String::new();
        let documents = helm.template(&case, &[]);
        for document in documents.iter().filter(|document| !is_crd(document)) {
            let yaml = serde_saphyr::to_string(&shortened(document.clone())).expect("YAML");
            shown += &format!("---\n{yaml}");
        }
        let crds = documents.iter().filter(|document| is_crd(document)).count();
        let crds = if crds == kinds { "all".to_owned() } else { crds.to_string() };
        shown += &format!("---\n# CustomResourceDefinitions: {crds}");
        let name = case.file_stem().expect("a name").to_string_lossy().into_owned();
        let version = env!("CARGO_PKG_VERSION");
        let shown = shown.replace(version, "VERSION");
        insta::assert_snapshot!(name, shown);
    }
}

#[test]
fn lint_has_nothing_to_say() {
    let (helm, chart) = (Helm::alone(), chart().display().to_string());
    for case in cases() {
        let said = helm.run(["lint", "--strict", &chart, "--values", &case.display().to_string()]);
        assert!(said.contains("1 chart(s) linted, 0 chart(s) failed"), "{}: {said}", case.display());
    }
}

/// One value out of each of these lists, in all combinations.
const MATRIX: &[(&str, &[&str])] = &[
    ("enabled", &["true", "false"]),
    ("installCRDs", &[r#""dynamic""#, r#""always""#, r#""never""#]),
    ("keepCRDs", &["true", "false"]),
    ("rbac.create", &["true", "false"]),
    ("serviceAccount.create", &["true", "false"]),
    ("watchNamespaces", &["[]", r#"["a","b"]"#, r#"["*"]"#]),
    ("namespacePolicies", &["true", "false"]),
    ("kinds", &["[]", r#"["teleportrole?9","TeleportUser"]"#]),
];

/// Some of the 864 combinations: always the same ones, in which each value is.
fn combinations() -> Vec<Vec<String>> {
    let mut random = fastrand::Rng::with_seed(6);
    let mut row = || {
        let set = |(name, choices): &(&str, &[&str])| {
            format!("--set-json={name}={}", random.choice(*choices).expect("there are some"))
        };
        MATRIX.iter().map(set).collect()
    };
    (0..12).map(|_| row()).collect()
}

#[test]
fn what_is_asked_for_is_there_and_nothing_else() {
    let helm = Helm::alone();
    let all = kinds();
    let case = own("values/official/cloud-join.yaml");
    let mut seen = BTreeSet::new();
    for flags in combinations() {
        let is = |flag: &str| flags.iter().any(|given| given == &format!("--set-json={flag}"));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let documents = helm.template(&case, &flags);
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for document in &documents {
            *kinds.entry(text(&document["kind"])).or_default() += 1;
        }
        let enabled = is("enabled=true");
        let installed = is(r#"installCRDs="always""#) || (is(r#"installCRDs="dynamic""#) && enabled);
        let crds = if is("kinds=[]") { all } else { 2 };
        let roles = usize::from(enabled && is("rbac.create=true"));
        let clusters = is(r#"watchNamespaces=["*"]"#) || is("namespacePolicies=true");
        let expected = [
            ("CustomResourceDefinition", if installed { crds } else { 0 }),
            ("Deployment", usize::from(enabled)),
            ("ServiceAccount", usize::from(enabled && is("serviceAccount.create=true"))),
            ("ClusterRole", if clusters { roles } else { 0 }),
            ("ClusterRoleBinding", if clusters { roles } else { 0 }),
            // With namespaces that are not the release's, the Lease has a Role of its own.
            ("Role", if is(r#"watchNamespaces=["a","b"]"#) { 3 * roles } else { roles }),
            ("RoleBinding", if is(r#"watchNamespaces=["a","b"]"#) { 3 * roles } else { roles }),
        ];
        let expected: BTreeMap<_, _> = expected.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(kinds, expected, "{flags:?}");
        for crd in documents.iter().filter(|document| is_crd(document)) {
            let policy = &crd["metadata"]["annotations"]["helm.sh/resource-policy"];
            assert_eq!(policy == "keep", is("keepCRDs=true"), "{flags:?}");
        }
        seen.extend(flags.into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), MATRIX.iter().map(|(_, choices)| choices.len()).sum::<usize>(), "all are tried");
}

/// What a Role can't grant is granted for the watched namespaces, and for no other.
#[test]
fn policies_of_namespaces_can_be_read_where_objects_are() {
    let case = own("values/official/cloud-join.yaml");
    for (watched, named) in
        [("[]", json!(["teleport-iac"])), (r#"["a","b"]"#, json!(["a", "b"])), (r#"["*"]"#, Value::Null)]
    {
        let watched = format!("--set-json=watchNamespaces={watched}");
        let documents = Helm::alone().template(&case, &["--set=namespacePolicies=true", &watched]);
        let about = |rule: &&Value| rule["resources"] == json!(["namespaces"]);
        let rules = documents.iter().filter_map(|document| Some((document, document["rules"].as_array()?)));
        let rules = rules.flat_map(|(document, rules)| rules.iter().map(move |rule| (document, rule)));
        let rules: Vec<_> = rules.filter(|(_, rule)| about(rule)).collect();
        let [(document, rule)] = rules[..] else { panic!("{rules:?}") };
        assert_eq!((&document["kind"], &rule["resourceNames"]), (&json!("ClusterRole"), &named));
        assert_eq!(rule["verbs"], json!(["list", "watch"]));
    }
}

#[test]
fn definitions_are_those_of_the_plans_with_labels() {
    let documents = Helm::alone().template(&own("values/official/cloud-join.yaml"), &[]);
    let mut checked = 0;
    for document in documents.into_iter().filter(is_crd) {
        let plural = text(&document["spec"]["names"]["plural"]).trim_start_matches("teleport").to_owned();
        let file = chart().join(format!("operator-crds/resources.teleport.dev_{plural}.yaml"));
        let mut expected: Value =
            serde_saphyr::from_str(&fs::read_to_string(file).expect("a definition")).expect("YAML");
        assert_eq!(document["metadata"]["labels"]["teleport.dev/release"], "teleport-iac_operator");
        expected["metadata"]["labels"] = document["metadata"]["labels"].clone();
        expected["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
        assert_eq!(document, expected, "{plural}");
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn an_older_kubernetes_gets_no_checks_in_cel() {
    let case = own("values/official/cloud-join.yaml");
    let has_checks = |version: &str| {
        let documents = Helm::alone().template(&case, &["--kube-version", version]);
        documents
            .iter()
            .filter(|document| is_crd(document))
            .any(|crd| crd.to_string().contains("x-kubernetes-validations"))
    };
    assert!(has_checks("1.25.0"));
    assert!(!has_checks("1.24.9"));
}

/// As a part of the official `teleport-cluster`, under the name that it has there.
#[test]
fn a_chart_around_it_says_where_the_auth_service_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let parent = folder.path().join("cluster");
    fs::create_dir_all(parent.join("templates")).expect("a folder");
    fs::create_dir_all(parent.join("charts")).expect("a folder");
    std::os::unix::fs::symlink(chart(), parent.join("charts/teleport-operator")).expect("a link");
    let version = env!("CARGO_PKG_VERSION");
    let dependencies = json!([{ "name": "teleport-operator", "version": version, "alias": "operator", "condition": "installCRDs,operator.enabled" }]);
    let manifest = json!({ "apiVersion": "v2", "name": "teleport-cluster", "version": "18.0.0", "dependencies": dependencies });
    fs::write(parent.join("Chart.yaml"), manifest.to_string()).expect("written");
    let helper = r#"{{- define "teleport-cluster.auth.serviceFQDN" -}}{{ .Release.Name }}-auth.{{ .Release.Namespace }}.svc.cluster.local{{- end -}}"#;
    fs::write(parent.join("templates/_helpers.tpl"), helper).expect("written");
    let rule =
        r#"who: {{ include "teleport-cluster.operator.serviceAccountName" (index .Subcharts "operator") }}"#;
    fs::write(parent.join("templates/who.yaml"), format!("kind: Who\n{rule}\n")).expect("written");
    let values = folder.path().join("values.yaml");
    let given = json!({ "global": { "x": 1 }, "operator": { "enabled": true, "token": "operator", "nameOverride": "operator" } });
    fs::write(&values, given.to_string()).expect("written");

    let documents = Helm::alone().template_of(&parent, &values, &[]);
    let deployment =
        documents.iter().find(|document| document["kind"] == "Deployment").expect("a Deployment");
    assert_eq!(deployment["metadata"]["name"], "operator-operator");
    let command = &deployment["spec"]["template"]["spec"]["containers"][0]["command"];
    assert_eq!(command[2], "operator-auth.teleport-iac.svc.cluster.local:3025");
    assert!(documents.contains(&json!({ "kind": "Who", "who": "operator-operator" })));
}
